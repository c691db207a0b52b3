/* The limits of policies: not compiled, many ports, many rules. */
#include "policy_fixture.h"

static void a_policy_that_is_not_compiled_allows_nothing(void **state)
{
	struct address a = {4, {9, 9, 9, 9}};
	struct rule_error e;
	struct policy p;

	(void)state;
	policy_init(&p);
	assert_int_equal(add(&p, "a.example", &e), 0);
	assert_int_equal(add(&p, "9.9.9.9:1", &e), 0);
	assert_false(policy_check_name(&p, "a.example").allowed);
	assert_false(policy_check_address(&p, &a, 1).allowed);
	assert_int_equal(policy_compile(&p), 0);
	assert_true(policy_check_name(&p, "a.example").allowed);
	assert_true(policy_check_address(&p, &a, 1).allowed);
	policy_free(&p);
	/* An empty one compiles, and allows nothing. */
	assert_int_equal(policy_compile(&p), 0);
	assert_false(policy_check_name(&p, "a.example").allowed);
	policy_free(&p);
}

static void more_ports_than_a_verdict_holds(void **state)
{
	struct policy p =
		POLICY("a.example:1,2,3,4,5,6,7,8,9,10,11,12,13,14,15,16", "a.example:17,18");
	struct verdict v;

	(void)state;
	v = policy_check_name(&p, "a.example");
	assert_int_equal(v.ports.count, LIMIT_RULE_PORTS);
	assert_int_equal(v.ports.port[15], 16);
	assert_true(policy_check_name_port(&p, "a.example", 18).allowed);
	policy_free(&p);
}

static void as_many_rules_as_there_may_be(void **state)
{
	struct rule_error e;
	struct policy p;
	char rule[64];

	(void)state;
	policy_init(&p);
	for (unsigned i = 0; i < LIMIT_RULES; i++) {
		snprintf(rule, sizeof(rule), "%sn%u.example", i % 3 ? "" : "*.",
			i * 7919 % LIMIT_RULES);
		assert_int_equal(add(&p, rule, &e), 0);
	}
	assert_int_equal(add(&p, "one.more.example", &e), -1);
	assert_non_null(strstr(e.reason, "16384"));
	assert_int_equal(policy_compile(&p), 0);
	for (unsigned i = 0; i < LIMIT_RULES; i++) {
		unsigned n = i * 7919 % LIMIT_RULES;

		snprintf(rule, sizeof(rule), "n%u.example", n);
		assert_int_equal(policy_check_name(&p, rule).allowed, i % 3 != 0);
		snprintf(rule, sizeof(rule), "x.n%u.example", n);
		assert_int_equal(policy_check_name(&p, rule).allowed, i % 3 == 0);
	}
	policy_free(&p);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_policy_that_is_not_compiled_allows_nothing),
		cmocka_unit_test(more_ports_than_a_verdict_holds),
		cmocka_unit_test(as_many_rules_as_there_may_be),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
