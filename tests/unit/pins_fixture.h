/*
 * PID 1's checks on the resolver's messages, with a real wall in our own network namespace:
 * what the policy allows becomes a pin, everything else doesn't, and a violation of the
 * protocol is distinguished from a refusal. Runs as root.
 */
#ifndef TESTS_UNIT_PINS_FIXTURE_H
#define TESTS_UNIT_PINS_FIXTURE_H

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

static __attribute__((unused)) void allow(struct policy *p, const char *rule)
{
	struct rule_error e;

	assert_int_equal(policy_add(p, rule, RULE_ALLOW, ORIGIN_OPTION, NULL, NULL, &e), 0);
}

static __attribute__((unused)) int setup(void **state)
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

static __attribute__((unused)) int teardown(void **state)
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

static __attribute__((unused)) struct resolver_message pin(
	const char *name, const char *const *addresses)
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

static __attribute__((unused)) long events_size(const struct fixture *x)
{
	struct stat st;

	assert_int_equal(stat(x->events, &st), 0);
	return (long)st.st_size;
}

static __attribute__((unused)) void keep_answers(
	void *context, const struct resolver_pinned *answers, size_t count)
{
	struct fixture *x = context;

	assert_true(count > 0 && count <= PINS_REQUESTS);
	memcpy(x->answers, answers, count * sizeof(*answers));
	x->answers_count = count;
	x->events_size = events_size(x);
}

/* Returns the number of replies in x->answers. */
static __attribute__((unused)) size_t flush(struct fixture *x)
{
	x->answers_count = 0;
	pins_flush(&x->pins, keep_answers, x);
	return x->answers_count;
}

/* Sends one message; returns the result of pins_message(), with the accepted bits in
 * *accepted. */
static __attribute__((unused)) int give(
	struct fixture *x, const struct resolver_message *m, uint32_t *accepted)
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
static __attribute__((unused)) int listed(const char *set, const char *text)
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

struct asked {
	int pins; /* there are */
	unsigned count;
	struct resolver_in_use first, last;
};

#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)

#endif
