/* The resolver: wildcards, rations of questions, names in use. */
#include "resolver_fixture.h"

static void test_wildcard_is_bounded(void **state)
{
	struct play *p = SERVING(false, "*.wild.test");
	unsigned refused = 0;
	struct reply r;

	(void)state;
	r = ask_for(p, "0123456789012345678901234567890123456789f.wild.test", DNS_A, true);
	assert_int_equal(r.rcode, RCODE_NXDOMAIN);
	assert_true(has_text(&r, "longer than a wildcard allows"));
	r = ask_for(p,
		"0123456789.0123456789.0123456789.0123456789.0123456789.0123456789."
		"0123456789.0123456789.wild.test",
		DNS_A, true);
	assert_int_equal(r.rcode, RCODE_NXDOMAIN);
	assert_int_equal(shared->count, 0);
	for (int i = 0; i < 200; i++) {
		char name[40];

		snprintf(name, sizeof(name), "x%d.wild.test", i);
		refused += ask_for(p, name, DNS_A, false).rcode == RCODE_NXDOMAIN;
	}
	assert_int_equal(refused, 200 - LIMIT_WILDCARD_QUESTIONS);
	assert_int_equal(shared->count, LIMIT_WILDCARD_QUESTIONS);
	drain(p, 50);
	assert_int_equal(p->got[0].reason, REASON_LONG);
	assert_int_equal(
		play_find(p, RESOLVER_REFUSED, "x199.wild.test")->reason, REASON_LIMIT);
	/* A known name continues to work. */
	assert_int_equal(ask_for(p, "x0.wild.test", DNS_A, false).count, 1);
	/* Its other family would need one more query: empty, as if there were none. */
	r = ask_for(p, "x0.wild.test", DNS_AAAA, false);
	assert_int_equal(r.rcode, RCODE_NOERROR);
	assert_int_equal(r.count, 0);
	assert_int_equal(shared->count, LIMIT_WILDCARD_QUESTIONS);
	play_end(p);
}

/* Queries names n-0, n-1, ... under the wildcard until its limit is reached. */
static struct reply use_up(struct play *p, const char *n, uint16_t type)
{
	struct reply r = {0};
	char name[64];

	for (int i = 0; i <= LIMIT_WILDCARD_QUESTIONS && !has_text(&r, "questions for"); i++) {
		snprintf(name, sizeof(name), "%s-%d.wild.test", n, i);
		r = ask_for(p, name, type, true);
	}
	return r;
}

/* Whatever the answer, every query is counted: a failing one is sent twice. */
static void test_queries_are_limited_whatever_is_answered(void **state)
{
	static const struct {
		const char *name;
		uint16_t type;
	} cases[] = {{"good", DNS_A}, {"nx", DNS_A}, {"servfail", DNS_A}, {"other", DNS_A},
		{"loop", DNS_A}, {"trunc", DNS_A}, {"v4only", DNS_AAAA}};

	(void)state;
	for (size_t i = 0; i < sizeof(cases) / sizeof(*cases); i++) {
		struct play *p = SERVING(false, "*.wild.test", "good.test");
		struct reply r = use_up(p, cases[i].name, cases[i].type);

		assert_int_equal(r.rcode, RCODE_NXDOMAIN);
		assert_true(
			has_text(&r, "more than 120 questions for names under *.wild.test"));
		assert_int_equal(shared->count, LIMIT_WILDCARD_QUESTIONS);
		/* Other rules aren't affected. */
		assert_int_equal(ask_for(p, "good.test", DNS_A, false).count, 1);
		play_end(p);
	}
}

/* Killing the resolver doesn't help: the new one continues with what was left. */
static void test_a_new_worker_has_no_new_ration(void **state)
{
	struct play *p = SERVING(false, "*.wild.test");

	(void)state;
	use_up(p, "good", DNS_A);
	close(p->channel);
	assert_int_equal(waitpid(p->pid, NULL, 0), p->pid);
	p->pid = resolver_start(&p->config, false, &p->channel, &(struct failure){0});
	assert_int_equal(ask_for(p, "new.wild.test", DNS_A, false).rcode, RCODE_NXDOMAIN);
	assert_int_equal(shared->count, LIMIT_WILDCARD_QUESTIONS);
	play_end(p);
}

/* A known name with an expired record is answered from it if it may not be queried. */
static void test_known_names_outlive_the_ration(void **state)
{
	struct play *p = SERVING(false, "*.wild.test");
	static const uint8_t stale[] = {0, 15, 0, 2, 0, DNS_EDE_STALE};
	struct reply a = ask_for(p, "rotate.wild.test", DNS_A, true), b;

	(void)state;
	use_up(p, "good", DNS_A);
	drain(p, CACHE_TTL_FLOOR * 1000 + 200);
	b = ask_for(p, "rotate.wild.test", DNS_A, true);
	assert_int_equal(b.count, 1);
	assert_memory_equal(a.answer.addresses[0], b.answer.addresses[0], 4);
	assert_non_null(memmem(b.packet, b.len, stale, sizeof(stale)));
	assert_int_equal(shared->count, LIMIT_WILDCARD_QUESTIONS);
	play_end(p);
}

static void say_in_use(struct play *p, const char *name, uint8_t family)
{
	struct resolver_in_use m = {.family = family};

	snprintf(m.name, sizeof(m.name), "%s", name);
	assert_int_equal(send(p->channel, &m, sizeof(m), 0), sizeof(m));
	drain(p, 200);
}

/* PID 1 has noticed that a pin is in use: if the record has expired, the name is looked up
 * again, and the answer is pinned. A fresh record is left alone, and so is the other family. */
static void test_a_name_in_use_is_looked_up_again(void **state)
{
	struct play *p = SERVING(true, "rotate.test", "still.test");
	unsigned pins = 0;

	(void)state;
	drain(p, 200);
	say_in_use(p, "rotate.test", 4);
	assert_int_equal(seen("rotate.test", DNS_A), 1);
	drain(p, CACHE_TTL_FLOOR * 1000);
	assert_int_equal(seen("rotate.test", DNS_A), 1);
	say_in_use(p, "rotate.test", 4);
	say_in_use(p, "rotate.test", 4);
	say_in_use(p, "still.test", 4);
	assert_int_equal(seen("rotate.test", DNS_A), 2);
	assert_int_equal(seen("rotate.test", DNS_AAAA), 1);
	assert_int_equal(seen("still.test", 0), 2);
	for (unsigned i = 0; i < p->count; i++)
		if (p->got[i].type == RESOLVER_PIN &&
			strcmp(p->got[i].name, "rotate.test") == 0)
			pins += p->got[i].addresses[0].family == 4;
	assert_int_equal(pins, 2);
	play_end(p);
}

/* A new resolver process knows no names under wildcards; the rules decide. */
static void test_what_no_rule_allows_is_not_in_use(void **state)
{
	struct play *p = SERVING(false, "*.wild.test");

	(void)state;
	say_in_use(p, "a.wild.test", 6);
	assert_int_equal(seen("a.wild.test", DNS_AAAA), 1);
	assert_non_null(play_find(p, RESOLVER_PIN, "a.wild.test"));
	say_in_use(p, "wild.test", 4);
	say_in_use(p, "a.evil.test", 4);
	assert_int_equal(shared->count, 1);
	play_end(p);
}

/* That query counts towards the limit: beyond it, the known addresses are pinned. */
static void test_a_name_in_use_has_no_ration_of_its_own(void **state)
{
	struct play *p = SERVING(false, "*.wild.test");
	unsigned pins = 0;

	(void)state;
	assert_int_equal(ask_for(p, "rotate.wild.test", DNS_A, true).count, 1);
	use_up(p, "good", DNS_A);
	drain(p, CACHE_TTL_FLOOR * 1000 + 200);
	p->count = 0;
	say_in_use(p, "rotate.wild.test", 4);
	say_in_use(p, "new.wild.test", 4);
	assert_int_equal(shared->count, LIMIT_WILDCARD_QUESTIONS);
	assert_null(play_find(p, RESOLVER_PIN, "new.wild.test"));
	for (unsigned i = 0; i < p->count; i++)
		pins += p->got[i].type == RESOLVER_PIN;
	assert_int_equal(pins, 1);
	play_end(p);
}

/* Queries that are never sent evict no known name, however many names they are about. */
static void test_other_types_take_no_place(void **state)
{
	struct play *p = SERVING(false, "*.wild.test");
	char name[64];

	(void)state;
	assert_int_equal(ask_for(p, "known.wild.test", DNS_A, false).count, 1);
	for (int i = 0; i < LIMIT_DYNAMIC_NAMES + 10; i++) {
		snprintf(name, sizeof(name), "x%d.wild.test", i);
		assert_int_equal(ask_for(p, name, 65, false).rcode, RCODE_NOERROR);
	}
	assert_int_equal(ask_for(p, "known.wild.test", DNS_A, false).count, 1);
	assert_int_equal(shared->count, 1);
	play_end(p);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_wildcard_is_bounded),
		cmocka_unit_test(test_queries_are_limited_whatever_is_answered),
		cmocka_unit_test(test_a_new_worker_has_no_new_ration),
		cmocka_unit_test(test_known_names_outlive_the_ration),
		cmocka_unit_test(test_a_name_in_use_is_looked_up_again),
		cmocka_unit_test(test_what_no_rule_allows_is_not_in_use),
		cmocka_unit_test(test_a_name_in_use_has_no_ration_of_its_own),
		cmocka_unit_test(test_other_types_take_no_place),
	};

	return cmocka_run_group_tests(tests, dns_begin, dns_end);
}
