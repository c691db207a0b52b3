/* codex-init's options and their variables: each is parsed, and each mistake is reported. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <cmocka.h>

#include "../../init/boot/options.h"

static const char *const variables[] = {"OPENAI_ALLOWED_DOMAINS", "CODEX_INIT_DENY",
	"CODEX_INIT_DEFAULT_RULES", "CODEX_INIT_EGRESS", "CODEX_INIT_WALL",
	"CODEX_INIT_UPSTREAM", "CODEX_INIT_PROXY", "CODEX_INIT_USER", "CODEX_INIT_WORKDIR",
	"CODEX_INIT_HOME_FROM", "CODEX_INIT_EVENTS"};

static int clean(void **state)
{
	(void)state;
	for (size_t i = 0; i < sizeof(variables) / sizeof(variables[0]); i++)
		unsetenv(variables[i]);
	return 0;
}

/* Parses a NULL-terminated list of arguments. */
static int parse(struct options *o, struct failure *f, const char *const *arguments)
{
	static char *argv[32];
	int argc = 0;

	argv[argc++] = (char *)(uintptr_t) "codex-init";
	for (; *arguments; arguments++)
		argv[argc++] = (char *)(uintptr_t)*arguments;
	argv[argc] = NULL;
	memset(f, 0, sizeof(*f));
	return options_read(o, argc, argv, f);
}
#define PARSE(o, f, ...) parse(o, f, (const char *const[]){__VA_ARGS__, NULL})

static bool allows(struct options *o, const char *name)
{
	if (!o->policy.compiled)
		assert_int_equal(policy_compile(&o->policy), 0);
	return policy_check_name(&o->policy, name).allowed;
}

static void nothing_given(void **state)
{
	struct options o;
	struct failure f;

	(void)state;
	assert_int_equal(parse(&o, &f, (const char *const[]){NULL}), 0);
	assert_int_equal(o.egress, EGRESS_STRICT);
	assert_int_equal(o.wall, WALL_AUTO);
	assert_null(o.command[0]);
	assert_null(o.user);
	assert_true(allows(&o, "api.openai.com"));
	assert_true(allows(&o, "chatgpt.com"));
	assert_false(allows(&o, "ab.chatgpt.com"));
	assert_false(allows(&o, "example.com"));
	options_free(&o);
}

static void options_end_where_the_command_begins(void **state)
{
	struct options o;
	struct failure f;

	(void)state;
	assert_int_equal(PARSE(&o, &f, "-v", "codex", "--allow", "x", "--help"), 0);
	assert_true(o.verbose);
	assert_false(o.help);
	assert_string_equal(o.command[0], "codex");
	assert_string_equal(o.command[3], "--help");
	options_free(&o);
	assert_int_equal(PARSE(&o, &f, "-q", "--", "-odd"), 0);
	assert_true(o.quiet);
	assert_string_equal(o.command[0], "-odd");
	options_free(&o);
}

static void values_with_and_without_equals(void **state)
{
	struct options o;
	struct failure f;

	(void)state;
	assert_int_equal(PARSE(&o, &f, "--egress=audit", "--wall", "nft", "--user=501:20",
				 "--workdir", "/w", "--home-from=/in", "--events", "/e"),
		0);
	assert_int_equal(o.egress, EGRESS_AUDIT);
	assert_int_equal(o.wall, WALL_NFT);
	assert_string_equal(o.user, "501:20");
	assert_string_equal(o.workdir, "/w");
	assert_string_equal(o.home_from, "/in");
	assert_string_equal(o.events, "/e");
	options_free(&o);
}

static void rules_add_up(void **state)
{
	struct options o;
	struct failure f;

	(void)state;
	setenv("OPENAI_ALLOWED_DOMAINS", "one.example, two.example\nthree.example", 1);
	setenv("CODEX_INIT_DENY", "two.example", 1);
	assert_int_equal(PARSE(&o, &f, "--allow", "four.example", "--allow=five.example",
				 "--deny", "api.openai.com"),
		0);
	assert_true(allows(&o, "one.example"));
	assert_false(allows(&o, "two.example"));
	assert_true(allows(&o, "three.example"));
	assert_true(allows(&o, "four.example"));
	assert_true(allows(&o, "five.example"));
	assert_false(allows(&o, "api.openai.com"));
	options_free(&o);
}

static void default_rules_can_be_left_out(void **state)
{
	struct options o;
	struct failure f;

	(void)state;
	assert_int_equal(PARSE(&o, &f, "--no-default-rules", "--allow", "a.example"), 0);
	assert_false(allows(&o, "api.openai.com"));
	assert_true(allows(&o, "a.example"));
	options_free(&o);
	setenv("CODEX_INIT_DEFAULT_RULES", "0", 1);
	assert_int_equal(PARSE(&o, &f, "-v"), 0);
	assert_false(allows(&o, "api.openai.com"));
	options_free(&o);
	setenv("CODEX_INIT_DEFAULT_RULES", "1", 1);
	assert_int_equal(PARSE(&o, &f, "-v"), 0);
	assert_true(allows(&o, "api.openai.com"));
	options_free(&o);
	setenv("CODEX_INIT_DEFAULT_RULES", "no", 1);
	assert_int_equal(PARSE(&o, &f, "-v"), -1);
	assert_non_null(strstr(f.subject, "CODEX_INIT_DEFAULT_RULES no"));
	options_free(&o);
}

static void the_command_line_wins_over_the_environment(void **state)
{
	struct options o;
	struct failure f;

	(void)state;
	setenv("CODEX_INIT_EGRESS", "off", 1);
	setenv("CODEX_INIT_USER", "1", 1);
	setenv("CODEX_INIT_UPSTREAM", "9.9.9.9", 1);
	assert_int_equal(PARSE(&o, &f, "--egress=strict"), 0);
	assert_int_equal(o.egress, EGRESS_STRICT);
	assert_string_equal(o.user, "1");
	assert_int_equal(o.upstreams_count, 1);
	options_free(&o);
	assert_int_equal(PARSE(&o, &f, "--upstream", "1.1.1.1"), 0);
	assert_int_equal(o.egress, EGRESS_OFF);
	assert_int_equal(o.upstreams_count, 1);
	assert_int_equal(o.upstreams[0].address.bytes[0], 1);
	options_free(&o);
}

static void empty_variables_are_unset(void **state)
{
	struct options o;
	struct failure f;

	(void)state;
	for (size_t i = 0; i < sizeof(variables) / sizeof(variables[0]); i++)
		setenv(variables[i], "", 1);
	assert_int_equal(PARSE(&o, &f, "-v"), 0);
	assert_int_equal(o.egress, EGRESS_STRICT);
	assert_true(allows(&o, "api.openai.com"));
	options_free(&o);
}

static void published_ports(void **state)
{
	static const char *const bad[] = {"0", "65536", "x", "80x", "80+", "80+anyone", "+any",
		"80,x", "-1", "80/tcp", "123456", "080", "080+any", "80,0443"};
	struct options o;
	struct failure f;

	(void)state;
	setenv("CODEX_INIT_PUBLISH", "3000, 8080+any", 1);
	assert_int_equal(PARSE(&o, &f, "--publish", "5173"), 0);
	unsetenv("CODEX_INIT_PUBLISH");
	assert_int_equal(o.published_count, 3);
	assert_int_equal(o.published[0].port, 3000);
	assert_false(o.published[0].any || o.published[2].any);
	assert_int_equal(o.published[1].port, 8080);
	assert_true(o.published[1].any);
	assert_int_equal(o.published[2].port, 5173);
	options_free(&o);
	for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
		assert_int_equal(PARSE(&o, &f, "--publish", bad[i]), -1);
		options_free(&o);
	}
	assert_int_equal(
		PARSE(&o, &f, "--publish", "1,2,3,4,5,6,7,8,9,10,11,12,13,14,15,16,17"), -1);
	options_free(&o);
}

static void upstreams(void **state)
{
	static const struct {
		const char *text;
		int family;
		unsigned port;
	} good[] = {{"1.2.3.4", 4, 53}, {"1.2.3.4:5353", 4, 5353}, {"2001:db8::1", 6, 53},
		{"[2001:db8::1]", 6, 53}, {"[2001:db8::1]:5353", 6, 5353}};
	static const char *const bad[] = {"", "dns.example", "1.2.3", "1.2.3.4:", "1.2.3.4:0",
		"1.2.3.4:65536", "1.2.3.4:+5", "[2001:db8::1", "[2001:db8::1]x", "[]", "[",
		":53"};
	struct options o;
	struct failure f;

	(void)state;
	for (size_t i = 0; i < sizeof(good) / sizeof(good[0]); i++) {
		assert_int_equal(PARSE(&o, &f, "--upstream", good[i].text), 0);
		assert_int_equal(o.upstreams[0].address.family, good[i].family);
		assert_int_equal(o.upstreams[0].port, good[i].port);
		options_free(&o);
	}
	for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
		assert_int_equal(PARSE(&o, &f, "--upstream", bad[i]), -1);
		options_free(&o);
	}
	assert_int_equal(PARSE(&o, &f, "--upstream=1.1.1.1", "--upstream=1.1.1.2",
				 "--upstream=1.1.1.3", "--upstream=1.1.1.4"),
		-1);
	options_free(&o);
}

static void the_proxy_and_its_exceptions(void **state)
{
	struct options o;
	struct failure f;

	(void)state;
	assert_int_equal(PARSE(&o, &f, "--proxy=http://p.example:3128", "--no-proxy",
				 "corp.example,.x.example", "--no-proxy=y.example"),
		0);
	assert_int_equal(o.proxy.port, 3128);
	assert_false(o.proxy_off);
	assert_true(exceptions_have(&o.exceptions, "git.corp.example"));
	assert_true(exceptions_have(&o.exceptions, "y.example"));
	assert_false(exceptions_have(&o.exceptions, "z.example"));
	options_free(&o);
	/* The last one counts. */
	assert_int_equal(PARSE(&o, &f, "--proxy=http://p.example:3128", "--proxy=off"), 0);
	assert_true(o.proxy_off && o.proxy.port == 0);
	options_free(&o);
	assert_int_equal(PARSE(&o, &f, "--proxy=off", "--proxy=http://p.example:3128"), 0);
	assert_true(!o.proxy_off && o.proxy.port == 3128);
	options_free(&o);
	assert_int_equal(PARSE(&o, &f, "--no-proxy=a.example,b~d"), -1);
	assert_non_null(strstr(f.subject, "--no-proxy"));
	options_free(&o);
}

static void how_long_a_person_has(void **state)
{
	static const char *const bad[] = {
		"--ask=", "--ask=x", "--ask=1x", "--ask=-1", "--ask=+1", "--ask=3601"};
	struct options o;
	struct failure f;

	(void)state;
	assert_int_equal(PARSE(&o, &f, "true"), 0);
	assert_int_equal(o.ask, 0);
	options_free(&o);
	/* What follows isn't its value. */
	assert_int_equal(PARSE(&o, &f, "--ask", "5"), 0);
	assert_int_equal(o.ask, 60);
	assert_string_equal(o.command[0], "5");
	options_free(&o);
	assert_int_equal(PARSE(&o, &f, "--ask=3600"), 0);
	assert_int_equal(o.ask, 3600);
	options_free(&o);
	assert_int_equal(PARSE(&o, &f, "--ask=5", "--ask=0", "--egress=pin"), 0);
	assert_int_equal(o.ask, 0);
	options_free(&o);
	assert_int_equal(PARSE(&o, &f, "--ask", "--egress=pin"), -1);
	assert_string_equal(f.subject, "--ask");
	options_free(&o);
	for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
		assert_int_equal(PARSE(&o, &f, bad[i]), -1);
		options_free(&o);
	}
}

static void a_command_to_go_on_with_is_one_line(void **state)
{
	struct options o;
	struct failure f;

	(void)state;
	assert_int_equal(PARSE(&o, &f, "--launcher", "codex-sandbox resume --last"), 0);
	assert_string_equal(o.launcher, "codex-sandbox resume --last");
	assert_null(o.launcher_here);
	options_free(&o);
	assert_int_equal(PARSE(&o, &f, "--launcher-here", "codex-sandbox --work_dir /a"), 0);
	assert_string_equal(o.launcher_here, "codex-sandbox --work_dir /a");
	assert_null(o.launcher);
	options_free(&o);
	assert_int_equal(PARSE(&o, &f, "--launcher-here", "x\n"), -1);
	options_free(&o);
	assert_int_equal(PARSE(&o, &f, "--launcher", "x\n"), -1);
	options_free(&o);
	assert_int_equal(PARSE(&o, &f, "--launcher", "x\x1b[2J"), -1);
	options_free(&o);
	assert_int_equal(PARSE(&o, &f, "--launcher", "x\xc2\x9b"), -1);
	options_free(&o);
}

static void explain_goes_with_check(void **state)
{
	struct options o;
	struct failure f;

	(void)state;
	assert_int_equal(PARSE(&o, &f, "--check", "--explain", "A.example:8443"), 0);
	assert_true(o.check && o.explain);
	assert_string_equal(o.target.name, "a.example");
	assert_int_equal(o.target.port, 8443);
	options_free(&o);
	assert_int_equal(PARSE(&o, &f, "--explain=[2001:db8::1]:22", "--check"), 0);
	assert_int_equal(o.target.address.family, 6);
	options_free(&o);
	assert_int_equal(PARSE(&o, &f, "--check"), 0);
	assert_false(o.explain);
	options_free(&o);
	assert_int_equal(PARSE(&o, &f, "--explain", "a.example"), -1);
	assert_non_null(strstr(f.reason, "--check"));
	assert_non_null(f.hint[0] ? strstr(f.hint, "codex-egress explain") : NULL);
	options_free(&o);
}

static void mistakes_are_quoted(void **state)
{
	static const struct {
		const char *argument[3], *on, *why;
	} table[] = {
		{{"--nonsense", NULL}, "--nonsense", "no such option"},
		{{"--allo", "x", NULL}, "--allo", "no such option"},
		{{"--allowx=y", NULL}, "--allowx=y", "no such option"},
		{{"-x", NULL}, "-x", "no such option"},
		{{"--allow", NULL}, "--allow", "missing"},
		{{"--check=yes", NULL}, "--check=yes", "takes no value"},
		{{"--egress=of", NULL}, "--egress of", "strict pin audit off"},
		{{"--wall=iptables", NULL}, "--wall iptables", "auto nft cell"},
		{{"--workdir", "relative", NULL}, "--workdir relative", "absolute"},
		{{"--events=e", NULL}, "--events e", "absolute"},
		{{"--user=", NULL}, "--user", "UID"},
		{{"--allow", "exa mple.com", NULL}, "--allow \"exa mple.com\"",
			"at character 4"},
		{{"--check", "--explain=a.example:0", NULL}, "--explain a.example:0", "65535"},
		{{"--deny", "a.example:99999", NULL}, "--deny", "at character 11"},
		{{"--allow", "@no-such-preset", NULL}, "@no-such-preset", "preset"},
	};
	struct options o;
	struct failure f;

	(void)state;
	for (size_t i = 0; i < sizeof(table) / sizeof(table[0]); i++) {
		assert_int_equal(parse(&o, &f, table[i].argument), -1);
		if (!strstr(f.subject, table[i].on) || !strstr(f.reason, table[i].why))
			fail_msg("row %zu: on \"%s\", why \"%s\"", i, f.subject, f.reason);
		options_free(&o);
	}
}

static void a_bad_list_names_its_variable(void **state)
{
	struct options o;
	struct failure f;

	(void)state;
	setenv("OPENAI_ALLOWED_DOMAINS", "good.example b@d.example", 1);
	assert_int_equal(PARSE(&o, &f, "-v"), -1);
	assert_non_null(strstr(f.subject, "OPENAI_ALLOWED_DOMAINS"));
	assert_non_null(strstr(f.subject, "b@d.example"));
	assert_non_null(strstr(f.reason, "character 2"));
	options_free(&o);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, clean, clean)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(nothing_given),
		TEST(options_end_where_the_command_begins),
		TEST(values_with_and_without_equals),
		TEST(rules_add_up),
		TEST(default_rules_can_be_left_out),
		TEST(the_command_line_wins_over_the_environment),
		TEST(empty_variables_are_unset),
		TEST(published_ports),
		TEST(upstreams),
		TEST(the_proxy_and_its_exceptions),
		TEST(how_long_a_person_has),
		TEST(a_command_to_go_on_with_is_one_line),
		TEST(explain_goes_with_check),
		TEST(mistakes_are_quoted),
		TEST(a_bad_list_names_its_variable),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
