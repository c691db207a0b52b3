/* Rules: their text, what is refused, lists and presets. */
#include "policy_fixture.h"

static void rules_and_their_text(void **state)
{
	static const struct {
		const char *in, *out;
	} cases[] = {
		{"example.com", "example.com"},
		{"Example.COM.", "example.com"},
		{"example.com:443,80", "example.com"},
		{"example.com:22", "example.com:22"},
		{"example.com:8443,443,443", "example.com:443,8443"},
		{"db:5432+private", "db:5432+private"},
		{"Postgres_DB:5432+private", "postgres_db:5432+private"},
		{"*.my_bucket.example", "*.my_bucket.example"},
		{"!a_b-.example", "a_b-.example"},
		{"*.a.example", "*.a.example"},
		{"*.a.example:1,65535+ech", "*.a.example:1,65535+ech"},
		{"a.example+ech+private", "a.example+private+ech"},
		{"b\xc3\xbc"
		 "cher.de:1",
			"xn--bcher-kva.de:1"},
		{"1.2.3.0/24:5432", "1.2.3.0/24:5432"},
		{"9.9.9.9:443,80", "9.9.9.9:80,443"},
		{"9.9.9.9/32:53", "9.9.9.9:53"},
		{"0.0.0.0/0:443", "0.0.0.0/0:443"},
		{"10.0.0.0/8:5432+private", "10.0.0.0/8:5432+private"},
		{"[64:ff9b::102:304]:443", "1.2.3.4:443"},
		{"[64:ff9b::a00:0/104]:443+private", "10.0.0.0/8:443+private"},
		{"[64:ff9b::/96]:443", "0.0.0.0/0:443"},
		{"198.18.0.0/15:443+private", "198.18.0.0/15:443+private"},
		{"169.254.1.2:80+private", "169.254.1.2:80+private"},
		{"0.250.250.254:80+private", "0.250.250.254:80+private"},
		{"192.0.2.0/24:5432", "192.0.2.0/24:5432"},
		{"[2001:db8::/32]:443", "[2001:db8::/32]:443"},
		{"[2600::1]:22", "[2600::1]:22"},
		{"[2600::1/128]:22", "[2600::1]:22"},
		{"[::/0]:1", "[::/0]:1"},
		{"[fd00::/8]:5432+private", "[fd00::/8]:5432+private"},
		{"!example.com", "example.com"},
		{"!example.com:80,443", "example.com:80,443"},
		{"!*.com", "*.com"},
		{"!10.0.0.0/8", "10.0.0.0/8"},
		{"![::1]:80", "[::1]:80"},
		{"!169.254.169.254", "169.254.169.254"},
	};

	(void)state;
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		struct policy p = POLICY(cases[i].in);
		char text[LIMIT_RULE_TEXT];

		assert_int_equal(p.count, 1);
		rule_text(&p.rules[0], text, sizeof(text));
		assert_string_equal(text, cases[i].out);
		policy_free(&p);
	}
}

static void rules_that_are_refused(void **state)
{
	static const struct {
		const char *in;
		size_t where;
		const char *why;
	} cases[] = {
		{"", 0, "begins with"},
		{"+private", 0, "begins with"},
		{":443", 0, "name is missing"},
		{"exa mple.com", 3, "one rule at a time"},
		{" a.b", 0, "one rule at a time"},
		{"-a_b.c", 0, "hyphen"},
		{"a.b:0", 4, "1 to 65535"},
		{"a.b:65536", 4, "1 to 65535"},
		{"a.b:123456", 4, "1 to 65535"},
		{"a.b:22222222222222222222", 4, "number"},
		{"a.b:022", 4, "number"},
		{"a.b:+1", 4, "suffix"},
		{"a.b:-1", 4, "number"},
		{"a.b:http", 4, "number"},
		{"a.b:22x", 4, "number"},
		{"a.b:22:23", 4, "number"},
		{"a.b:", 4, "port is missing"},
		{"a.b:1,", 6, "port is missing"},
		{"a.b:,1", 4, "port is missing"},
		{"a.b:1,,2", 6, "port is missing"},
		{"a.b:1,2,3,4,5,6,7,8,9,10,11,12,13,14,15,16,17", 43, "16 ports"},
		{"a.b+privat", 3, "it can be +private or +ech"},
		{"a.b+", 3, "unknown suffix +:"},
		{"a.b+ech+x", 7, "unknown suffix +x:"},
		{"a.b+PRIVATE", 3, "unknown suffix"},
		{"!a.b+private", 3, "deny rule has no suffix"},
		{"*", 0, "needs a name"},
		{"*.", 0, "needs a name"},
		{"*a.b", 0, "needs a name"},
		{"**.a.b", 0, "needs a name"},
		{"*.com", 2, "*.com is too wide"},
		{"*.*.a.b", 2, "star"},
		{"a.*.b", 2, "star"},
		{"a.b*", 3, "star"},
		{"https://a.b/c", 0, "write a.b"},
		{"http://a.b", 0, "write a.b"},
		{"a.b/c", 3, "write a.b"},
		{"a.b/24:80", 3, "path"},
		{"10.0.0.0/8", 10, "needs a port: 10.0.0.0/8:5432"},
		{"9.9.9.9", 7, "needs a port"},
		{"10.0.0.0/8:5432", 0, "+private"},
		{"192.168.1.1:80", 0, "+private"},
		{"[fd00::1]:80", 0, "+private"},
		{"127.0.0.1:80", 0, "loopback"},
		{"[::1]:80", 0, "loopback"},
		{"169.254.169.254:80", 0, "link-local"},
		{"169.254.0.0/16:80+private", 0, "link-local"},
		{"169.254.1.2:80", 0, "pasta"},
		{"169.254.1.3:80+private", 0, "link-local"},
		{"169.254.1.2/31:80+private", 0, "link-local"},
		{"0.250.250.254:80", 0, "OrbStack"},
		{"0.0.0.0/8:80+private", 0, "this network"},
		{"198.18.0.0/15:443", 0, "fake-IP"},
		{"168.63.129.16:80+private", 0, "Azure"},
		{"192.88.99.1:80", 0, "6to4"},
		{"240.0.0.0/4:80", 0, "reserved"},
		{"[64:ff9b::a00:1]:80", 0, "+private"},
		{"[64:ff9b::a9fe:a9fe]:80+private", 0, "link-local"},
		{"[64:ff9b:1::1]:80+private", 0, "RFC 8215"},
		{"[2002::/16]:80", 0, "6to4"},
		{"[::ffff:1.2.3.4]:80", 0, "IPv4-mapped"},
		{"[fe80::/64]:1", 0, "link-local"},
		{"224.0.0.1:80", 0, "multicast"},
		{"100.100.100.200:80+private", 0, "metadata"},
		{"[fd00:ec2::254]:80+private", 0, "metadata"},
		{"9.9.9.9/24:1", 0, "network is 9.9.9.0/24"},
		{"9.9.9.0/33:1", 8, "0 to 32"},
		{"9.9.9.0/:1", 8, "0 to 32"},
		{"9.9.9.0/024:1", 8, "0 to 32"},
		{"9.9.9.0/-1:1", 8, "0 to 32"},
		{"9.9.9.0/2x:1", 8, "0 to 32"},
		{"9.9.9/24:1", 0, "not an IPv4"},
		{"09.9.9.0/24:1", 0, "not an IPv4"},
		{"256.1.1.1:1", 0, "not an IPv4"},
		{"0.0.0.1/0:1", 0, "network is 0.0.0.0/0"},
		{"[2600::/129]:1", 8, "0 to 128"},
		{"[2600::1/64]:1", 1, "network is 2600::/64"},
		{"[2600::]/64:1", 8, "inside the brackets"},
		{"[2600::1]x", 9, "only a port"},
		{"[2600::1", 0, "isn't closed"},
		{"[]:1", 1, "not an IPv6"},
		{"[1.2.3.4]:80", 1, "not an IPv6"},
		{"[a.b]:80", 1, "not an IPv6"},
		{"2001:db8::1", 0, "brackets"},
		{"2001:db8::1:443", 0, "brackets"},
		{"fd00::/8:443", 0, "brackets"},
		{"!fd00::/8", 0, "brackets"},
		{"@", 1, "1 to 63"},
		{"@Pypi", 1, "a-z"},
		{"@a/b", 2, "a-z"},
		{"@../x", 1, "a-z"},
		{"@a:22", 2, "its own ports"},
		{"@pypi", 1, "no preset pypi"},
	};
	struct rule_error e;
	struct policy p;

	(void)state;
	policy_init(&p);
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		if (add(&p, cases[i].in, &e) == 0)
			fail_msg("taken: %s", cases[i].in);
		if (!strstr(e.reason, cases[i].why) || e.position != cases[i].where)
			fail_msg("%s: at %zu: %s", cases[i].in, e.position, e.reason);
		assert_string_equal(e.rule, cases[i].in + (cases[i].in[0] == '!'));
		assert_string_equal(e.preset, "");
		assert_int_equal(p.count, 0);
	}
	policy_free(&p);
}

static void a_rule_of_64k_is_refused(void **state)
{
	char *text = malloc(65537);
	struct rule_error e;
	struct policy p;

	(void)state;
	assert_non_null(text);
	policy_init(&p);
	for (const char *c = "a1,:.[@+*/\xff"; *c; c++) {
		memset(text, *c, 65536);
		text[65536] = '\0';
		assert_int_equal(add(&p, text, &e), -1);
		assert_int_equal(e.position, LIMIT_RULE_TEXT);
		assert_int_equal(strlen(e.rule), LIMIT_RULE_TEXT);
		memcpy(text, "a:1", 3);
		if (*c != ',')
			assert_int_equal(policy_add_list(&p, text, RULE_ALLOW, ORIGIN_OPTION,
						 NULL, NULL, &e),
				-1);
	}
	assert_int_equal(p.count, 0);
	policy_free(&p);
	free(text);
}

static void lists(void **state)
{
	static const struct {
		const char *in,
			*out; /* the rules' text, each followed by a blank; NULL: refused */
	} cases[] = {
		{"", ""},
		{" ,\t\n ", ""},
		{"a.b", "a.b "},
		{"a.b c.d", "a.b c.d "},
		{"a.b,c.d", "a.b c.d "},
		{" a.b\n\tc.d ,, e.f,", "a.b c.d e.f "},
		{"a.b:443,8443 c.d", "a.b:443,8443 c.d "},
		{"a.b:1,2,c.d", "a.b:1,2 c.d "},
		{"a.b:1,2+private,c.d:3,4", "a.b:1,2+private c.d:3,4 "},
		{"a.b:1,9.9.9.9:2", "a.b:1 9.9.9.9:2 "},
		{"a.b:1,3com.x", "a.b:1 3com.x "},
		{"[2600::1]:1,2,a.b", "[2600::1]:1,2 a.b "},
		{"a.b:1, c.d", "a.b:1 c.d "},
		{"a.b,443", NULL},
		{"a.b:1 2", NULL},
		{"a.b c~d", NULL},

	};

	(void)state;
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		char all[512] = "", text[LIMIT_RULE_TEXT];
		struct rule_error e;
		struct policy p;
		int done;

		policy_init(&p);
		done = policy_add_list(
			&p, cases[i].in, RULE_ALLOW, ORIGIN_ENVIRONMENT, NULL, NULL, &e);
		assert_int_equal(done, cases[i].out ? 0 : -1);
		for (size_t j = 0; j < p.count; j++) {
			rule_text(&p.rules[j], text, sizeof(text));
			strcat(strcat(all, text), " ");
			assert_int_equal(p.rules[j].origin, ORIGIN_ENVIRONMENT);
		}
		/* A rejected list adds nothing. */
		assert_string_equal(all, cases[i].out ? cases[i].out : "");
		policy_free(&p);
	}
}

static void presets(void **state)
{
	static const struct preset files[] = {
		{"good", "# comment\n\n  a.example \r\nb.example:22 # ssh\n*.c.example+ech"},
		{"bad", "a.example\n  b~d.example"}, {"nested", "a.example\n@good"},
		{"empty", ""}, {"huge", NULL},
		{"private", "10.0.0.0/8:5432+private\nd.example:1"}, {NULL, NULL}};
	void *context = (void *)(uintptr_t)files;
	struct rule_error e;
	struct policy p;
	char text[67];

	(void)state;
	policy_init(&p);
#define ADD(rule, effect) policy_add(&p, rule, effect, ORIGIN_OPTION, read_preset, context, &e)
	assert_int_equal(ADD("@good+private", RULE_ALLOW), 0);
	assert_int_equal(p.count, 3);
	assert_string_equal(p.rules[1].name, "b.example");
	assert_string_equal(p.rules[1].preset, "good");
	assert_int_equal(p.rules[1].ports.port[0], 22);
	assert_true(p.rules[0].private && !p.rules[0].ech && p.rules[2].ech);
	assert_int_equal(ADD("@empty", RULE_ALLOW), 0);
	assert_int_equal(ADD("@bad", RULE_ALLOW), -1);
	assert_string_equal(e.preset, "bad");
	assert_string_equal(e.rule, "b~d.example");
	assert_int_equal(e.position, 1);
	assert_int_equal(ADD("@nested", RULE_ALLOW), -1);
	assert_non_null(strstr(e.reason, "another"));
	assert_int_equal(ADD("@huge", RULE_ALLOW), -1);
	assert_non_null(strstr(e.reason, "65536"));
	assert_int_equal(ADD("@missing", RULE_ALLOW), -1);
	assert_non_null(strstr(e.reason, "no preset missing"));
	/* The longest name there can be, and one that is longer. */
	memset(text, 'a', sizeof(text) - 1);
	text[0] = '@';
	text[64] = '\0';
	assert_int_equal(ADD(text, RULE_ALLOW), -1);
	assert_non_null(strstr(e.reason, "no preset aaa"));
	text[64] = 'a';
	text[65] = '\0';
	assert_int_equal(ADD(text, RULE_ALLOW), -1);
	assert_non_null(strstr(e.reason, "1 to 63"));
	/* All or nothing: the valid line of an invalid file isn't added. */
	assert_int_equal(p.count, 3);
	policy_free(&p);
	/* Denied completely: every port, whatever its suffixes. */
	assert_int_equal(ADD("@private", RULE_DENY), 0);
	assert_int_equal(p.count, 2);
	assert_int_equal(p.rules[0].effect, RULE_DENY);
	assert_false(p.rules[0].private);
	assert_int_equal(ADD("@good", RULE_DENY), 0);
	assert_int_equal(p.rules[2].ports.count, 0);
#undef ADD
	policy_free(&p);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(rules_and_their_text),
		cmocka_unit_test(rules_that_are_refused),
		cmocka_unit_test(a_rule_of_64k_is_refused),
		cmocka_unit_test(lists),
		cmocka_unit_test(presets),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
