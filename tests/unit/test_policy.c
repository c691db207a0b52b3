/* Rules: how they are parsed, where and why they are rejected, and what they decide. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <errno.h>
#include <cmocka.h>

#include "../../init/policy/policy.h"

struct preset {
	const char *name, *text;
};

/* A NULL-terminated list of presets. */
static long read_preset(void *context, const char *name, char *text, size_t size)
{
	for (const struct preset *p = context; p->name; p++) {
		if (strcmp(p->name, name) != 0)
			continue;
		if (!p->text) {
			memset(text, '#', size);
			return (long)size;
		}
		memcpy(text, p->text, strlen(p->text));
		return (long)strlen(p->text);
	}
	errno = ENOENT;
	return -1;
}

static int add(struct policy *p, const char *rule, struct rule_error *e)
{
	bool deny = rule[0] == '!';

	return policy_add(
		p, rule + deny, deny ? RULE_DENY : RULE_ALLOW, ORIGIN_OPTION, NULL, NULL, e);
}

/* Compiles a policy of the rules; those beginning with '!' deny. */
static struct policy compile(const char *const *rules)
{
	struct rule_error e;
	struct policy p;

	policy_init(&p);
	for (; *rules; rules++)
		if (add(&p, *rules, &e) < 0)
			fail_msg("%s: at %zu: %s", *rules, e.position, e.reason);
	assert_int_equal(policy_compile(&p), 0);
	return p;
}
#define POLICY(...) compile((const char *const[]){__VA_ARGS__, NULL})

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

/* Which names the proxy resolves, and which we do. */
static void names_by_the_proxy_and_others(void **state)
{
	static struct exceptions direct;
	struct policy p = POLICY("a.example", "inner.example+private", "*.corp.example",
		"*.inside.example:443+private", "both.example", "both.example:5432+private",
		"proxy.example:22");
	const char *bad;

	(void)state;
	assert_false(policy_by_proxy(&p, "a.example"));
	direct = (struct exceptions){0};
	assert_int_equal(exceptions_add(&direct, ".git.corp.example", &bad), 0);
	policy_set_proxy(&p, "proxy.example", 3128, &direct);
	assert_int_equal(policy_compile(&p), 0);
	assert_true(policy_by_proxy(&p, "a.example"));
	assert_true(policy_by_proxy(&p, "x.corp.example"));
	assert_true(policy_by_proxy(&p, "no.rule.example")); /* in audit mode */
	assert_false(policy_by_proxy(&p, "git.corp.example"));
	assert_false(policy_by_proxy(&p, "a.git.corp.example"));
	assert_false(policy_by_proxy(&p, "inner.example"));
	assert_false(policy_by_proxy(&p, "x.inside.example"));
	assert_false(policy_by_proxy(&p, "both.example"));
	assert_false(policy_by_proxy(&p, "proxy.example"));
	/* One without a name. */
	policy_set_proxy(&p, "", 3128, &direct);
	assert_int_equal(policy_compile(&p), 0);
	assert_true(policy_by_proxy(&p, "a.example"));
	assert_false(policy_by_proxy(&p, "inner.example"));
	policy_free(&p);
}

/* ---- What codex-egress says since the start ------------------------------------------------
 */

static struct policy_overlay overlay;
static struct policy_change change;

static const struct preset later_presets[] = {
	{"two", "one.example\ntwo.example+ech # comment\n"},
	{"three", "x1.example\nx2.example\nx3.example\n"},
	{NULL, NULL},
};

static int later(
	struct policy *p, const char *rule, enum rule_effect effect, struct rule_error *e)
{
	if (!p->overlay) {
		memset(&overlay, 0, sizeof(overlay));
		p->overlay = &overlay;
	}
	return policy_say(
		p, rule, effect, read_preset, (void *)(uintptr_t)later_presets, &change, e);
}

/* Each returns what policy_say() and policy_undo() do. */
static int deny(struct policy *p, const char *rule, struct rule_error *e)
{
	return later(p, rule, RULE_DENY, e);
}

static int allow(struct policy *p, const char *rule, struct rule_error *e)
{
	return later(p, rule, RULE_ALLOW, e);
}

static int undo(struct policy *p, const char *rule)
{
	struct rule_error e;

	return policy_undo(p, rule, read_preset, (void *)(uintptr_t)later_presets, &change, &e);
}

static void a_denial_wins_and_only_narrows(void **state)
{
	struct policy p = POLICY("a.example:22,443", "*.w.example", "one.example",
		"9.9.9.0/24:53,853", "10.0.0.0/8:5432+private");
	struct address nine = {4, {9, 9, 9, 9}}, ten = {4, {10, 1, 2, 3}};
	struct rule_error e;
	struct verdict v;
	const char *why;

	(void)state;
	assert_true(policy_check_name(&p, "a.example").allowed);
	assert_int_equal(deny(&p, "a.example:22", &e), 0);
	assert_true(change.narrowed && !change.widened && !change.networks);
	v = policy_check_name(&p, "a.example");
	assert_true(v.allowed && v.ports.count == 1 && v.ports.port[0] == 443);
	v = policy_check_name_port(&p, "a.example", 22);
	assert_false(v.allowed);
	assert_int_equal(v.rule->origin, ORIGIN_RUNTIME);
	assert_int_equal(deny(&p, "A.Example.", &e), 0); /* parsed like every rule */
	assert_false(policy_check_name(&p, "a.example").allowed);
	assert_false(policy_check_pin(&p, "a.example").allowed);

	assert_int_equal(deny(&p, "*.deep.w.example", &e), 0);
	assert_true(policy_check_name(&p, "x.w.example").allowed);
	assert_true(policy_check_name(&p, "deep.w.example").allowed);
	assert_true(policy_check_name(&p, "xdeep.w.example").allowed);
	assert_false(policy_check_name(&p, "x.deep.w.example").allowed);
	assert_false(policy_check_name(&p, "y.x.deep.w.example").allowed);

	assert_int_equal(deny(&p, "9.9.9.9:53", &e), 0);
	assert_true(change.networks && !change.private);
	assert_false(policy_check_address(&p, &nine, 53).allowed);
	assert_true(policy_check_address(&p, &nine, 853).allowed);
	assert_true(policy_address_usable(&p, &v, &nine, &why));
	assert_int_equal(deny(&p, "9.9.9.0/28", &e), 0);
	assert_false(policy_check_address(&p, &nine, 853).allowed);
	assert_false(policy_address_usable(&p, &v, &nine, &why));
	assert_true(policy_check_address(&p, &ten, 5432).allowed);

	/* A whole preset; and what isn't allowed isn't affected. */
	assert_int_equal(deny(&p, "@two", &e), 0);
	assert_false(policy_check_name(&p, "one.example").allowed);
	assert_false(policy_check_name(&p, "two.example").allowed);
	assert_int_equal(policy_overlaid(&p), 7);
	policy_free(&p);
}

static void what_cannot_be_said_changes_nothing(void **state)
{
	static const struct {
		const char *rule;
		size_t position;
	} bad[] = {{"a..example", 2}, {"a.example:99999", 10}, {"@none", 1},
		{"a.example+private", 9}, {"", 0}, {"1.2.3.4/33", 8}};
	struct policy p = POLICY("a.example");
	struct rule_error e;
	char rule[64];

	(void)state;
	for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
		assert_int_equal(deny(&p, bad[i].rule, &e), -1);
		assert_int_equal(e.position, bad[i].position);
		assert_true(e.reason[0]);
		assert_int_equal(undo(&p, bad[i].rule), strchr(bad[i].rule, '+') ? 0 : -1);
		assert_int_equal(policy_overlaid(&p), 0);
	}
	assert_int_equal(allow(&p, "10.0.0.0/8:22", &e), -1); /* it needs +private */
	assert_int_equal(allow(&p, "1.2.3.0/24", &e), -1);    /* a port */
	assert_int_equal(allow(&p, "*.com", &e), -1);
	assert_int_equal(policy_overlaid(&p), 0);
	assert_int_equal(policy_version(&p), 0);
	for (unsigned i = 0; i < LIMIT_OVERLAY - 2; i++) {
		snprintf(rule, sizeof(rule), "n%u.example", i);
		assert_int_equal(deny(&p, rule, &e), 0);
		assert_int_equal(deny(&p, rule, &e), 0); /* it isn't stored twice */
		assert_false(change.narrowed);
	}
	assert_int_equal(deny(&p, "@three", &e), -1);
	assert_non_null(strstr(e.reason, "room for 2 more of the 256"));
	assert_int_equal(policy_overlaid(&p), LIMIT_OVERLAY - 2);
	assert_int_equal(deny(&p, "@two", &e), 0);
	assert_int_equal(deny(&p, "a.example", &e), -1);
	assert_true(policy_check_name(&p, "a.example").allowed);
	assert_int_equal(policy_overlaid(&p), LIMIT_OVERLAY);
	/* What was undone keeps its place, and is said again in it. */
	assert_int_equal(undo(&p, "n7.example"), 0);
	assert_true(change.widened);
	assert_int_equal(deny(&p, "a.example", &e), -1);
	assert_int_equal(deny(&p, "n7.example", &e), 0);
	assert_int_equal(policy_overlaid(&p), LIMIT_OVERLAY);
	policy_free(&p);
}

static void what_is_allowed_later_is_allowed_until_it_is_undone(void **state)
{
	struct policy p = POLICY("a.example"), widest;
	struct address ten = {4, {10, 1, 2, 3}}, nine = {4, {9, 9, 9, 9}};
	struct rule_error e;
	struct verdict v;
	uint32_t version;

	(void)state;
	assert_false(policy_check_name(&p, "b.example").allowed);
	assert_int_equal(allow(&p, "b.example", &e), 0);
	assert_true(change.widened && !change.narrowed);
	version = policy_version(&p);
	assert_int_not_equal(version, 0);
	v = policy_check_name(&p, "b.example");
	assert_true(v.allowed && !v.private && v.ports.count == 2);
	assert_int_equal(policy_rule_number(&p, v.rule), p.count);
	v = policy_check_name(&p, "a.example");
	assert_true(policy_rule_number(&p, v.rule) < p.count);
	assert_false(policy_check_name(&p, "x.b.example").allowed);
	/* Said twice it is said once. */
	assert_int_equal(allow(&p, "B.example", &e), 0);
	assert_false(change.widened || change.narrowed);
	assert_int_equal(policy_version(&p), version);
	/* Ports and suffixes of a name are those of all its rules. */
	assert_int_equal(allow(&p, "a.example:22+private", &e), 0);
	v = policy_check_name(&p, "a.example");
	assert_true(v.private && v.ports.count == 3);
	assert_int_equal(allow(&p, "*.w.example+ech", &e), 0);
	assert_true(policy_check_name(&p, "x.w.example").ech);
	assert_false(policy_check_name(&p, "w.example").allowed);

	assert_int_equal(allow(&p, "10.0.0.0/8:22+private", &e), 0);
	assert_true(change.networks && change.private);
	assert_true(policy_check_address(&p, &ten, 22).allowed);
	assert_false(policy_check_address(&p, &ten, 23).allowed);
	assert_false(policy_check_address(&p, &nine, 22).allowed);

	assert_int_equal(undo(&p, "b.example"), 0);
	assert_true(change.narrowed && !change.widened);
	assert_false(policy_check_name(&p, "b.example").allowed);
	assert_null(policy_check_name(&p, "b.example").rule);
	assert_int_equal(undo(&p, "b.example"), 0);
	assert_false(change.narrowed || change.widened);
	assert_int_equal(undo(&p, "a.example:22"), 0); /* suffixes aside */
	v = policy_check_name(&p, "a.example");
	assert_true(v.allowed && !v.private && v.ports.count == 2);
	assert_int_equal(undo(&p, "a.example"), 0); /* which is of the start */
	assert_true(policy_check_name(&p, "a.example").allowed);
	assert_int_equal(undo(&p, "10.0.0.0/8:22"), 0);
	assert_true(change.networks && change.narrowed);
	assert_false(policy_check_address(&p, &ten, 22).allowed);

	/* All that was ever open. */
	widest = policy_widest(&p);
	assert_true(policy_check_name(&widest, "b.example").allowed);
	assert_int_equal(policy_check_name(&widest, "a.example").ports.count, 3);
	assert_true(policy_check_address(&widest, &ten, 22).allowed);
	assert_false(policy_check_name(&widest, "c.example").allowed);
	policy_free(&p);
}

static void the_last_word_about_a_thing_counts(void **state)
{
	struct policy p = POLICY("a.example", "!d.example", "!*.gone.example", "!9.9.9.0/24");
	static const struct {
		const char *rule, *winner;
	} lost[] = {{"d.example", "d.example"}, {"d.example:22+private", "d.example"},
		{"x.gone.example", "*.gone.example"}, {"*.gone.example", "*.gone.example"},
		{"*.deep.gone.example", "*.gone.example"}, {"9.9.9.8/29:22", "9.9.9.0/24"},
		{"p.example:22", "p.example:22,23"}};
	char text[LIMIT_RULE_TEXT];
	struct rule_error e;

	(void)state;
	assert_int_equal(allow(&p, "b.example", &e), 0);
	assert_int_equal(deny(&p, "b.example", &e), 0);
	assert_true(change.narrowed);
	assert_false(policy_check_name(&p, "b.example").allowed);
	assert_int_equal(undo(&p, "b.example"), 0); /* the deny; the allow was taken back */
	assert_false(policy_check_name(&p, "b.example").allowed);
	assert_int_equal(deny(&p, "a.example", &e), 0);
	assert_int_equal(allow(&p, "a.example", &e), 0);
	assert_true(change.widened && !change.winner);
	assert_true(policy_check_name(&p, "a.example").allowed);
	assert_int_equal(undo(&p, "a.example"), 0);
	assert_true(policy_check_name(&p, "a.example").allowed);
	/* A suffix makes it no other thing; a port does. */
	assert_int_equal(allow(&p, "s.example+private", &e), 0);
	assert_int_equal(deny(&p, "s.example", &e), 0);
	assert_int_equal(undo(&p, "s.example"), 0);
	assert_false(policy_check_name(&p, "s.example").allowed);
	assert_int_equal(deny(&p, "a.example:443", &e), 0);
	assert_int_equal(allow(&p, "a.example", &e), 0);
	assert_int_equal(policy_check_name(&p, "a.example").ports.count, 1);

	/* What another deny leaves nothing of is not allowed, and who wins is told. */
	assert_int_equal(deny(&p, "p.example:22,23", &e), 0);
	for (size_t i = 0; i < sizeof(lost) / sizeof(lost[0]); i++) {
		size_t before = policy_overlaid(&p);

		assert_int_equal(allow(&p, lost[i].rule, &e), 0);
		assert_non_null(change.winner);
		assert_false(change.widened || change.narrowed);
		rule_text(change.winner, text, sizeof(text));
		assert_string_equal(text, lost[i].winner);
		assert_int_equal(policy_overlaid(&p), before);
	}
	assert_int_equal(allow(&p, "gone.example", &e), 0);
	assert_null(change.winner);
	assert_int_equal(allow(&p, "9.9.0.0/16:22", &e), 0);
	assert_null(change.winner);
	assert_int_equal(allow(&p, "p.example:22,24", &e), 0);
	assert_null(change.winner);
	policy_free(&p);
}

static void what_is_in_force_of_it_is_printed(void **state)
{
	struct policy p = POLICY("a.example");
	char *text = NULL;
	struct rule_error e;
	size_t size;
	FILE *f;

	(void)state;
	assert_int_equal(policy_print_overlay(&p, 0, NULL), 0);
	assert_int_equal(allow(&p, "@two", &e), 0);
	assert_int_equal(deny(&p, "a.example:80", &e), 0);
	assert_int_equal(allow(&p, "*.w.example", &e), 0);
	assert_int_equal(allow(&p, "late.example", &e), 0);
	assert_int_equal(undo(&p, "late.example"), 0);
	f = open_memstream(&text, &size);
	assert_int_equal(policy_print_overlay(&p, 9, f), 4);
	fclose(f);
	assert_string_equal(text, "  --allow one.example\n  --allow two.example+ech\n"
				  "  --deny a.example:80\n  --allow '*.w.example'\n");
	free(text);
	f = open_memstream(&text, &size);
	assert_int_equal(policy_print(&p, f), 0);
	fclose(f);
	assert_non_null(
		strstr(text, "one.example                              # codex-egress\n"));
	assert_null(strstr(text, "late"));
	free(text);
	assert_int_equal(undo(&p, "@two"), 0);
	assert_int_equal(policy_print_overlay(&p, 0, NULL), 2);
	policy_free(&p);
}

/* Writes labels of at most `label` octets, `size` octets in all, followed by the rule's
 * name. */
static const char *below(char out[NAME_TEXT], size_t size, size_t label, const char *name)
{
	memset(out, 'a', size);
	for (size_t i = label; i < size; i += label + 1)
		out[i] = '.';
	snprintf(out + size, NAME_TEXT - size, ".%s", name);
	return out;
}

/* What a name under a wildcard may contain: each limit, and one octet more. */
static void what_fits_under_a_wildcard(void **state)
{
	struct rule wild = {.kind = RULE_WILDCARD, .name = "w.example"};
	struct rule exact = {.kind = RULE_NAME};
	static const struct {
		const char *label;
		bool fits;
	} words[] = {
		{"prod-ap-southeast-1-starport-layer-bucket", true},
		{"my_team_bucket_of_build_artefacts_of_the_year_2026_and_of_2027", true},
		{"abcdefghijklmnopqrst-abcdefghijklmnopqrst-abcdefghijklmnopqrst-",
			true},                                         /* 63 */
		{"abcdefghijklmnopqrstu-abcdefghijklmnopqrst", false}, /* a word of 21 */
		{"abcdefghijklmnopqrst-abcdefghijklmnopqrstu", false},
		{"0123456789abcdef0123456789abcdef0123456789abcdef", false},
		{"data-0123456789abcdef0123456789abcdef-0123456789abcdef", false},
	};
	char name[NAME_TEXT];

	(void)state;
	assert_true(policy_wildcard_fits(&wild, below(name, 1, 40, wild.name)));
	assert_true(
		policy_wildcard_fits(&wild, below(name, LIMIT_WILDCARD_LABEL, 63, wild.name)));
	assert_false(policy_wildcard_fits(
		&wild, below(name, LIMIT_WILDCARD_LABEL + 1, 63, wild.name)));
	assert_true(
		policy_wildcard_fits(&wild, below(name, LIMIT_WILDCARD_PART, 30, wild.name)));
	assert_false(policy_wildcard_fits(
		&wild, below(name, LIMIT_WILDCARD_PART + 1, 30, wild.name)));
	/* Words with hyphens, as people name things, up to the limit of DNS. */
	for (size_t i = 0; i < sizeof(words) / sizeof(*words); i++) {
		snprintf(name, sizeof(name), "%.63s.w.example", words[i].label);
		if (policy_wildcard_fits(&wild, name) != words[i].fits)
			fail_msg("%s", name);
	}
	below(name, LIMIT_WILDCARD_PART + 1, 30, wild.name);
	/* A rule for the exact name carries no information. */
	snprintf(exact.name, sizeof(exact.name), "%s", name);
	assert_true(policy_wildcard_fits(&exact, name));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(rules_and_their_text),
		cmocka_unit_test(rules_that_are_refused),
		cmocka_unit_test(a_rule_of_64k_is_refused),
		cmocka_unit_test(lists),
		cmocka_unit_test(presets),
		cmocka_unit_test(what_fits_under_a_wildcard),
		cmocka_unit_test(names_and_ports),
		cmocka_unit_test(deny_wins),
		cmocka_unit_test(a_reason_of_our_own),
		cmocka_unit_test(the_names_to_resolve),
		cmocka_unit_test(the_order_of_rules_does_not_matter),
		cmocka_unit_test(what_is_denied_is_not_printed_as_allowed),
		cmocka_unit_test(networks),
		cmocka_unit_test(answers),
		cmocka_unit_test(a_policy_that_is_not_compiled_allows_nothing),
		cmocka_unit_test(more_ports_than_a_verdict_holds),
		cmocka_unit_test(as_many_rules_as_there_may_be),
		cmocka_unit_test(names_by_the_proxy_and_others),
		cmocka_unit_test(a_denial_wins_and_only_narrows),
		cmocka_unit_test(what_cannot_be_said_changes_nothing),
		cmocka_unit_test(what_is_allowed_later_is_allowed_until_it_is_undone),
		cmocka_unit_test(the_last_word_about_a_thing_counts),
		cmocka_unit_test(what_is_in_force_of_it_is_printed),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
