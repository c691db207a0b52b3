/* Targets as people write them, and what is printed about them: always what the policy
 * decides. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <cmocka.h>

#include "../../init/policy/explain.h"

/* One character more than the resolver permits in a label under a wildcard. */
#define LONG_LABEL "01234567890123456789012345678901234567890"

static struct policy policy;

static long preset(void *context, const char *name, char *text, size_t size)
{
	static const char rules[] = "in-preset.example\n";

	(void)context;
	assert_string_equal(name, "some");
	assert_true(sizeof(rules) - 1 < size);
	memcpy(text, rules, sizeof(rules) - 1);
	return sizeof(rules) - 1;
}

static void add(const char *rule, enum rule_effect effect, enum rule_origin origin)
{
	struct rule_error e;

	if (policy_add(&policy, rule, effect, origin, preset, NULL, &e) < 0)
		fail_msg("%s: %s", rule, e.reason);
}

static int begin(void **state)
{
	(void)state;
	policy_init(&policy);
	assert_int_equal(policy_add_defaults(&policy), 0);
	add("name.example", RULE_ALLOW, ORIGIN_OPTION);
	add("*.wild.example:443,8443+private+ech", RULE_ALLOW, ORIGIN_ENVIRONMENT);
	add("ssh.example:22", RULE_ALLOW, ORIGIN_OPTION);
	add("*.mixed.example", RULE_ALLOW, ORIGIN_OPTION);
	add(LONG_LABEL ".mixed.example:22", RULE_ALLOW, ORIGIN_OPTION);
	add("@some", RULE_ALLOW, ORIGIN_OPTION);
	add("20.0.0.0/8:5432,6432", RULE_ALLOW, ORIGIN_OPTION);
	add("[2600::/16]:443", RULE_ALLOW, ORIGIN_OPTION);
	add("10.1.0.0/16:80+private", RULE_ALLOW, ORIGIN_OPTION);
	add("bad.wild.example", RULE_DENY, ORIGIN_OPTION);
	add("name.example:80", RULE_DENY, ORIGIN_ENVIRONMENT);
	add("web.example:443", RULE_DENY, ORIGIN_OPTION);
	add("web.example:80", RULE_DENY, ORIGIN_OPTION);
	add("20.9.0.0/16", RULE_DENY, ORIGIN_OPTION);
	add("20.8.0.0/16:5432", RULE_DENY, ORIGIN_OPTION);
	assert_int_equal(policy_deny_because(&policy, "own.example", "the reason why"), 0);
	assert_int_equal(policy_compile(&policy), 0);
	return 0;
}

static int end(void **state)
{
	(void)state;
	policy_free(&policy);
	return 0;
}

/* The text about a target, to be freed; *allowed is what was returned. */
static char *about(const char *place, enum egress egress, bool *allowed)
{
	struct target t;
	const char *reason;
	char *text = NULL;
	size_t size;
	FILE *to = open_memstream(&text, &size);

	if (!target_parse(place, &t, &reason))
		fail_msg("%s: %s", place, reason);
	*allowed = explain(&policy, &t, egress, NULL, to);
	assert_int_equal(fclose(to), 0);
	assert_true(size > 0 && size < EXPLAIN_TEXT && text[size - 1] == '\n');
	return text;
}

static void places(void **state)
{
	static const struct {
		const char *text, *again;
		unsigned family, port;
	} good[] = {
		{"example.com", "example.com", 0, 0},
		{"Example.COM.:443", "example.com:443", 0, 443},
		{"b\xc3\xbc"
		 "cher.example:1",
			"xn--bcher-kva.example:1", 0, 1},
		{"1.2.3.4", "1.2.3.4", 4, 0},
		{"1.2.3.4:65535", "1.2.3.4:65535", 4, 65535},
		{"2001:DB8::1", "2001:db8::1", 6, 0},
		{"::1", "::1", 6, 0},
		{"[2001:db8::1]", "2001:db8::1", 6, 0},
		{"[2001:db8::1]:53", "[2001:db8::1]:53", 6, 53},
	};
	char text[TARGET_TEXT];
	const char *reason;
	struct target t;

	(void)state;
	for (size_t i = 0; i < sizeof(good) / sizeof(good[0]); i++) {
		if (!target_parse(good[i].text, &t, &reason))
			fail_msg("%s: %s", good[i].text, reason);
		assert_int_equal(t.address.family, good[i].family);
		assert_int_equal(t.port, good[i].port);
		assert_int_equal(t.name[0] == '\0', t.address.family != 0);
		assert_string_equal(target_text(&t, text), good[i].again);
	}
}

static void what_is_no_place(void **state)
{
	static const struct {
		const char *text, *reason;
	} bad[] = {{"", "empty"}, {":", "port"}, {":443", "missing"}, {"a.example:", "port"},
		{"a.example:0", "port"}, {"a.example:65536", "port"},
		{"a.example:99999999999999999999", "port"}, {"a.example:+1", "port"},
		/* 2^64 and 2^32 more than 443. */
		{"a.example:18446744073709552059", "port"}, {"a.example:4294967739", "port"},
		{"a.example:0443", "port"}, {"a.example:44 3", "port"}, {"1.2.3", "number"},
		{"1.2.3.256", "number"}, {"https://a.example", "URL"}, {"a.example/x", "URL"},
		{"10.0.0.0/8", "URL"}, {"[::1", "bracket"}, {"[]", "bracket"},
		{"[::1]x", "bracket"}, {"[::1]:", "port"}, {"[1.2.3.4]", "bracket"},
		{"[a.example]:1", "bracket"}, {"1::2::3", ""}, {"*.example.com", ""},
		{"a b.example", ""}, {"a\n.example", ""}};
	char longer[LIMIT_RULE_TEXT + 2];
	const char *reason;
	struct target t;

	(void)state;
	for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
		if (target_parse(bad[i].text, &t, &reason))
			fail_msg("taken: \"%s\"", bad[i].text);
		if (!strstr(reason, bad[i].reason))
			fail_msg("\"%s\": %s", bad[i].text, reason);
	}
	memset(longer, 'a', sizeof(longer));
	longer[sizeof(longer) - 1] = '\0';
	assert_false(target_parse(longer, &t, &reason));
	assert_non_null(strstr(reason, "too long"));
}

static const struct {
	const char *place;
	bool allowed;
	const char *says[4]; /* NULL: end; one that begins with '!' must not appear */
} answers[] = {
	{"api.openai.com", true,
		{"api.openai.com: allowed\n", "(always allowed)", "tcp 80, 443",
			"443 and 80: "}},
	{"name.example", true,
		{"(--allow)", "ports      tcp 443\n", "443: through the gate", "!pins"}},
	{"name.example:443", true, {"name.example:443: allowed\n"}},
	{"name.example:80", false,
		{"deny name.example:80 (CODEX_INIT_DENY)", "no --allow helps",
			"!remedy     --allow"}},
	{"name.example:22", false, {"none for this port", "--allow name.example:22\n"}},
	{"sub.name.example", false, {"no rule matches", "--allow sub.name.example\n"}},
	{"a.b.wild.example", true,
		{"*.wild.example:443,8443+private+ech (OPENAI_ALLOWED_DOMAINS)",
			"private ones (+private)", "Encrypted Client Hello passes",
			"other ports: directly"}},
	{"a.wild.example:8443", true, {"all ports: directly", "!gate"}},
	{"wild.example", false, {"no rule matches"}},
	{"bad.wild.example", false, {"deny bad.wild.example (--deny)"}},
	{"bad.wild.example:8443", false, {"deny bad.wild.example (--deny)"}},
	{LONG_LABEL ".wild.example", false,
		{"longer than a wildcard allows", "remedy     --allow 0123"}},
	{"0123456789012345678901234567890123456789.wild.example", true, {"!longer"}},
	/* As in the resolver: a name with a rule of its own isn't under a wildcard any more. */
	{LONG_LABEL ".mixed.example:443", true, {"*.mixed.example (--allow)", "!longer"}},
	{LONG_LABEL ".mixed.example:22", true, {"!longer"}},
	{"ssh.example", true, {"tcp 22", "all ports: directly"}},
	{"in-preset.example", true, {"(--allow, preset @some)"}},
	{"web.example", false, {"deny web.example:80,443", "no --allow helps"}},
	{"web.example:8443", false, {"--allow web.example:8443"}},
	{"own.example", false, {"(codex-init's own)", "the reason why"}},
	{"20.1.2.3", true, {"20.0.0.0/8:5432,6432 (--allow)", "tcp 5432, 6432"}},
	{"20.1.2.3:5432", true, {"20.1.2.3:5432: allowed", "ports      tcp 5432\n"}},
	{"20.1.2.3:80", false, {"--allow 20.1.2.3:80\n", "the gate checks the name", "!a pin"}},
	{"20.1.2.3:22", false, {"--allow 20.1.2.3:22\n", "a pin opens it", "!gate"}},
	{"20.8.2.3", true, {"ports      tcp 6432\n", "rule       20.0.0.0/8"}},
	{"20.8.2.3:5432", false, {"deny 20.8.0.0/16:5432", "no --allow helps"}},
	{"20.9.2.3", false, {"deny 20.9.0.0/16 (--deny)"}},
	{"9.9.9.9", false, {"--allow 9.9.9.9:PORT\n"}},
	{"2600::1", true, {"[2600::/16]:443"}},
	{"[2600::1]:80", false, {"[2600::1]:80: refused", "--allow [2600::1]:80\n"}},
	{"10.1.2.3:80", true, {"10.1.0.0/16:80+private"}},
	{"10.2.2.3:80", false, {"RFC 1918", "--allow 10.2.2.3:80+private\n", "!pin opens"}},
	{"169.254.169.254:80", false, {"no rule can allow these", "!--allow"}},
	{"64:ff9b::1", false, {"no rule can allow these"}},
	{"64:ff9b::a9fe:a9fe", false, {"no rule can allow these", "link-local", "!--allow"}},
	{"64:ff9b::1401:203", true, {"20.0.0.0/8:5432,6432 (--allow)"}},
	{"[64:ff9b::a02:203]:80", false, {"RFC 1918", "+private"}},
	{"198.18.0.5:443", false, {"fake-IP", "--allow 198.18.0.5:443+private\n"}},
	{"169.254.1.2:80", false, {"pasta", "--allow 169.254.1.2:80+private\n"}},
	{"0.250.250.254:80", false, {"OrbStack", "--allow 0.250.250.254:80+private\n"}},
	{"127.0.0.1:5432", true, {"stays inside"}},
	{"::1", true, {"stays inside"}},
	{"127.0.0.11", false, {"the engine's"}},
	{"8.8.8.8:53", false, {"answered by the resolver inside"}},
};

static void each_answer(void **state)
{
	(void)state;
	for (size_t i = 0; i < sizeof(answers) / sizeof(answers[0]); i++) {
		bool allowed;
		char *text = about(answers[i].place, EGRESS_STRICT, &allowed);

		if (allowed != answers[i].allowed)
			fail_msg("%s", text);
		for (size_t j = 0; j < 4 && answers[i].says[j]; j++) {
			const char *says = answers[i].says[j];

			if (says[0] == '!' ? strstr(text, says + 1) != NULL
					   : !strstr(text, says))
				fail_msg("%s\nin %s", says, text);
		}
		free(text);
	}
}

/* The suggestion is right: with that rule, the target is allowed. */
static void the_remedy_helps(void **state)
{
	unsigned helped = 0;

	(void)state;
	for (size_t i = 0; i < sizeof(answers) / sizeof(answers[0]); i++) {
		const char *mark = "remedy     --allow ";
		bool allowed;
		char *text = about(answers[i].place, EGRESS_STRICT, &allowed), rule[300];
		char *found = strstr(text, mark);

		if (!found || strstr(found, ":PORT")) {
			free(text);
			continue;
		}
		assert_false(allowed);
		snprintf(rule, sizeof(rule), "%.*s", (int)strcspn(found + strlen(mark), "\n"),
			found + strlen(mark));
		free(text);
		end(NULL);
		begin(NULL);
		add(rule, RULE_ALLOW, ORIGIN_OPTION);
		assert_int_equal(policy_compile(&policy), 0);
		text = about(answers[i].place, EGRESS_STRICT, &allowed);
		if (!allowed)
			fail_msg("--allow %s: %s", rule, text);
		free(text);
		helped++;
		end(NULL);
		begin(NULL);
	}
	assert_true(helped >= 8);
}

static void the_mode_is_reported(void **state)
{
	bool allowed;
	char *text = about("no.example", EGRESS_AUDIT, &allowed);

	(void)state;
	assert_false(allowed);
	assert_non_null(strstr(text, "audit: it is allowed and recorded"));
	free(text);
	text = about("no.example", EGRESS_OFF, &allowed);
	assert_non_null(strstr(text, "there is no wall"));
	free(text);
	text = about("api.openai.com", EGRESS_PIN, &allowed);
	assert_null(strstr(text, "gate"));
	assert_null(strstr(text, "mode"));
	free(text);
	text = about("9.9.9.9:443", EGRESS_PIN, &allowed);
	assert_null(strstr(text, "gate"));
	assert_non_null(strstr(text, "a pin opens it"));
	free(text);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, begin, end)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(places),
		TEST(what_is_no_place),
		TEST(each_answer),
		TEST(the_remedy_helps),
		TEST(the_mode_is_reported),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
