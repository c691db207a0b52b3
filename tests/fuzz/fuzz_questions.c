/*
 * What the gate may say about questions (--ask). Any octets as its messages; whatever stands
 * afterwards is a name that somebody may be asked about, there are no more than may be, and
 * the launcher reads each as a question whose rule is about that name.
 *
 * Each message is an octet that chooses a name from a table, and then the message; from an
 * octet of 128 and more the name is what the message says.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "init/boot/stages.h"
#include "stub/watch/message.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static const char *const names[] = {
	"new.example", "db", "good.example", "bad.example", "ab.chatgpt.com", "1.2.3.4", ""};
#define NAMES (sizeof(names) / sizeof(names[0]))

static struct options options;
static struct policy_overlay overlay;
static struct boot boot;

static void check(bool holds)
{
	if (!holds)
		abort();
}

static void begin(void)
{
	struct policy *p = &options.policy;
	struct rule_error e;

	policy_init(p);
	check(policy_add(p, "good.example", RULE_ALLOW, ORIGIN_OPTION, NULL, NULL, &e) == 0);
	check(policy_add(p, "bad.example", RULE_DENY, ORIGIN_OPTION, NULL, NULL, &e) == 0);
	check(policy_compile(p) == 0);
	p->overlay = &overlay;
	policy_watch(p, true);
}

static void reset(void)
{
	memset(&boot, 0, sizeof(boot));
	boot.o = &options;
	boot.gate.ask = 60;
	for (int i = 0; i < WORKERS; i++)
		boot.supervisors[i].channel = -1;
}

static size_t standing(void)
{
	size_t n = 0;

	for (size_t i = 0; i < LIMIT_ASKED; i++) {
		const struct question *q = &boot.questions.place[i];

		n += q->number && q->stands;
		check(!q->number || policy_asks(&options.policy, q->name, q->port));
		check(!q->number || questions_find(&boot.questions, q->number) == q);
	}
	return n;
}

/* What somebody who begins to watch is told. */
static void lines_are_questions(size_t expected)
{
	static struct message m;
	char *text = NULL, *next;
	size_t size = 0, n = 0;
	FILE *f = open_memstream(&text, &size);

	check(f != NULL);
	stage_ask_greet(&boot, f);
	fclose(f);
	for (char *line = text; *line; line = next + 1, n++) {
		next = strchr(line, '\n');
		check(next != NULL);
		check(message_read(line, (size_t)(next - line), &m));
		check(m.kind == (n ? MESSAGE_QUESTION : MESSAGE_HELLO));
	}
	check(n == expected + 1);
	free(text);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static struct gate_message m;

	if (!options.policy.overlay)
		begin();
	reset();
	while (size > 1) {
		const uint8_t which = data[0];
		size_t n = size - 1 < sizeof(m) ? size - 1 : sizeof(m);
		int status;

		memset(&m, 0, sizeof(m));
		memcpy(&m, data + 1, n);
		data += 1 + n;
		size -= 1 + n;
		if (which < 128) {
			/* Otherwise hardly any is valid. */
			memset((char *)&m + sizeof(m.type), 0, sizeof(m) - sizeof(m.type));
			m.type = GATE_ASK + which % 4;
			m.count = 1;
			m.port = which & 16 ? 443 : (uint16_t)(which & 15);
			strcpy(m.name, m.type == GATE_UNASKED ? "" : names[which % NAMES]);
		}
		if (m.type < GATE_ASK || m.type > GATE_UNASKED)
			continue;
		status = stage_ask_message(&boot, &m);
		check(status == 0 || status == -1);
		check(status < 0 || memchr(m.name, '\0', sizeof(m.name)));
	}
	lines_are_questions(standing());
	return 0;
}
