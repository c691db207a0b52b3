/*
 * What the resolver may ask PID 1 for. Any octets as its messages; whatever reaches the wall
 * (of which this plays the part) must be what the rules allow, computed here once more from
 * them.
 *
 * Each message is one octet that chooses a name from a table, so that requests get far, and
 * then the message; from an octet of 128 and more the name is what the message says.
 */
#include <stdlib.h>
#include <string.h>

#include "init/monitor/pins.h"
#include "init/route/divert.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static const char *const names[] = {"a.example", "db", "x.wild.example", "denied.example",
	"proxy.example", "gone.wild.example", "no.rule.example", ""};
#define NAMES (sizeof(names) / sizeof(names[0]))

static struct policy policy;
static struct pins talk = {.policy = &policy};
static bool fail_next; /* the transaction */

static void check(bool holds)
{
	if (!holds)
		abort();
}

int wall_pin(struct wall *w, const struct pin *pins, size_t count, struct failure *f)
{
	(void)w;
	for (size_t i = 0; i < count; i++) {
		const struct pin *p = &pins[i];
		enum address_class class = address_classify(&p->address);

		check(p->seconds >= PINS_TTL_FLOOR + PINS_GRACE);
		check(p->seconds <= PINS_TTL_CEILING + PINS_GRACE);
		check(class == ADDRESS_PUBLIC || class == ADDRESS_PRIVATE);
		check(p->address.bytes[0] != 9); /* 9.0.0.0/8 is denied */
		/* Is there a rule that permits it? */
		check(p->port == 443 || p->port == 80 || p->port == 5432 || p->port == 3128);
		check((p->kind == PIN_PROXY) == (p->port == 3128));
		check(class == ADDRESS_PUBLIC || p->port == 5432 || p->kind == PIN_PROXY);
		check(p->kind == PIN_PROXY ||
			(p->kind == PIN_PRIVATE) == (class == ADDRESS_PRIVATE));
	}
	if (!fail_next)
		return 0;
	fail_next = false;
	return fail(f, "pin", "", "this is a test");
}

/* Only when the policy changes, which it doesn't here. */
int wall_follow(struct wall *w, const struct policy *p, bool networks,
	const struct endpoint *revoke, size_t count, struct failure *f)
{
	(void)w, (void)p, (void)networks, (void)revoke, (void)count, (void)f;
	return 0;
}

int routes_follow(struct routes *r, const struct wall_config *c, struct failure *f)
{
	(void)r, (void)c, (void)f;
	return 0;
}

void divert_follow(struct routes *r, const struct wall_config *c)
{
	(void)r, (void)c;
}

int routes_allow(struct routes *r, const struct address *a, struct failure *f)
{
	(void)r;
	check(address_classify(a) == ADDRESS_PRIVATE);
	return a->bytes[1] & 1 ? fail(f, "add a route", "", "this is a test") : 0;
}

/* A refused name comes from the payload and goes into the events unchanged. */
static bool printable(const char *name, size_t size)
{
	size_t len = strnlen(name, size);

	for (size_t i = 0; i < len; i++)
		if (name[i] <= ' ' || name[i] > '~')
			return false;
	return len < size && len <= LIMIT_NAME_TEXT;
}

static size_t waiting;

static void answered(void *context, const struct resolver_pinned *answers, size_t count)
{
	(void)context;
	check(count == waiting && count <= PINS_REQUESTS);
	for (size_t i = 0; i < count; i++)
		check(answers[i].accepted >> LIMIT_ANSWER_ADDRESSES == 0);
	waiting = 0;
}

static void begin(void)
{
	static const struct exceptions direct;
	static struct policy_overlay overlay;
	static const char *const rules[] = {"a.example", "db:5432+private", "*.wild.example",
		"!denied.example", "!9.0.0.0/8", "denied.example"};
	struct policy_change change;
	struct rule_error e;
	struct failure f;

	policy_init(&policy);
	for (size_t i = 0; i < sizeof(rules) / sizeof(rules[0]); i++) {
		bool deny = rules[i][0] == '!';

		check(policy_add(&policy, rules[i] + deny, deny ? RULE_DENY : RULE_ALLOW,
			      ORIGIN_OPTION, NULL, NULL, &e) == 0);
	}
	policy_set_proxy(&policy, "proxy.example", 3128, &direct);
	check(policy_compile(&policy) == 0);
	policy.overlay = &overlay;
	check(policy_say(&policy, "gone.wild.example", RULE_DENY, NULL, NULL, &change, &e) ==
		0);
	/* Shared by all inputs: they are large, and what they remember has no effect here. */
	check(events_open(&talk.events, NULL, &f) == 0);
	talk.pin_index = pin_index_new();
	check(talk.pin_index != NULL);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct resolver_message m;

	if (!policy.compiled)
		begin();
	waiting = 0;
	while (size > 1) {
		size_t n = size - 1 < sizeof(m) ? size - 1 : sizeof(m);
		int status;

		memset(&m, 0, sizeof(m));
		memcpy(&m, data + 1, n);
		if (data[0] < 128)
			strcpy(m.name, names[data[0] % NAMES]);
		fail_next = data[0] & 64;
		status = pins_message(&talk, &m);
		check(status == 0 || status == -1);
		check(status < 0 || printable(m.name, sizeof(m.name)));
		if (status == 0 && m.type == RESOLVER_PIN)
			waiting++;
		else if (status < 0)
			waiting = 0; /* everything is forgotten */
		if (data[0] & 32)
			pins_flush(&talk, answered, NULL);
		data += n + 1;
		size -= n + 1;
	}
	pins_flush(&talk, answered, NULL);
	check(waiting == 0);
	return 0;
}
