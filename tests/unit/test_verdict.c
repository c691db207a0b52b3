/* What a policy says of names, ports, networks and answers; in whatever order rules come. */
#include "policy_fixture.h"

static void names_and_ports(void **state)
{
	struct policy p =
		POLICY("a.example", "b.example:22", "*.w.example:8443", "x.w.example");
	struct verdict v;

	(void)state;
	v = policy_check_name(&p, "a.example");
	assert_true(v.allowed && !v.private && !v.ech);
	assert_int_equal(v.ports.count, 2);
	assert_int_equal(v.ports.port[0], 80);
	assert_int_equal(v.ports.port[1], 443);
	assert_true(policy_check_name_port(&p, "a.example", 443).allowed);
	assert_false(policy_check_name_port(&p, "a.example", 22).allowed);
	assert_false(policy_check_name_port(&p, "a.example", 0).allowed);
	assert_true(policy_check_name_port(&p, "b.example", 22).allowed);
	assert_false(policy_check_name_port(&p, "b.example", 443).allowed);
	/* Neither a name below an exact one, nor above, nor one with the same ending. */
	assert_false(policy_check_name(&p, "s.a.example").allowed);
	assert_false(policy_check_name(&p, "example").allowed);
	assert_false(policy_check_name(&p, "xa.example").allowed);
	assert_false(policy_check_name(&p, "a.example.evil").allowed);
	assert_false(policy_check_name(&p, "").allowed);
	assert_null(policy_check_name(&p, "evil.example").rule);
	assert_true(policy_check_name(&p, "y.w.example").allowed);
	assert_true(policy_check_name(&p, "z.y.w.example").allowed);
	assert_false(policy_check_name(&p, "w.example").allowed);
	assert_false(policy_check_name(&p, "yw.example").allowed);
	/* A name's own rule and a wildcard above it add up. */
	assert_int_equal(policy_check_name(&p, "x.w.example").ports.count, 3);
	policy_free(&p);
}

static void deny_wins(void **state)
{
	struct policy p = POLICY("a.example:22,443", "!a.example:22", "b.example", "!b.example",
		"*.w.example", "!x.w.example", "!*.y.w.example", "y.w.example", "z.y.w.example",
		"!nobody.example:22", "c.example:443,80", "!c.example:80,443");
	struct verdict v = policy_check_name(&p, "a.example");

	(void)state;
	assert_true(v.allowed);
	assert_int_equal(v.ports.count, 1);
	assert_int_equal(v.ports.port[0], 443);
	v = policy_check_name_port(&p, "a.example", 22);
	assert_false(v.allowed);
	assert_int_equal(v.rule->effect, RULE_DENY);
	v = policy_check_name(&p, "b.example");
	assert_false(v.allowed);
	assert_int_equal(v.ports.count, 0);
	assert_int_equal(v.rule->effect, RULE_DENY);
	assert_false(policy_check_name(&p, "c.example").allowed);
	assert_true(policy_check_name(&p, "v.w.example").allowed);
	assert_false(policy_check_name(&p, "x.w.example").allowed);
	/* A denied wildcard denies everything below, even with a rule, but not the name
	 * itself. */
	assert_true(policy_check_name(&p, "y.w.example").allowed);
	assert_false(policy_check_name(&p, "z.y.w.example").allowed);
	assert_false(policy_check_name(&p, "q.z.y.w.example").allowed);
	/* A deny rule for another port says nothing about the name. */
	assert_null(policy_check_name(&p, "nobody.example").rule);
	assert_non_null(policy_check_name_port(&p, "nobody.example", 22).rule);
	assert_null(policy_check_name_port(&p, "nobody.example", 23).rule);
	policy_free(&p);
}

static void a_reason_of_our_own(void **state)
{
	struct policy p;

	(void)state;
	policy_init(&p);
	assert_int_equal(policy_add_defaults(&p), 0);
	assert_int_equal(policy_deny_because(&p, "auth.openai.com", "read-only"), 0);
	assert_int_equal(policy_compile(&p), 0);
	assert_false(policy_check_name(&p, "auth.openai.com").allowed);
	assert_string_equal(policy_check_name(&p, "auth.openai.com").rule->reason, "read-only");
	assert_true(policy_check_name(&p, "api.openai.com").allowed);
	assert_true(policy_check_name(&p, "chatgpt.com").allowed);
	assert_false(policy_check_name(&p, "ab.chatgpt.com").allowed);
	policy_free(&p);
}

static void the_names_to_resolve(void **state)
{
	struct policy p = POLICY("b.example:22", "a.example", "*.w.example",
		"b.example:23+private", "gone.example", "!gone.example", "part.example:1,2",
		"!part.example:1", "9.9.9.9:1", "b.example:22");

	(void)state;
	assert_int_equal(p.names_count, 3);
	assert_string_equal(p.names[0].name, "a.example");
	assert_false(p.names[0].private);
	assert_string_equal(p.names[1].name, "b.example");
	assert_true(p.names[1].private);
	assert_int_equal(p.names[1].ports.count, 2);
	assert_string_equal(p.names[2].name, "part.example");
	assert_int_equal(p.names[2].ports.count, 1);
	assert_int_equal(p.names[2].ports.port[0], 2);
	policy_free(&p);
}

static char *printed(struct policy *p)
{
	char *text = NULL;
	size_t size;
	FILE *f = open_memstream(&text, &size);

	assert_non_null(f);
	assert_int_equal(policy_print(p, f), 0);
	fclose(f);
	return text;
}

static void the_order_of_rules_does_not_matter(void **state)
{
	static const char *const rules[] = {"a.example", "a.example:22", "!a.example:80",
		"*.b.example+ech", "*.b.example", "9.9.9.0/24:1", "9.9.9.0/24:2", "!9.9.9.9",
		"a.example:443"};
	enum { N = sizeof(rules) / sizeof(rules[0]) };
	struct policy first = POLICY(rules[0], rules[1], rules[2], rules[3], rules[4], rules[5],
		rules[6], rules[7], rules[8]);
	char *wanted = printed(&first);

	(void)state;
	for (int turn = 0; turn < N; turn++) {
		const char *turned[N + 1] = {NULL};
		struct policy p;
		char *text;

		for (int i = 0; i < N; i++)
			turned[i] = rules[(i * 2 + turn) % N];
		p = compile(turned);
		text = printed(&p);
		assert_string_equal(text, wanted);
		free(text);
		policy_free(&p);
	}
	/* Merged: one allow and one deny for a.example, two for *.b (they differ), three
	 * networks less one. */
	assert_int_equal(first.count, 6);
	assert_non_null(strstr(wanted, "a.example:22,80,443 "));
	assert_non_null(strstr(wanted, "9.9.9.0/24:1,2 "));
	free(wanted);
	policy_free(&first);
}

static void what_is_denied_is_not_printed_as_allowed(void **state)
{
	struct policy p = POLICY("gone.example", "!gone.example", "kept.example");
	char *text = printed(&p);

	(void)state;
	assert_non_null(strstr(text, "deny gone.example"));
	assert_null(strstr(text, "\ngone.example"));
	assert_non_null(strstr(text, "\nkept.example"));
	free(text);
	policy_free(&p);
}

static void networks(void **state)
{
	static const struct {
		const char *address;
		uint16_t port;
		bool allowed;
	} cases[] = {
		{"1.2.3.0", 5432, true},
		{"1.2.3.255", 5432, true},
		{"1.2.4.0", 5432, false},
		{"1.2.3.7", 5432, false},
		{"1.2.3.1", 5433, false},
		{"1.2.3.1", 0, false},
		{"10.1.2.3", 80, true},
		{"11.0.0.0", 80, false},
		{"2600::1", 443, true},
		{"2600::2", 443, false},
		{"::ffff:1.2.3.1", 5432, false},
		{"8.8.8.8", 53, true},
		{"8.8.8.8", 54, false},
		{"192.168.0.1", 53, false},
		{"127.0.0.1", 53, false},
		{"169.254.169.254", 53, false},
		{"2001:db8::1", 443, false},
		{"168.63.129.16", 53, false},
		/* As the IPv4 address inside; as it is written, too. */
		{"64:ff9b::102:301", 5432, true},
		{"64:ff9b::102:307", 5432, false},
		{"64:ff9b::102:401", 5432, false},
		{"64:ff9b::a01:203", 80, true},
		{"64:ff9b::a9fe:a9fe", 53, false},
		{"64:ff9b::909:909", 8443, true},
		{"9.9.9.9", 8443, true},
		{"9.9.9.8", 8443, false},
	};
	struct policy p = POLICY("1.2.3.0/24:5432", "!1.2.3.7", "10.0.0.0/8:80+private",
		"[2600::1]:443", "0.0.0.0/0:53", "[2001:db8::/32]:443",
		"[64:ff9b::909:909]:8443", "a.example:5432");

	(void)state;
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		struct address a;
		struct verdict v;

		assert_true(address_parse(cases[i].address, strlen(cases[i].address), &a));
		v = policy_check_address(&p, &a, cases[i].port);
		if (v.allowed != cases[i].allowed)
			fail_msg("%s:%u", cases[i].address, cases[i].port);
		assert_int_equal(v.ports.count, v.allowed);
	}
	policy_free(&p);
}

static void answers(void **state)
{
	static const struct {
		const char *address;
		bool plain, private;
	} cases[] = {
		{"9.9.9.9", true, true}, {"2600::1", true, true}, {"10.0.0.1", false, true},
		{"fd00::1", false, true}, {"127.0.0.1", false, false}, {"::1", false, false},
		{"169.254.169.254", false, false}, {"fd00:ec2::254", false, false},
		{"100.100.100.200", false, false}, {"::ffff:9.9.9.9", false, false},
		{"64:ff9b::909:909", true, true}, {"64:ff9b::a00:1", false, true},
		{"64:ff9b::a9fe:a9fe", false, false}, {"64:ff9b::7f00:1", false, false},
		{"64:ff9b::808:808", false, false}, /* denied, as 8.8.8.8 */
		{"64:ff9b::a09:1", false, false},   /* as 10.9.0.1 */
		{"64:ff9b:1::909:909", false, false}, {"198.18.0.5", false, true},
		{"0.250.250.254", false, true}, {"169.254.1.2", false, true},
		{"169.254.1.3", false, false}, {"224.0.0.1", false, false},
		{"0.0.0.0", false, false}, {"255.255.255.255", false, false},
		{"8.8.8.8", false, false},  /* denied on every port */
		{"8.8.4.4", true, true},    /* denied on one */
		{"10.9.0.1", false, false}, /* denied, though private is open */
	};
	struct policy p = POLICY("!8.8.8.0/24", "!8.8.4.4:443", "!10.9.0.0/16");
	struct verdict plain = {.allowed = true}, private = {.allowed = true, .private = true};

	(void)state;
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		const char *reason;
		struct address a;

		assert_true(address_parse(cases[i].address, strlen(cases[i].address), &a));
		if (policy_address_usable(&p, &plain, &a, &reason) != cases[i].plain)
			fail_msg("%s", cases[i].address);
		assert_int_equal(reason == NULL, cases[i].plain);
		if (policy_address_usable(&p, &private, &a, &reason) != cases[i].private)
			fail_msg("%s with +private", cases[i].address);
		assert_int_equal(reason == NULL, cases[i].private);
	}
	policy_free(&p);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(names_and_ports),
		cmocka_unit_test(deny_wins),
		cmocka_unit_test(a_reason_of_our_own),
		cmocka_unit_test(the_names_to_resolve),
		cmocka_unit_test(the_order_of_rules_does_not_matter),
		cmocka_unit_test(what_is_denied_is_not_printed_as_allowed),
		cmocka_unit_test(networks),
		cmocka_unit_test(answers),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
