/*
 * `--ask`: PID 1 between the gate, which holds connections to names that no rule decides, and
 * those who watch (codex-egress watch). A question is a line to each watcher; an answer is a
 * rule, for everybody and from then on; then the gate is told to look at what it holds.
 */
#include "stages.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "../lib/clock.h"
#include "../monitor/event_line.h"

/* A normalised name needs no escapes, nor does a rule for one. What it has come to, or who
 * asks, is told afterwards; both NULL: the question itself. */
static void write_line(struct event_line *l, const struct question *q, const char *verdict,
	const struct event_who *who)
{
	const int64_t left = q->until - clock_ms();
	char rule[RULE_FOR_NAME];

	l->used = 0;
	event_line_put(l, "{\"event\":\"%s\",\"id\":%" PRIu32 ",\"rule\":\"%s\"",
		verdict ? "answered"
		: who   ? "who"
			: "question",
		q->number, rule_for_name(q->name, q->port, rule));
	if (!verdict && !who)
		event_line_put(l, ",\"name\":\"%s\",\"port\":%u,\"expires\":%" PRId64, q->name,
			q->port, left > 0 ? (left + 999) / 1000 : 0);
	event_line_string(l, "verdict", verdict);
	event_line_who(l, who);
	event_line_put(l, "}\n");
}

static void tell_watchers(struct boot *b, const struct question *q, const char *verdict,
	const struct event_who *who)
{
	struct event_line l;

	write_line(&l, q, verdict, who);
	control_tell(b->control, l.text, l.used);
}

static void settle(struct boot *b, struct question *q, const char *verdict)
{
	q->stands = false;
	tell_watchers(b, q, verdict, NULL);
}

static void have_gate_look(struct boot *b)
{
	const uint8_t look = GATE_NOTICE_LOOK;

	supervisor_reply(&b->supervisors[WORKER_GATE], &look, sizeof(look));
}

int stage_ask_open(struct boot *b, struct failure *f)
{
	/* In audit mode nothing is refused, so there is nothing to ask. */
	if (!b->o->ask || b->o->egress != EGRESS_STRICT)
		return 0;
	if (b->shared) {
		say_warning("config",
			"--ask: nobody is asked: the command has codex-init's own "
			"user id here, and could give the answers itself");
		return 0;
	}
	b->names.stand_ins = b->gate.stand_ins = stand_ins_new();
	if (!b->gate.stand_ins)
		return fail_errno(f, "allocate memory for questions", "");
	b->gate.ask = b->o->ask;
	return 0;
}

void stage_ask_greet(struct boot *b, FILE *to)
{
	struct event_line l;

	fprintf(to, "{\"event\":\"hello\",\"version\":1,\"ask\":%u,\"refused\":%" PRIu64 "}\n",
		b->gate.ask, events_refused(b->events));
	for (size_t i = 0; i < LIMIT_ASKED; i++)
		if (b->questions.place[i].stands) {
			write_line(&l, &b->questions.place[i], NULL, NULL);
			fputs(l.text, to);
		}
}

void stage_ask_forget(struct boot *b)
{
	for (size_t i = 0; i < LIMIT_ASKED; i++)
		if (b->questions.place[i].stands)
			settle(b, &b->questions.place[i], "gone");
}

void stage_ask_watched(struct boot *b, size_t watchers)
{
	if (!b->gate.ask)
		return;
	policy_watch(&b->o->policy, watchers > 0);
	if (watchers > 0)
		return;
	stage_ask_forget(b);
	have_gate_look(b);
}

void stage_ask_decided(struct boot *b)
{
	if (!b->gate.ask)
		return;
	for (size_t i = 0; i < LIMIT_ASKED; i++) {
		struct question *q = &b->questions.place[i];
		struct verdict v;

		if (!q->stands)
			continue;
		v = policy_check_name_port(&b->o->policy, q->name, q->port);
		if (v.allowed || v.rule)
			settle(b, q, v.allowed ? "allow" : "deny");
	}
	have_gate_look(b);
}

/* True if every field is as the gate may set it. */
static bool is_valid(const struct gate_message *m)
{
	struct gate_message same = {.type = m->type, .count = m->count};
	size_t at;
	const char *why;

	if (m->type == GATE_UNASKED)
		return m->count > 0 && memcmp(&same, m, sizeof(same)) == 0;
	same.port = m->port;
	if (m->type == GATE_ASK) {
		same.client = m->client;
		same.client_to = m->client_to;
	}
	return m->count == 1 && m->port && memchr(m->name, '\0', NAME_TEXT) &&
	       name_normalise(m->name, strlen(m->name), same.name, &at, &why) &&
	       memcmp(&same, m, sizeof(same)) == 0;
}

static void ask(struct boot *b, const struct gate_message *m)
{
	const int64_t now = clock_ms();
	const struct event_client client = {.port = m->client, .to = m->client_to};
	const struct question *q;

	/* It may have been decided meanwhile: the gate has looked, or will. */
	if (!policy_asks(&b->o->policy, m->name, m->port))
		return;
	q = questions_put(
		&b->questions, m->name, m->port, now + b->gate.ask * INT64_C(1000), now);
	if (!q)
		return;
	tell_watchers(b, q, NULL, NULL);
	asker_question(b->asker, q->number, &client);
}

void stage_ask_who(void *context, uint32_t number, const struct event_who *who)
{
	struct boot *b = context;
	const struct question *q = questions_find(&b->questions, number);

	if (q && q->stands)
		tell_watchers(b, q, NULL, who);
}

int stage_ask_message(struct boot *b, const struct gate_message *m)
{
	struct question *q;
	char more[64];

	if (!b->gate.ask || !is_valid(m))
		return -1;
	if (m->type == GATE_ASK) {
		ask(b, m);
	} else if (m->type == GATE_UNASKED) {
		control_tell(b->control, more,
			(size_t)snprintf(more, sizeof(more),
				"{\"event\":\"more\",\"count\":%" PRIu32 "}\n", m->count));
	} else {
		q = questions_about(&b->questions, m->name, m->port);
		if (q)
			settle(b, q, m->type == GATE_ASK_LATE ? "timeout" : "gone");
	}
	return 0;
}

bool stage_ask_rule(
	const struct boot *b, const struct control_request *answer, struct control_request *out)
{
	const struct question *q = questions_find(&b->questions, answer->question);
	char text[RULE_FOR_NAME];

	if (!q)
		return false;
	control_ipc_make(out, answer->allows ? CONTROL_ALLOW : CONTROL_DENY, NULL,
		rule_for_name(q->name, q->port, text), answer->by);
	/* A deny rule takes no suffix. */
	if (!answer->allows)
		out->text[strcspn(out->text, "+")] = '\0';
	return true;
}
