/* The resolver: names from the cache, and refusals, which explain themselves. */
#include "resolver_fixture.h"

static void test_pinned_name_is_answered_from_the_cache(void **state)
{
	struct play *p = SERVING(true, "good.test");
	unsigned before = shared->count;
	uint8_t expected[4];
	struct reply r;

	(void)state;
	address_for("good.test", expected);
	for (int i = 0; i < 3; i++) {
		r = ask_for(p, "good.test", DNS_A, false);
		assert_int_equal(r.outcome, OUTCOME_ADDRESSES);
		assert_memory_equal(r.answer.addresses[0], expected, 4);
		assert_true(r.answer.ttl > 290 && r.answer.ttl <= 300);
	}
	r = ask_for(p, "good.test", DNS_AAAA, true);
	assert_int_equal(r.answer.count, 1);
	assert_int_equal(shared->count, before);
	play_end(p);
}

static void test_refused_name_never_reaches_upstream(void **state)
{
	struct play *p = SERVING(true, "good.test");
	unsigned before = shared->count;
	static const char *const names[] = {"secret.attacker.test", "sub.good.test",
		"good.test.attacker", "a.b.c.d.e", "test"};

	(void)state;
	for (size_t i = 0; i < 5; i++)
		for (int type = 1; type < 300; type += 13) {
			struct reply r = ask_for(p, names[i], (uint16_t)type, type & 1);

			assert_int_equal(r.rcode, RCODE_NXDOMAIN);
			assert_int_equal(r.count, 0);
		}
	assert_int_equal(shared->count, before);
	play_end(p);
}

static void test_refusal_explains_itself(void **state)
{
	struct play *p = SERVING(true, "good.test");
	struct reply r = ask_for(p, "example.com", DNS_A, true);
	static const uint8_t ede[] = {0, 15, 0, 53, 0, 15}; /* option, length, code */
	const struct resolver_message *m;

	(void)state;
	assert_int_equal(r.rcode, RCODE_NXDOMAIN);
	assert_true(has_text(&r, "example.com is not allowed; add --allow example.com"));
	assert_non_null(memmem(r.packet, r.len, ede, sizeof(ede)));
	assert_int_equal(r.packet[11], 1);
	assert_int_equal(r.packet[3] & 0x20, 0); /* AD */
	/* Without EDNS there is no place for it. */
	r = ask_for(p, "example.com", DNS_A, false);
	assert_int_equal(r.packet[11], 0);
	assert_int_equal(r.len, 12 + 13 + 4);
	drain(p, 50);
	m = play_find(p, RESOLVER_REFUSED, "example.com");
	assert_non_null(m);
	assert_int_equal(m->count, 1);
	play_end(p);
}

static void test_denied_name_says_so(void **state)
{
	struct play *p = play_new();
	struct rule_error e;
	struct reply r;

	(void)state;
	allow(p, "*.good.test");
	assert_int_equal(policy_add(&p->policy, "bad.good.test", RULE_DENY, ORIGIN_OPTION, NULL,
				 NULL, &e),
		0);
	play_start(p, false);
	r = ask_for(p, "bad.good.test", DNS_A, true);
	assert_int_equal(r.rcode, RCODE_NXDOMAIN);
	assert_true(has_text(&r, "bad.good.test is denied by a rule"));
	assert_int_equal(shared->count, 0);
	play_end(p);
}

static void say(struct play *p, const char *rule, enum rule_effect effect)
{
	struct policy_change change;
	struct rule_error e;

	assert_int_equal(policy_say(&p->policy, rule, effect, NULL, NULL, &change, &e), 0);
	assert_true(change.widened || change.narrowed);
}

static void undo(struct play *p, const char *rule)
{
	struct policy_change change;
	struct rule_error e;

	assert_int_equal(policy_undo(&p->policy, rule, NULL, NULL, &change, &e), 0);
	assert_true(change.widened || change.narrowed);
}

/* What PID 1 says while it runs counts from that moment on, both ways, and nothing that was
 * allowed once is asked for when it isn't any more. */
static void test_names_are_allowed_and_undone(void **state)
{
	struct play *p = play_new();
	unsigned count;

	(void)state;
	allow(p, "good.test");
	p->policy.overlay = mmap(NULL, sizeof(struct policy_overlay), PROT_READ | PROT_WRITE,
		MAP_SHARED | MAP_ANONYMOUS, -1, 0);
	assert_true(p->policy.overlay != MAP_FAILED);
	play_start(p, true);
	play_booted(p);
	count = shared->count;
	assert_int_equal(ask_for(p, "later.good.test", DNS_A, false).rcode, RCODE_NXDOMAIN);
	assert_int_equal(shared->count, count);
	for (int i = 0; i < 2; i++) {
		const char *rule = i ? "*.good.test" : "later.good.test";

		say(p, rule, RULE_ALLOW);
		assert_int_equal(ask_for(p, "later.good.test", DNS_A, false).count, 1);
		assert_non_null(play_find(p, RESOLVER_PIN, "later.good.test"));
		count = shared->count;
		assert_true(count > 0);
		say(p, "later.good.test", RULE_DENY);
		assert_int_equal(
			ask_for(p, "later.good.test", DNS_A, false).rcode, RCODE_NXDOMAIN);
		assert_int_equal(shared->count, count);
		undo(p, "later.good.test");
		if (i) {
			assert_int_equal(ask_for(p, "later.good.test", DNS_A, false).count, 1);
			undo(p, rule);
		}
		count = shared->count;
		assert_int_equal(
			ask_for(p, "later.good.test", DNS_A, false).rcode, RCODE_NXDOMAIN);
		assert_int_equal(shared->count, count);
	}
	/* One of the start's, and what it had is known no longer: its ports may be others. */
	say(p, "good.test", RULE_DENY);
	assert_int_equal(ask_for(p, "good.test", DNS_A, false).rcode, RCODE_NXDOMAIN);
	undo(p, "good.test");
	count = p->count;
	assert_int_equal(ask_for(p, "good.test", DNS_A, false).count, 1);
	assert_true(p->count > count);
	play_end(p);
}

/* Who is allowed a name again has no new ration of questions. */
static void test_a_rule_that_is_given_again_has_its_old_ration(void **state)
{
	struct play *p = play_new();
	unsigned answered = 0;
	char name[40];

	(void)state;
	p->policy.overlay = mmap(NULL, sizeof(struct policy_overlay), PROT_READ | PROT_WRITE,
		MAP_SHARED | MAP_ANONYMOUS, -1, 0);
	assert_true(p->policy.overlay != MAP_FAILED);
	play_start(p, true);
	play_booted(p);
	for (int i = 0; i < 300; i++) {
		if (i % 100 == 0)
			say(p, "*.good.test", RULE_ALLOW);
		snprintf(name, sizeof(name), "n%d.good.test", i);
		answered += ask_for(p, name, DNS_A, false).rcode == RCODE_NOERROR;
		if (i % 100 == 99)
			undo(p, "*.good.test");
	}
	assert_int_equal(answered, LIMIT_WILDCARD_QUESTIONS);
	play_end(p);
}

/* A flood of refusals is counted rather than reported one by one, and no count is lost. */
static void test_refusals_are_counted(void **state)
{
	struct play *p = SERVING(true, "good.test");
	unsigned total = 0, messages = 0, before = p->count;

	(void)state;
	for (int i = 0; i < 600; i++) {
		char name[40];

		snprintf(name, sizeof(name), "x%d.attacker.test", i % 300);
		ask_for(p, name, DNS_A, false);
	}
	drain(p, 3500);
	for (unsigned i = before; i < p->count; i++)
		if (p->got[i].type == RESOLVER_REFUSED) {
			total += p->got[i].count;
			messages++;
		}
	assert_int_equal(total, 600);
	assert_true(messages < 500);
	play_end(p);
}

/* A tool that retries makes two lines: the first query, and the rest. */
static void test_repeated_refusals_are_one_report(void **state)
{
	struct play *p = SERVING(true, "good.test");
	unsigned before = p->count;

	(void)state;
	for (int i = 0; i < 50; i++)
		ask_for(p, "attacker.test", DNS_A, false);
	drain(p, 1500);
	assert_int_equal(p->count, before + 2);
	assert_int_equal(p->got[before].count, 1);
	assert_int_equal(p->got[before + 1].count, 49);
	play_end(p);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_pinned_name_is_answered_from_the_cache),
		cmocka_unit_test(test_refused_name_never_reaches_upstream),
		cmocka_unit_test(test_refusal_explains_itself),
		cmocka_unit_test(test_denied_name_says_so),
		cmocka_unit_test(test_names_are_allowed_and_undone),
		cmocka_unit_test(test_a_rule_that_is_given_again_has_its_old_ration),
		cmocka_unit_test(test_refusals_are_counted),
		cmocka_unit_test(test_repeated_refusals_are_one_report),
	};

	return cmocka_run_group_tests(tests, dns_begin, dns_end);
}
