/*
 * PID 1's checks on the resolver's messages, with a real wall in our own network namespace:
 * what the policy allows becomes a pin, everything else doesn't, and a violation of the
 * protocol is distinguished from a refusal. Runs as root.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sched.h>
#include <sys/stat.h>
#include <unistd.h>
#include <cmocka.h>

#include "../../init/monitor/pins.h"

struct fixture {
	struct policy policy;
	struct policy_overlay overlay;
	struct wall_config config;
	struct pins pins;
	char events[64];
	struct resolver_pinned answers[PINS_REQUESTS];
	size_t answers_count;
	long events_size; /* when the replies were sent */
};

static void allow(struct policy *p, const char *rule)
{
	struct rule_error e;

	assert_int_equal(policy_add(p, rule, RULE_ALLOW, ORIGIN_OPTION, NULL, NULL, &e), 0);
}

static int setup(void **state)
{
	struct fixture *x = calloc(1, sizeof(*x));
	struct failure f = {0};

	assert_non_null(x);
	assert_int_equal(unshare(CLONE_NEWNET), 0);
	policy_init(&x->policy);
	allow(&x->policy, "good.example");
	allow(&x->policy, "*.wild.example:8443");
	allow(&x->policy, "inside.example:5432+private");
	assert_int_equal(policy_compile(&x->policy), 0);
	x->config.policy = &x->policy;
	x->config.resolver_uid = UID_RESOLVER;
	x->config.resolver_port = 5300;
	snprintf(x->events, sizeof(x->events), "/tmp/test-pins-XXXXXX");
	close(mkstemp(x->events));
	x->pins.policy = &x->policy;
	x->pins.pin_index = pin_index_new();
	if (wall_open(&x->pins.wall, &f) < 0 || wall_build(x->pins.wall, &x->config, &f) < 0 ||
		routes_open(&x->pins.routes, &f) < 0 ||
		events_open(&x->pins.events, x->events, &f) < 0)
		fail_msg("%s: %s: %s", f.operation, f.subject, f.reason);
	*state = x;
	return 0;
}

static int teardown(void **state)
{
	struct fixture *x = *state;

	free(x->pins.batch);
	pin_index_free(x->pins.pin_index);
	events_close(x->pins.events);
	routes_close(x->pins.routes);
	wall_close(x->pins.wall);
	policy_free(&x->policy);
	unlink(x->events);
	free(x);
	return 0;
}

static struct resolver_message pin(const char *name, const char *const *addresses)
{
	struct resolver_message m = {.type = RESOLVER_PIN, .sequence = 7};

	snprintf(m.name, sizeof(m.name), "%s", name);
	for (; *addresses; addresses++) {
		struct address a = {0};

		assert_true(address_parse(*addresses, strlen(*addresses), &a));
		m.addresses[m.count].family = a.family;
		m.addresses[m.count].ttl = 300;
		memcpy(m.addresses[m.count++].bytes, a.bytes, 16);
	}
	return m;
}
#define PIN(name, ...) pin(name, (const char *const[]){__VA_ARGS__, NULL})

static long events_size(const struct fixture *x)
{
	struct stat st;

	assert_int_equal(stat(x->events, &st), 0);
	return (long)st.st_size;
}

static void keep_answers(void *context, const struct resolver_pinned *answers, size_t count)
{
	struct fixture *x = context;

	assert_true(count > 0 && count <= PINS_REQUESTS);
	memcpy(x->answers, answers, count * sizeof(*answers));
	x->answers_count = count;
	x->events_size = events_size(x);
}

/* Returns the number of replies in x->answers. */
static size_t flush(struct fixture *x)
{
	x->answers_count = 0;
	pins_flush(&x->pins, keep_answers, x);
	return x->answers_count;
}

/* Sends one message; returns the result of pins_message(), with the accepted bits in
 * *accepted. */
static int give(struct fixture *x, const struct resolver_message *m, uint32_t *accepted)
{
	int done = pins_message(&x->pins, m);
	size_t count = flush(x);

	*accepted = 0;
	assert_int_equal(count, done == 0 && m->type == RESOLVER_PIN);
	if (count) {
		assert_int_equal(x->answers[0].sequence, m->sequence);
		*accepted = x->answers[0].accepted;
	}
	return done;
}

/* Counts the lines of nft's listing of one set that contain the text. */
static int listed(const char *set, const char *text)
{
	char command[160], line[4096];
	int found = 0;
	FILE *p;

	snprintf(command, sizeof(command), "nft list set inet codex_init %s", set);
	p = popen(command, "r");
	assert_non_null(p);
	while (fgets(line, sizeof(line), p))
		found += strstr(line, text) != NULL;
	assert_int_equal(pclose(p), 0);
	return found;
}

static void an_allowed_name_is_pinned(void **state)
{
	struct resolver_message m = PIN("good.example", "9.9.9.9", "2600::1");
	uint32_t accepted;

	assert_int_equal(give(*state, &m, &accepted), 0);
	assert_int_equal(accepted, 3);
	assert_int_equal(listed("pins4", "9.9.9.9 . 443"), 1);
	assert_int_equal(listed("pins4", "9.9.9.9 . 80"), 1);
	assert_int_equal(listed("pins4", "9.9.9.9 . 8443"), 0);
	assert_int_equal(listed("pins6", "2600::1 . 443"), 1);
}

static void a_wildcard_gets_its_own_port_only(void **state)
{
	struct resolver_message m = PIN("a.wild.example", "9.9.9.10");
	uint32_t accepted;

	assert_int_equal(give(*state, &m, &accepted), 0);
	assert_int_equal(accepted, 1);
	assert_int_equal(listed("pins4", "9.9.9.10 . 8443"), 1);
	assert_int_equal(listed("pins4", "9.9.9.10 . 443"), 0);
}

static void a_name_that_is_not_allowed_breaks_the_protocol(void **state)
{
	struct resolver_message m = PIN("evil.example", "9.9.9.9");
	uint32_t accepted;

	assert_int_equal(give(*state, &m, &accepted), -1);
	m = PIN("wild.example", "9.9.9.9");
	assert_int_equal(give(*state, &m, &accepted), -1);
	assert_int_equal(listed("pins4", "9.9.9.9"), 0);
}

static void addresses_that_are_not_public_are_left_out(void **state)
{
	struct resolver_message m = PIN("good.example", "10.0.0.1", "9.9.9.9", "127.0.0.1",
		"169.254.169.254", "::1", "::ffff:9.9.9.9", "fd00::1", "64:ff9b::a00:1");
	uint32_t accepted;

	assert_int_equal(give(*state, &m, &accepted), 0);
	assert_int_equal(accepted, 1u << 1);
	assert_int_equal(listed("pins4", "10.0.0.1"), 0);
	assert_int_equal(listed("private4", "10.0.0.1"), 0);
}

static void fields_out_of_range_break_the_protocol(void **state)
{
	struct fixture *x = *state;
	struct resolver_message good = PIN("good.example", "9.9.9.9"), m;
	uint32_t accepted;

	m = good;
	m.type = 0;
	assert_int_equal(give(x, &m, &accepted), -1);
	m.type = 64;
	assert_int_equal(give(x, &m, &accepted), -1);
	m = good;
	m.count = LIMIT_ANSWER_ADDRESSES + 1;
	assert_int_equal(give(x, &m, &accepted), -1);
	m = good;
	m.reason = REASON_LAST + 1;
	assert_int_equal(give(x, &m, &accepted), -1);
	m = good;
	m.addresses[0].family = 5;
	assert_int_equal(give(x, &m, &accepted), -1);
	m = good;
	memset(m.name, 'a', sizeof(m.name));
	assert_int_equal(give(x, &m, &accepted), -1);
	/* Only a target has a port, and it must have one. */
	m = good;
	m.port = 443;
	assert_int_equal(give(x, &m, &accepted), -1);
	m = (struct resolver_message){.type = RESOLVER_REFUSED,
		.reason = REASON_TARGET,
		.count = 1,
		.name = "a.example"};
	assert_int_equal(give(x, &m, &accepted), -1);
	m.port = 65536;
	assert_int_equal(give(x, &m, &accepted), -1);
	m.port = 27017;
	assert_int_equal(give(x, &m, &accepted), 0);
	m.reason = REASON_NONE;
	assert_int_equal(give(x, &m, &accepted), -1);
	m.reason = REASON_TARGET;
	m.type = RESOLVER_DROPPED;
	assert_int_equal(give(x, &m, &accepted), -1);
	m = good;
	m.name[0] = '\n';
	assert_int_equal(give(x, &m, &accepted), -1);
	assert_int_equal(listed("pins4", "9.9.9.9"), 0);
	assert_int_equal(give(x, &good, &accepted), 0);
}

/* A name goes into events, which are read on a terminal and by tools line by line: whatever
 * the message is about, anything but a terminated name is rejected. */
static void no_report_carries_a_name_that_is_none(void **state)
{
	static const uint32_t types[] = {RESOLVER_REFUSED, RESOLVER_UNRESOLVED,
		RESOLVER_DROPPED, RESOLVER_UNSOLICITED, RESOLVER_BOOTED};
	static const char *const names[] = {"evil.example\n{}", "evil\r.example",
		"\033[2J.example", "e\177il.example", "\x9b.example"};
	struct fixture *x = *state;
	long before = events_size(x);
	uint32_t accepted;

	for (size_t t = 0; t < sizeof(types) / sizeof(types[0]); t++) {
		struct resolver_message m = {
			.type = types[t], .reason = REASON_NXDOMAIN, .count = 1};

		m.addresses[0] = (struct resolver_address){.family = 4, .bytes = {9, 9, 9, 9}};
		for (size_t n = 0; n < sizeof(names) / sizeof(names[0]); n++) {
			snprintf(m.name, sizeof(m.name), "%s", names[n]);
			assert_int_equal(give(x, &m, &accepted), -1);
		}
		memset(m.name, 'a', sizeof(m.name));
		assert_int_equal(give(x, &m, &accepted), -1);
		assert_int_equal(events_size(x), before);
		assert_false(x->pins.booted);
		assert_int_equal(events_refused(x->pins.events), 0);
	}
	for (size_t t = 0; t < sizeof(types) / sizeof(types[0]); t++) {
		struct resolver_message m = {
			.type = types[t], .reason = REASON_NXDOMAIN, .count = 1};

		snprintf(m.name, sizeof(m.name), "evil.example");
		before = events_size(x);
		assert_int_equal(give(x, &m, &accepted), 0);
		assert_int_equal(events_size(x) > before, types[t] != RESOLVER_BOOTED);
	}
}

/* The count is of addresses in some messages, and of something else in others. */
static void only_addresses_are_bounded(void **state)
{
	static const struct {
		uint32_t type;
		int done;
	} kinds[] = {{RESOLVER_PIN, -1}, {RESOLVER_UNRESOLVED, -1}, {RESOLVER_DROPPED, -1},
		{RESOLVER_REFUSED, 0}, {RESOLVER_UNSOLICITED, 0}, {RESOLVER_BOOTED, 0}};
	struct fixture *x = *state;
	uint32_t accepted;

	for (size_t i = 0; i < sizeof(kinds) / sizeof(kinds[0]); i++) {
		struct resolver_message m = PIN("good.example", "9.9.9.9");

		m.type = kinds[i].type;
		m.count = LIMIT_ANSWER_ADDRESSES + 1;
		assert_int_equal(give(x, &m, &accepted), kinds[i].done);
		m.count = 1;
		m.reason = REASON_LAST + 1;
		assert_int_equal(give(x, &m, &accepted), -1);
		m.reason = REASON_LAST;
		assert_int_equal(give(x, &m, &accepted), 0);
	}
}

static void a_refused_name_is_counted(void **state)
{
	struct fixture *x = *state;
	struct resolver_message m = {.type = RESOLVER_REFUSED, .count = 3};
	uint32_t accepted;

	snprintf(m.name, sizeof(m.name), "evil.example");
	assert_int_equal(give(x, &m, &accepted), 0);
	assert_int_equal(events_refused(x->pins.events), 3);
}

static void booted_is_noted(void **state)
{
	struct fixture *x = *state;
	struct resolver_message m = {.type = RESOLVER_BOOTED, .count = 2};
	uint32_t accepted;

	assert_false(x->pins.booted);
	assert_int_equal(give(x, &m, &accepted), 0);
	assert_true(x->pins.booted);
	assert_int_equal(x->pins.boot_pinned, 2);
}

static void an_empty_pin_opens_nothing(void **state)
{
	struct resolver_message m = {.type = RESOLVER_PIN};
	uint32_t accepted;

	snprintf(m.name, sizeof(m.name), "good.example");
	assert_int_equal(give(*state, &m, &accepted), 0);
	assert_int_equal(accepted, 0);
}

/* First as many as fit, then one transaction, then a reply to each. */
static void requests_that_come_together(void **state)
{
	struct fixture *x = *state;
	char text[32];

	for (unsigned i = 0; i < PINS_REQUESTS; i++) {
		snprintf(text, sizeof(text), "9.9.8.%u", i);
		struct resolver_message m =
			PIN(i % 2 ? "a.wild.example" : "good.example", text, "10.0.0.1");

		m.sequence = 100 + i;
		assert_int_equal(pins_message(&x->pins, &m), 0);
		assert_int_equal(listed("pins4", text), 0);
	}
	assert_int_equal(flush(x), PINS_REQUESTS);
	for (unsigned i = 0; i < PINS_REQUESTS; i++) {
		assert_int_equal(x->answers[i].sequence, 100 + i);
		assert_int_equal(x->answers[i].accepted, 1);
		snprintf(text, sizeof(text), "9.9.8.%u . %u", i, i % 2 ? 8443 : 443);
		assert_int_equal(listed("pins4", text), 1);
	}
	assert_int_equal(flush(x), 0);
}

/* As many as possible, each of the largest kind; and one more. */
static void requests_of_the_largest_kind(void **state)
{
	struct fixture *x = *state;
	struct resolver_message m = {.type = RESOLVER_PIN, .count = LIMIT_ANSWER_ADDRESSES};

	allow(&x->policy, "many.example:1,2,3,4,5,6,7,8,9,10,11,12,13,14,15,16");
	assert_int_equal(policy_compile(&x->policy), 0);
	snprintf(m.name, sizeof(m.name), "many.example");
	for (int more = 0; more < 2; more++) {
		for (unsigned taken = 0; taken < PINS_REQUESTS; taken++) {
			for (uint8_t i = 0; i < LIMIT_ANSWER_ADDRESSES; i++)
				m.addresses[i] = (struct resolver_address){.family = 4,
					.ttl = 60,
					.bytes = {9, 9, (uint8_t)taken, i}};
			assert_int_equal(pins_message(&x->pins, &m), 0);
		}
		if (more) {
			assert_int_equal(pins_message(&x->pins, &m), -1);
			assert_int_equal(flush(x), 0);
			continue;
		}
		assert_int_equal(flush(x), PINS_REQUESTS);
		for (unsigned i = 0; i < PINS_REQUESTS; i++)
			assert_int_equal(x->answers[i].accepted, 0xffff);
	}
	assert_int_equal(listed("pins4", "9.9.63.15 . 16"), 1);
}

/* What a worker requested before it violated the protocol isn't opened. */
static void a_broken_protocol_forgets_what_waits(void **state)
{
	struct fixture *x = *state;
	struct resolver_message good = PIN("good.example", "9.9.9.9");
	struct resolver_message evil = PIN("evil.example", "9.9.9.8");

	assert_int_equal(pins_message(&x->pins, &good), 0);
	assert_int_equal(pins_message(&x->pins, &evil), -1);
	assert_int_equal(flush(x), 0);
	assert_int_equal(listed("pins4", "9.9.9"), 0);
}

/* A set that accepts nothing: the others' pins are open, and only those are reported. */
static void a_failing_request_does_not_affect_others(void **state)
{
	struct fixture *x = *state;
	struct resolver_message local_dns = PIN("inside.example", "10.9.9.9");
	struct resolver_message good = PIN("good.example", "9.9.9.9");

	/* The set for private addresses is missing: a transaction that names it fails
	 * completely. */
	assert_int_equal(system("nft flush table inet codex_init && "
				"nft delete set inet codex_init private4"),
		0);
	assert_int_equal(pins_message(&x->pins, &local_dns), 0);
	assert_int_equal(pins_message(&x->pins, &good), 0);
	assert_int_equal(flush(x), 2);
	assert_int_equal(x->answers[0].accepted, 0);
	assert_int_equal(x->answers[1].accepted, 1);
	assert_int_equal(listed("pins4", "9.9.9.9 . 443"), 1);
}

static void deny(struct fixture *x, const char *rule)
{
	struct policy_change change;
	struct rule_error e;
	struct failure f;

	x->policy.overlay = &x->overlay;
	if (policy_say(&x->policy, rule, RULE_DENY, NULL, NULL, &change, &e) < 0)
		fail_msg("%s: at %zu: %s", rule, e.position, e.reason);
	if (pins_follow(&x->pins, &x->config, &change, &f) < 0)
		fail_msg("%s: %s: %s", f.operation, f.subject, f.reason);
}

static void what_is_denied_is_closed(void **state)
{
	struct fixture *x = *state;
	struct resolver_message good = PIN("good.example", "9.9.9.9", "9.9.9.8", "2600::1"),
				wild = PIN("a.wild.example", "9.9.9.9", "2600::1");
	uint32_t accepted;

	x->policy.overlay = &x->overlay;
	assert_int_equal(give(x, &good, &accepted), 0);
	assert_int_equal(give(x, &wild, &accepted), 0);
	deny(x, "good.example:443");
	assert_int_equal(listed("revoked4", "9.9.9.9 . 443"), 1);
	assert_int_equal(listed("revoked4", "9.9.9.8 . 443"), 1);
	assert_int_equal(listed("revoked6", "2600::1 . 443"), 1);
	assert_int_equal(listed("revoked4", "9.9.9.9 . 80"), 0);
	assert_int_equal(listed("revoked4", "9.9.9.9 . 8443"), 0);
	/* It still gets its pins, but not those. */
	assert_int_equal(give(x, &good, &accepted), 0);
	assert_int_equal(accepted, 7);
	deny(x, "good.example");
	assert_int_equal(listed("revoked4", "9.9.9.9 . 80"), 1);
	assert_int_equal(listed("revoked4", "9.9.9.9 . 443"), 1);
	/* A request that was sent before the rule was added violates nothing, and opens
	 * nothing. */
	assert_int_equal(give(x, &good, &accepted), 0);
	assert_int_equal(accepted, 0);
	/* Without such a rule it would. */
	good = PIN("evil.example", "9.9.9.7");
	x->policy.overlay = NULL;
	assert_int_equal(give(x, &good, &accepted), -1);
}

static void what_another_name_opens_stays_open(void **state)
{
	struct fixture *x = *state;
	struct resolver_message one = PIN("one.wild.example", "9.9.9.9", "9.9.9.8"),
				two = PIN("two.wild.example", "9.9.9.9"),
				three = PIN("three.wild.example", "9.9.9.8");
	uint32_t accepted;

	x->policy.overlay = &x->overlay;
	assert_int_equal(give(x, &one, &accepted), 0);
	assert_int_equal(give(x, &two, &accepted), 0);
	deny(x, "one.wild.example");
	assert_int_equal(listed("revoked4", "9.9.9.9 . 8443"), 0);
	assert_int_equal(listed("revoked4", "9.9.9.8 . 8443"), 1);
	/* And another name gets the address later. */
	assert_int_equal(give(x, &three, &accepted), 0);
	assert_int_equal(accepted, 1);
	assert_int_equal(listed("revoked4", "9.9.9.8 . 8443"), 0);
	deny(x, "*.wild.example");
	assert_int_equal(listed("revoked4", "9.9.9.8 . 8443"), 1);
	assert_int_equal(listed("revoked4", "9.9.9.9 . 8443"), 1);
}

/* The sets of networks are for networks, and are unaffected by what is opened or closed by
 * name. */
static void networks_are_closed_as_such(void **state)
{
	struct fixture *x = *state;
	struct resolver_message m = PIN("good.example", "9.9.9.9");
	uint32_t accepted;

	x->policy.overlay = &x->overlay;
	assert_int_equal(give(x, &m, &accepted), 0);
	deny(x, "9.9.9.9:443");
	assert_int_equal(listed("denied_ports4", "9.9.9.9 . 443"), 1);
	deny(x, "good.example");
	assert_int_equal(listed("revoked4", "9.9.9.9 . 80"), 1);
	deny(x, "9.9.0.0/16");
	deny(x, "[2600::/16]");
	assert_int_equal(listed("denied4", "9.9.0.0/16"), 1);
	assert_int_equal(listed("denied6", "2600::/16"), 1);
	/* An address in one of them can't be pinned for a name. */
	m = PIN("a.wild.example", "9.9.9.9", "9.10.0.1");
	assert_int_equal(give(x, &m, &accepted), 0);
	assert_int_equal(accepted, 2);
}

/* A rule for a network opens its addresses: denying a name doesn't close a port there. */
static void what_a_network_opens_stays_open(void **state)
{
	struct fixture *x = *state;
	struct resolver_message m = PIN("good.example", "9.9.9.9", "9.10.0.1");
	uint32_t accepted;

	allow(&x->policy, "9.9.0.0/16:443");
	assert_int_equal(policy_compile(&x->policy), 0);
	x->policy.overlay = &x->overlay;
	assert_int_equal(give(x, &m, &accepted), 0);
	assert_int_equal(accepted, 3);
	deny(x, "good.example");
	assert_int_equal(listed("revoked4", "9.10.0.1 . 443"), 1);
	assert_int_equal(listed("revoked4", "9.9.9.9 . 80"), 1);
	assert_int_equal(listed("revoked4", "9.9.9.9 . 443"), 0);
	deny(x, "9.9.0.0/16:443");
	assert_int_equal(listed("denied_ports4", "9.9.0.0/16 . 443"), 1);
}

/* More than PID 1 remembers: the latest are known, and it is reported that others aren't. */
static void what_is_forgotten_is_reported(void **state)
{
	struct fixture *x = *state;
	struct policy_change change;
	struct rule_error e;
	struct failure f;
	struct resolver_message m = PIN("one.wild.example", "9.9.9.9");
	uint32_t accepted, given = 0;

	x->policy.overlay = &x->overlay;
	assert_int_equal(give(x, &m, &accepted), 0);
	deny(x, "nobody.example");
	while (given < LIMIT_PIN_INDEX) {
		m = PIN("two.wild.example", "9.9.9.9");
		m.count = LIMIT_ANSWER_ADDRESSES;
		for (uint32_t i = 0; i < m.count; i++, given++) {
			m.addresses[i] = m.addresses[0];
			m.addresses[i].bytes[1] = (uint8_t)(10 + (given >> 12));
			m.addresses[i].bytes[2] = (uint8_t)(given >> 8);
			m.addresses[i].bytes[3] = (uint8_t)given;
		}
		assert_int_equal(give(x, &m, &accepted), 0);
	}
	assert_int_equal(
		policy_say(&x->policy, "*.wild.example", RULE_DENY, NULL, NULL, &change, &e),
		0);
	assert_int_equal(pins_follow(&x->pins, &x->config, &change, &f), -1);
	assert_int_equal(listed("revoked4", "9.9.9.9 . 8443"), 0);
	assert_int_equal(listed("revoked4", "9.13.63.255 . 8443"), 1);
}

/* Somebody waits for the reply, nobody for the event. */
static void the_answer_comes_before_the_event(void **state)
{
	struct fixture *x = *state;
	struct resolver_message m = PIN("good.example", "9.9.9.9");
	long before = events_size(x);
	uint32_t accepted;

	assert_int_equal(give(x, &m, &accepted), 0);
	assert_int_equal(accepted, 1);
	assert_int_equal(x->events_size, before);
	assert_true(events_size(x) > before);
}

/* ---- Pins in use --------------------------------------------------------------------- */

struct asked {
	int pins; /* there are */
	unsigned count;
	struct resolver_in_use first, last;
};

static void keep_asked(void *context, const struct resolver_in_use *m)
{
	struct asked *a = context;

	if (a->count++ == 0)
		a->first = *m;
	a->last = *m;
}

static struct asked look(struct fixture *x)
{
	struct asked a = {0};
	struct failure f;

	a.pins = pins_in_use(&x->pins, keep_asked, &a, &f);
	assert_true(a.pins >= 0);
	return a;
}

/* Reduces a pin's remaining time. */
static void leave(const char *set, const char *pin, unsigned seconds)
{
	char command[256];

	snprintf(command, sizeof(command),
		"nft 'delete element inet codex_init %s { %s }; add element inet codex_init %s "
		"{ %s timeout %us }'",
		set, pin, set, pin, seconds);
	assert_int_equal(system(command), 0);
}

static void use(const char *set, const char *pin)
{
	char command[256];

	snprintf(command, sizeof(command),
		"nft 'add element inet codex_init %s { %s timeout 1h }'", set, pin);
	assert_int_equal(system(command), 0);
}

static void a_pin_in_use_is_renewed_before_it_expires(void **state)
{
	struct resolver_message m = PIN("a.wild.example", "9.9.9.9", "2600::1");
	uint32_t accepted;
	struct asked a;

	assert_int_equal(give(*state, &m, &accepted), 0);
	use("used4", "9.9.9.9 . 8443");
	assert_int_equal(look(*state).count, 0);
	leave("pins4", "9.9.9.9 . 8443", PINS_SOON + 10);
	assert_int_equal(look(*state).count, 0);
	leave("pins4", "9.9.9.9 . 8443", PINS_SOON);
	leave("pins6", "2600::1 . 8443", PINS_SOON);
	a = look(*state);
	assert_int_equal(a.count, 1);
	assert_string_equal(a.first.name, "a.wild.example");
	assert_int_equal(a.first.family, 4);
	use("used6", "2600::1 . 8443");
	a = look(*state);
	assert_int_equal(a.count, 2);
	assert_int_equal(a.first.family + a.last.family, 10);
	/* Only the resolver's answer renews it. */
	assert_int_equal(listed("pins4", "9.9.9.9 . 8443 timeout 1m"), 1);
}

static void a_private_pin_in_use_is_renewed(void **state)
{
	struct resolver_message m = PIN("inside.example", "10.9.9.9");
	uint32_t accepted;
	struct asked a;

	assert_int_equal(give(*state, &m, &accepted), 0);
	assert_int_equal(accepted, 1);
	leave("private4", "10.9.9.9 . 5432", 30);
	a = look(*state);
	assert_int_equal(a.count, 0);
	assert_int_equal(a.pins, 1);
	use("used4", "10.9.9.9 . 5432");
	a = look(*state);
	assert_int_equal(a.count, 1);
	assert_string_equal(a.first.name, "inside.example");
}

/* Unused, another port's, expired, or of another name with that address but without the
 * port: the resolver isn't notified. */
static void what_is_not_in_use_is_not_looked_up(void **state)
{
	struct resolver_message a = PIN("a.wild.example", "9.9.9.9"),
				b = PIN("good.example", "9.9.9.9"),
				c = PIN("c.wild.example", "9.9.9.10");
	struct fixture *x = *state;
	struct policy_change change;
	struct rule_error e;
	uint32_t accepted;

	assert_int_equal(give(x, &a, &accepted), 0);
	assert_int_equal(give(x, &b, &accepted), 0);
	assert_int_equal(give(x, &c, &accepted), 0);
	leave("pins4", "9.9.9.9 . 8443", 30);
	assert_int_equal(look(x).count, 0);
	use("used4", "9.9.9.9 . 443");
	use("used4", "9.9.9.10 . 8443");
	assert_int_equal(look(x).count, 0);
	assert_int_equal(look(x).pins, 4);
	leave("pins4", "9.9.9.10 . 8443", 1);
	sleep(2);
	assert_int_equal(look(x).pins, 3);
	assert_int_equal(look(x).count, 0);
	use("used4", "9.9.9.9 . 8443");
	assert_string_equal(look(x).first.name, "a.wild.example");
	assert_int_equal(look(x).count, 1);
	/* Nor what has been denied since. */
	x->policy.overlay = &x->overlay;
	assert_int_equal(
		policy_say(&x->policy, "a.wild.example", RULE_DENY, NULL, NULL, &change, &e),
		0);
	assert_int_equal(look(x).count, 0);
}

/* A limited number at a time; then it is the others' turn. */
static void pins_in_use_take_turns(void **state)
{
	char name[64], address[16], element[32], first[256];
	struct fixture *x = *state;
	uint32_t accepted;
	struct asked a;

	for (unsigned i = 0; i < PINS_LOOKUPS + 3; i++) {
		struct resolver_message m;

		snprintf(name, sizeof(name), "n%u.wild.example", i);
		snprintf(address, sizeof(address), "9.9.8.%u", i);
		m = PIN(name, address);
		assert_int_equal(give(x, &m, &accepted), 0);
		snprintf(element, sizeof(element), "%s . 8443", address);
		leave("pins4", element, PINS_SOON);
		use("used4", element);
	}
	a = look(x);
	assert_int_equal(a.count, PINS_LOOKUPS);
	memcpy(first, a.first.name, sizeof(first));
	a = look(x);
	assert_int_equal(a.count, PINS_LOOKUPS);
	assert_string_not_equal(a.first.name, first);
	snprintf(name, sizeof(name), "n%u.wild.example", PINS_LOOKUPS);
	assert_string_equal(a.first.name, name);
}

static void every_reason_has_a_text(void **state)
{
	(void)state;
	assert_null(pins_reason(REASON_NONE));
	for (uint32_t i = REASON_NONE + 1; i <= REASON_LAST; i++)
		assert_non_null(pins_reason(i));
	assert_null(pins_reason(REASON_LAST + 1));
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(an_allowed_name_is_pinned),
		TEST(a_wildcard_gets_its_own_port_only),
		TEST(a_name_that_is_not_allowed_breaks_the_protocol),
		TEST(addresses_that_are_not_public_are_left_out),
		TEST(fields_out_of_range_break_the_protocol),
		TEST(no_report_carries_a_name_that_is_none),
		TEST(only_addresses_are_bounded),
		TEST(a_refused_name_is_counted),
		TEST(booted_is_noted),
		TEST(an_empty_pin_opens_nothing),
		TEST(requests_that_come_together),
		TEST(requests_of_the_largest_kind),
		TEST(a_broken_protocol_forgets_what_waits),
		TEST(a_failing_request_does_not_affect_others),
		TEST(what_is_denied_is_closed),
		TEST(what_another_name_opens_stays_open),
		TEST(networks_are_closed_as_such),
		TEST(what_a_network_opens_stays_open),
		TEST(what_is_forgotten_is_reported),
		TEST(the_answer_comes_before_the_event),
		TEST(a_pin_in_use_is_renewed_before_it_expires),
		TEST(a_private_pin_in_use_is_renewed),
		TEST(what_is_not_in_use_is_not_looked_up),
		TEST(pins_in_use_take_turns),
		cmocka_unit_test(every_reason_has_a_text),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
