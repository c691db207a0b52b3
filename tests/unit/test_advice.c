/* A config.toml made for the host: its keys, and what is reported about them. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include <stdbool.h>
#include <stdio.h>
#include <string.h>

#include "../../init/home/advice.h"
#include "../../init/home/toml.h"
#include "../../init/lib/limits.h"

/* ---- Keys ---------------------------------------------------------------------------- */

static char seen[4096];

static void list(void *context, const char *path, const char *value, size_t value_size)
{
	size_t n = strlen(seen);

	(void)context;
	snprintf(seen + n, sizeof(seen) - n, "%s%s%.*s;", path, value ? "=" : "",
		(int)value_size, value ? value : "");
}

static void good(const char *text, const char *keys)
{
	seen[0] = '\0';
	assert_true(toml_scan(text, strlen(text), list, NULL));
	assert_string_equal(seen, keys);
}

/* What comes before a syntax error is reported; what comes after isn't. */
static void bad(const char *text, const char *keys)
{
	seen[0] = '\0';
	assert_false(toml_scan(text, strlen(text), list, NULL));
	assert_string_equal(seen, keys);
}

static void keys_and_tables(void **state)
{
	(void)state;
	good("", "");
	good("\n  # comment only", "");
	good("a = 1", "a=1;");
	good("a=true # why\r\nb-c_2 = 'x'\n", "a=true ;b-c_2=x;");
	good("a.b . c = 1\n", "a.b.c=1;");
	good("[t]\na = 1\n[t.u]\nb = 2\n", "t;t.a=1;t.u;t.u.b=2;");
	good("[[t]]\na = 1\n[[t]]\na = 2\n", "t;t.a=1;t;t.a=2;");
	good("[ t . \"a.b\" ] # x\nc = 1", "t.a_b;t.a_b.c=1;");
	good("\"\" = 1\na.\"\" = 2", "=1;a.=2;");
	good("\"a b\\\"\\u00e4\" = 1\n'c\xc3\xa4' = 2", "a_b\"u00e4=1;c__=2;");
}

static void values_are_passed_over(void **state)
{
	(void)state;
	good("a = \"x # \\\" = y\"\nb = 1", "a=x # \\\" = y;b=1;");
	good("a = '\\'\nb = 1", "a=\\;b=1;");
	good("a = \"\"\nb = ''\n", "a=;b=;");
	good("a = \"\"\"\nx = 1\n[y]\n\"quoted\" \"\"\"\nb = 1",
		"a=\nx = 1\n[y]\n\"quoted\" ;b=1;");
	good("a = '''x'''''\nb = 1", "a=x;b=1;");
	good("a = [ 1, # ]\n [ \"]\" , 'x' ],\n ]\nb = 1",
		"a=[ 1, # ]\n [ \"]\" , 'x' ],\n ];b=1;");
	good("a = { b = 1, c.d = \"x\", e = {} }\nf = 1", "a.b=1;a.c.d=x;f=1;");
	good("a = [{b = 1}, {c = 2}]", "a.b=1;a.c=2;a=[{b = 1}, {c = 2}];");
	good("a = 1979-05-27 07:32:00\n", "a=1979-05-27 07:32:00;");
}

static void mistakes_end_it(void **state)
{
	(void)state;
	bad("a", "");
	bad("a =", "");
	bad("a = \n b = 1", "");
	bad("= 1", "");
	bad("a = 1\n[t\nb = 1", "a=1;");
	bad("[[t]\nb = 1", "");
	bad("a = \"x\nb = 1", "");
	bad("a = \"x", "");
	bad("a = \"\"\"x", "");
	bad("a = [1\nb = 2\n", "");
	bad("a = {b = 1", "a.b=1;");
	bad("a = 'x' b = 1", "a=x;");
	bad("\"a = 1\n", "");
}

static void nesting_and_length_are_bounded(void **state)
{
	char text[2 * LIMIT_TOML_DEPTH + 64] = "a = ", long_key[LIMIT_TOML_PATH + 64];

	(void)state;
	memset(text + 4, '[', LIMIT_TOML_DEPTH);
	memset(text + 4 + LIMIT_TOML_DEPTH, ']', LIMIT_TOML_DEPTH);
	seen[0] = '\0';
	assert_true(toml_scan(text, strlen(text), list, NULL));
	memset(text + 4, '[', sizeof(text) - 5);
	assert_false(toml_scan(text, strlen(text), list, NULL));
	memset(long_key, 'k', sizeof(long_key));
	memcpy(long_key + sizeof(long_key) - 5, " = 1", 5);
	seen[0] = '\0';
	assert_true(toml_scan(long_key, strlen(long_key), list, NULL));
	assert_int_equal(strlen(seen), LIMIT_TOML_PATH - 1 + 3);
}

/* ---- What is told -------------------------------------------------------------------- */

static char line[1000];
static bool held = true;

static const char *told(const char *text)
{
	advice_line(advice_find(text, strlen(text), held), line, sizeof(line));
	return line;
}

#define assert_told(text, part)                                                                \
	do {                                                                                   \
		if (!strstr(told(text), (part)))                                               \
			fail_msg("\"%s\" lacks \"%s\"", line, (part));                         \
	} while (0)

static void what_does_not_fit_is_reported(void **state)
{
	(void)state;
	assert_told("[mcp_servers.x]\ncommand = \"npx\"", "mcp_servers (programs");
	assert_told("mcp_servers = { x = { command = \"npx\" } }", "mcp_servers (programs");
	assert_told("[mcp_servers.\"a.b\"]\nurl = \"https://x\"", "mcp_servers (other hosts");
	assert_told("notify = [\"say\"]", "notify (programs");
	assert_told("[[hooks.Stop]]\n", "hooks (programs");
	assert_told("sqlite_home = \"/home/u/x\"", "sqlite_home (a path");
	assert_told("log_dir = \"~/x\"", "log_dir (a path");
	assert_told("model_instructions_file = \"/home/u/x.md\"",
		"model_instructions_file (a path");
	assert_told(
		"[model_providers.a]\nbase_url = \"http://x\"", "model_providers (other hosts");
	assert_told(
		"[model_providers.a]\nwire_api = \"chat\"", "wire_api (Codex no longer starts");
	assert_told("profile = \"x\"", "profile (Codex no longer starts");
	assert_told("approval_policy = 'untrusted'", "approval_policy (Codex no longer starts");
	assert_told("[otel]\nexporter = { otlp-http = { endpoint = \"https://x\" } }",
		"otel (other");
	assert_told(
		"forced_login_method = \"chatgpt\"", "forced_login_method (may log you out)");
	assert_told("[features]\nweb_search_request = true", "web_search_request (has another");
}

static void what_fits_is_not(void **state)
{
	static const char *const texts[] = {
		"",
		"model = \"gpt-5\"\nmodel_reasoning_effort = \"high\"\n",
		"# notify = [\"say\"]\n",
		"notify = []",
		"x = \"profile = 1\"",
		"x = '''\nprofile = \"a\"\n'''",
		"[projects.\"/home/u/p\"]\ntrust_level = \"trusted\"",
		"[other]\nprofile = \"x\"\nnotify = [\"say\"]",
		"[model_providers.a]\nwire_api = \"responses\"",
		"[otel]\nexporter = \"none\"\nenvironment = \"dev\"",
		"sqlite_home = \"/tmp/x\"\nlog_dir = \"/codex_home/log\"",
		"model_instructions_file = \"/app/home/u/p/x.md\"",
		"[mcp_servers]",
		"[features]\nhooks = true",
		"web_search = \"live\"\n[tools]\nweb_search = true",
		/* handled by the image's own settings */
		"approval_policy = \"on-request\"\nsandbox_mode = \"read-only\"",
		"default_permissions = \":workspace\"\n",
		"[profiles.x]\napproval_policy = \"untrusted\"\n",
		"cli_auth_credentials_store = \"keyring\"\n[permissions.x]\n",
	};

	(void)state;
	for (size_t i = 0; i < sizeof(texts) / sizeof(texts[0]); i++)
		assert_string_equal(told(texts[i]), "");
}

/* If nothing makes Codex use the image's settings, the user's own are reported. */
static void its_own_sandbox_is_reported_where_it_counts(void **state)
{
	static const char *const asks[] = {"sandbox_mode = \"workspace-write\"",
		"sandbox_mode = 'read-only' # safe", "default_permissions = \":workspace\""};
	static const char *const does_without[] = {"sandbox_mode = \"danger-full-access\"",
		"default_permissions = \":danger-full-access\"",
		"[sandbox_workspace_write]\nnetwork_access = true", "[x]\nsandbox_mode = 'a'"};

	(void)state;
	for (size_t i = 0; i < sizeof(asks) / sizeof(asks[0]); i++) {
		held = false;
		assert_told(asks[i], "(Codex's own sandbox, which can't work here)");
		held = true;
		assert_string_equal(told(asks[i]), "");
	}
	held = false;
	for (size_t i = 0; i < sizeof(does_without) / sizeof(does_without[0]); i++)
		assert_string_equal(told(does_without[i]), "");
	held = true;
}

/* ---- What is mended ------------------------------------------------------------------ */

static void becomes(const char *before, const char *after)
{
	char text[256];

	snprintf(text, sizeof(text), "%s", before);
	advice_mend(text, strlen(text));
	assert_string_equal(text, after);
}

static void stays(const char *text)
{
	becomes(text, text);
}

static void the_policy_that_stops_codex_is_mended(void **state)
{
	(void)state;
	becomes("approval_policy = \"untrusted\"", "approval_policy = \"never\"    ");
	becomes("a = 1\napproval_policy='untrusted' # x\n[t]\nb = 1\n",
		"a = 1\napproval_policy='never'     # x\n[t]\nb = 1\n");
	becomes("\"approval_policy\" = \"untrusted\"\n",
		"\"approval_policy\" = \"never\"    \n");
	stays("approval_policy = \"on-request\"\n");
	stays("approval_policy = untrusted\n");
	stays("approval_policy = \"\"\"untrusted\"\"\"\n");
	stays("approval_policy = { granular = \"untrusted\" }\n");
	stays("[profiles.x]\napproval_policy = \"untrusted\"\n");
	stays("x = '''\napproval_policy = \"untrusted\"\n'''\n");
	stays("# approval_policy = \"untrusted\"\n");
	stays("approval_policy = \"untrusted");
	stays("");
}

static void it_is_one_line(void **state)
{
	const char *text =
		"profile = \"x\"\nnotify = [\"a\"]\nlog_dir = \"/x\"\nsqlite_home = \"/y\"\n"
		"[mcp_servers.a]\ncommand = \"a\"\n[mcp_servers.b]\ncommand = \"b\"\n";

	(void)state;
	assert_string_equal(told(text),
		"config.toml was made for the host: mcp_servers, notify (programs, which this "
		"container must have); sqlite_home, log_dir (a path of the host's); profile "
		"(Codex "
		"no longer starts with it)");
	/* All of it fits. */
	advice_line(UINT32_MAX, line, sizeof(line));
	assert_true(strlen(line) < sizeof(line) - 1 && !strchr(line, '\n'));
}

static void the_old_name_of_web_search_gets_a_hint(void **state)
{
	const char *old = "web_search_request = true", *new = "web_search = \"live\"";

	(void)state;
	assert_non_null(strstr(
		advice_hint(advice_find(old, strlen(old), true)), "web_search = \"live\""));
	assert_null(advice_hint(advice_find(new, strlen(new), true)));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(keys_and_tables),
		cmocka_unit_test(values_are_passed_over),
		cmocka_unit_test(mistakes_end_it),
		cmocka_unit_test(nesting_and_length_are_bounded),
		cmocka_unit_test(what_does_not_fit_is_reported),
		cmocka_unit_test(what_fits_is_not),
		cmocka_unit_test(its_own_sandbox_is_reported_where_it_counts),
		cmocka_unit_test(the_policy_that_stops_codex_is_mended),
		cmocka_unit_test(it_is_one_line),
		cmocka_unit_test(the_old_name_of_web_search_gets_a_hint),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
