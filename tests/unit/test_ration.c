/*
 * How many queries may be sent in a minute, and how records age, with the test's own clock:
 * no process, and no socket that is read.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cmocka.h>

#include "init/resolver/resolver_private.h"

#define MINUTE 60000

static void test_the_bound_and_one_beyond(void **state)
{
	static const unsigned bounds[] = {
		1, LIMIT_NAME_QUESTIONS, LIMIT_WILDCARD_QUESTIONS, 255};

	(void)state;
	for (size_t i = 0; i < sizeof(bounds) / sizeof(*bounds); i++) {
		struct ration r = {0};
		int64_t now = 123456789;

		for (unsigned j = 0; j < bounds[i]; j++) {
			assert_true(ration_left(&r, now, bounds[i]));
			assert_true(ration_take(&r, now, bounds[i]));
		}
		assert_false(ration_left(&r, now, bounds[i]));
		assert_false(ration_take(&r, now, bounds[i]));
		/* Not before a minute has passed, and soon after that. */
		assert_false(ration_take(&r, now + MINUTE - 1, bounds[i]));
		assert_true(ration_left(&r, now + MINUTE + RATION_SLOT_MS, bounds[i]));
		for (unsigned j = 0; j < bounds[i]; j++)
			assert_true(ration_take(&r, now + MINUTE + RATION_SLOT_MS, bounds[i]));
		assert_false(ration_take(&r, now + MINUTE + RATION_SLOT_MS, bounds[i]));
	}
}

/* From the clock's first moment on, and over gaps of any length. */
static void test_any_minute(void **state)
{
	static int64_t taken[100000];
	unsigned count = 0, first = 0, within;
	struct ration r = {0};

	(void)state;
	srandom(1);
	for (int64_t now = 0; now < 40 * MINUTE; now += random() % 400) {
		if (random() % 500 == 0)
			now += random() % (3 * MINUTE);
		if (ration_take(&r, now, LIMIT_NAME_QUESTIONS))
			taken[count++] = now;
	}
	assert_true(count > 15 * LIMIT_NAME_QUESTIONS);
	for (unsigned i = 0; i < count; i++) {
		while (taken[first] <= taken[i] - MINUTE)
			first++;
		within = i - first + 1;
		assert_true(within <= LIMIT_NAME_QUESTIONS);
	}
}

static void test_rations_are_shared(void **state)
{
	struct ration *r = ration_new(3);

	(void)state;
	assert_non_null(r);
	if (fork() == 0) {
		for (int i = 0; i < 7; i++)
			ration_take(&r[2], 1, 7);
		_exit(0);
	}
	wait(NULL);
	assert_false(ration_left(&r[2], 1, 7));
	assert_true(ration_left(&r[1], 1, 7));
}

/* ---- A worker without its process ---------------------------------------------------- */

struct bench {
	struct policy policy;
	struct resolver_config config;
	struct worker w;
};

static void nobody_waits(struct worker *w, int index, enum cache_family family)
{
	(void)w;
	(void)index;
	(void)family;
}

static struct bench *bench_new(const char *rule)
{
	struct bench *b = calloc(1, sizeof(*b));
	struct rule_error e;
	int pair[2];

	assert_non_null(b);
	policy_init(&b->policy);
	assert_int_equal(
		policy_add(&b->policy, rule, RULE_ALLOW, ORIGIN_OPTION, NULL, NULL, &e), 0);
	assert_int_equal(policy_compile(&b->policy), 0);
	b->config.policy = &b->policy;
	b->config.rations = ration_new(resolver_rations(&b->policy));
	b->w.config = &b->config;
	b->w.now = 1000000;
	assert_int_equal(cache_init(&b->w.cache, 1, true, 0), 0);
	assert_int_equal(socketpair(AF_UNIX, SOCK_SEQPACKET, 0, pair), 0);
	b->w.channel.fd = pair[0];
	close(pair[1]);
	b->w.lookup.settled = nobody_waits;
	assert_int_equal(lookup_init(&b->w, false), 0);
	return b;
}

static void bench_end(struct bench *b)
{
	close(b->w.channel.fd);
	cache_free(&b->w.cache);
	policy_free(&b->policy);
	free(b);
}

static void test_a_name_has_its_own_ration(void **state)
{
	struct bench *b = bench_new("exact.test");
	int index = cache_find(&b->w.cache, "exact.test");

	(void)state;
	for (int i = 0; i < LIMIT_NAME_QUESTIONS; i++)
		assert_true(lookup_may_ask(&b->w, index));
	assert_false(lookup_may_ask(&b->w, index));
	b->w.now += MINUTE + RATION_SLOT_MS;
	assert_true(lookup_may_ask(&b->w, index));
	bench_end(b);
}

static void test_names_of_a_wildcard_share_one(void **state)
{
	struct bench *b = bench_new("*.wild.test");
	char name[32], why[ADMIT_TEXT];
	int index = -1;

	(void)state;
	for (int i = 0; i < LIMIT_WILDCARD_QUESTIONS; i++) {
		snprintf(name, sizeof(name), "x%d.wild.test", i);
		index = admit_name(&b->w, name, true, true, why);
		assert_true(index >= 0);
		assert_true(lookup_may_ask(&b->w, index));
	}
	assert_false(lookup_may_ask(&b->w, index));
	/* One more isn't added; existing ones are still there. */
	assert_int_equal(admit_name(&b->w, "y.wild.test", true, true, why), -1);
	assert_non_null(strstr(why, "more than 120 questions for names under *.wild.test"));
	assert_true(admit_name(&b->w, "x0.wild.test", true, true, why) >= 0);
	b->w.now += MINUTE + RATION_SLOT_MS;
	assert_true(admit_name(&b->w, "y.wild.test", true, true, why) >= 0);
	bench_end(b);
}

/* In audit mode nothing is refused, and nothing counted. */
static void test_audit_has_no_rations(void **state)
{
	struct bench *b = bench_new("*.wild.test");
	char why[ADMIT_TEXT];
	int index;

	(void)state;
	b->config.audit = true;
	index = admit_name(&b->w, "other.test", true, true, why);
	assert_true(index >= 0);
	for (int i = 0; i < 2 * LIMIT_WILDCARD_QUESTIONS; i++)
		assert_true(lookup_may_ask(&b->w, index));
	bench_end(b);
}

/* RFC 8767: a stale answer is marked as such only while no upstream answers. */
static void test_the_mark_of_an_old_answer(void **state)
{
	struct bench *b = bench_new("exact.test");
	int index = cache_find(&b->w.cache, "exact.test");
	struct cache_name *n = &b->w.cache.names[index];
	struct cache_record *r = &n->record[FAMILY_4];
	struct dns_answer answer = {.ttl = 60, .count = 1, .addresses = {{93, 1, 2, 3}}};

	(void)state;
	n->open = true; /* there is no PID 1 to pin it */
	for (int i = 0; i < 2; i++) {
		r->work = WORK_ASKING;
		lookup_answered(&b->w, index, DNS_A, OUTCOME_ADDRESSES, &answer, REASON_NONE);
		assert_true(r->result == CACHE_ADDRESSES && !r->stale);
		assert_int_equal(r->expires, b->w.now + 60000);
		b->w.now += 61000;
		r->work = WORK_ASKING;
		lookup_answered(&b->w, index, DNS_A, OUTCOME_SERVER, NULL, REASON_TIMEOUT);
		assert_true(r->result == CACHE_ADDRESSES && r->stale);
		assert_int_equal(r->expires, b->w.now + CACHE_STALE_TTL * 1000);
		b->w.now += CACHE_STALE_TTL * 1000;
	}
	/* Nor if the answer is that there is none. */
	answer.count = 0;
	r->work = WORK_ASKING;
	lookup_answered(&b->w, index, DNS_A, OUTCOME_EMPTY, &answer, REASON_NONE);
	assert_true(r->result == CACHE_EMPTY && !r->stale);
	bench_end(b);
}

/* A missing AAAA next to an A: for minutes. One that failed may succeed soon. */
static void test_how_long_a_missing_family_is_missed(void **state)
{
	struct bench *b = bench_new("exact.test");
	int index = cache_find(&b->w.cache, "exact.test");
	struct cache_name *n = &b->w.cache.names[index];
	struct cache_record *a = &n->record[FAMILY_4], *aaaa = &n->record[FAMILY_6];

	(void)state;
	n->open = true;
	aaaa->work = WORK_ASKING;
	lookup_answered(&b->w, index, DNS_AAAA, OUTCOME_SERVER, NULL, REASON_TIMEOUT);
	assert_int_equal(aaaa->expires, b->w.now + CACHE_FAILURE_TTL * 1000);
	a->result = CACHE_ADDRESSES;
	a->count = 1;
	a->expires = b->w.now + 600000;
	assert_false(lookup_is_lame(&b->w, n));
	aaaa->work = WORK_ASKING;
	aaaa->asked = b->w.now;
	assert_false(lookup_is_lame(&b->w, n));
	b->w.now += 1000;
	assert_true(lookup_is_lame(&b->w, n));
	lookup_answered(&b->w, index, DNS_AAAA, OUTCOME_SERVER, NULL, REASON_TIMEOUT);
	assert_false(lookup_is_lame(&b->w, n));
	assert_true(aaaa->expires >= b->w.now + 120000);
	aaaa->work = WORK_ASKING;
	lookup_answered(&b->w, index, DNS_AAAA, OUTCOME_SERVER, NULL, REASON_SERVER);
	assert_in_range(aaaa->expires - b->w.now, 5000, 60000);
	/* One that existed is different: it is served once more. */
	aaaa->work = WORK_ASKING;
	aaaa->result = CACHE_ADDRESSES;
	assert_false(lookup_is_lame(&b->w, n));
	bench_end(b);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_the_bound_and_one_beyond),
		cmocka_unit_test(test_any_minute),
		cmocka_unit_test(test_rations_are_shared),
		cmocka_unit_test(test_a_name_has_its_own_ration),
		cmocka_unit_test(test_names_of_a_wildcard_share_one),
		cmocka_unit_test(test_audit_has_no_rations),
		cmocka_unit_test(test_the_mark_of_an_old_answer),
		cmocka_unit_test(test_how_long_a_missing_family_is_missed),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
