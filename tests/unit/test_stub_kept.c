/* Files of options: their lines, and what each may say. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <cmocka.h>

#include "../../stub/bounds.h"
#include "../../stub/cli.h"
#include "../../stub/kept_edit.h"
#include "../../stub/kept_text.h"
#include "../../stub/quote.h"

static struct error error;

static void expect(const char *text, const char *wanted)
{
	char copy[256], seen[256] = "";
	struct kept_text k;
	int found;

	memcpy(copy, text, strlen(text) + 1);
	kept_text_begin(&k, copy, strlen(text));
	while ((found = kept_text_next(&k)) > 0)
		snprintf(seen + strlen(seen), sizeof(seen) - strlen(seen), "%u:%s=%s;", k.line,
			k.name, k.value);
	if (found < 0)
		snprintf(seen + strlen(seen), sizeof(seen) - strlen(seen), "%u!", k.line);
	assert_string_equal(seen, wanted);
}

static void lines(void **state)
{
	(void)state;
	expect("", "");
	expect("\n\n", "");
	expect("# allow a\n  # b\n", "");
	expect("allow @pypi", "1:allow=@pypi;");
	expect("allow @pypi\nmemory 4g\n", "1:allow=@pypi;2:memory=4g;");
	expect("\n \t audit \t\n", "2:audit=;");
	expect("read-only \t /a b/c # d\r\n", "1:read-only=/a b/c;");
	expect("read-only /a#b\n", "1:read-only=/a#b;");
	expect("memory=4g", "1:memory=4g=;");
	expect("allow a\rb\n", "1!");
	expect("allow a\x01\n", "1!");
	expect("allow a\n\x1b[2J\n", "1:allow=a;2!");
}

static void a_nul_is_an_error(void **state)
{
	char text[] = "allow a\0b\n";
	struct kept_text k;

	(void)state;
	kept_text_begin(&k, text, sizeof(text) - 1);
	assert_int_equal(kept_text_next(&k), -1);
	assert_int_equal(k.line, 1);
}

static void a_control_character_is_an_error(void **state)
{
	static const char odd[] = {1, 27, 127};
	char text[] = "a b?c\n";
	struct kept_text k;

	(void)state;
	for (size_t i = 0; i < sizeof(odd); i++) {
		text[3] = odd[i];
		kept_text_begin(&k, text, sizeof(text) - 1);
		assert_int_equal(kept_text_next(&k), -1);
		text[3] = '?';
		text[1] = ' ';
		text[sizeof(text) - 2] = '\n';
	}
}

static void there_is_a_limit_of_lines(void **state)
{
	static char text[BOUND_KEPT_LINES + 2];
	struct kept_text k;

	(void)state;
	memset(text, '\n', BOUND_KEPT_LINES + 1);
	kept_text_begin(&k, text, BOUND_KEPT_LINES);
	assert_int_equal(kept_text_next(&k), 0);
	memset(text, '\n', BOUND_KEPT_LINES + 1); /* it has put NULs there */
	kept_text_begin(&k, text, BOUND_KEPT_LINES + 1);
	assert_int_equal(kept_text_next(&k), -1);
	assert_string_equal(k.why, "there are too many lines");
}

static void what_is_kept_is_in_force(void **state)
{
	struct cli c = {0};

	(void)state;
	setenv("HOME", "/home/u", 1);
	assert_int_equal(cli_keep(&c, "allow", "@pypi", "F:1", &error), 0);
	assert_int_equal(cli_keep(&c, "allow", "a.example", "F:2", &error), 0);
	assert_int_equal(cli_keep(&c, "memory", "4g", "F:3", &error), 0);
	assert_int_equal(cli_keep(&c, "audit", "", "F:4", &error), 0);
	assert_int_equal(cli_keep(&c, "auth-dir", "~/login", "F:5", &error), 0);
	assert_int_equal(cli_keep(&c, "env", "OPENAI_API_KEY", "F:6", &error), 0);
	assert_int_equal(c.allow.count, 2);
	assert_string_equal(c.memory, "4g");
	assert_string_equal(c.auth_dir, "/home/u/login");
	assert_true(c.audit);
	/* Of another file, the first one counts. */
	assert_int_equal(cli_keep(&c, "memory", "8g", "G:1", &error), 0);
	assert_int_equal(cli_keep(&c, "auth_file", "/f", "G:2", &error), 0);
	assert_string_equal(c.memory, "4g");
	assert_null(c.auth_file);
	assert_int_equal(c.overridden.count, 6);
	cli_free(&c);
}

static void what_cannot_be_kept(void **state)
{
	static const char *const wrong[][3] = {{"yes", "", "for one start"},
		{"dry-run", "", "one start"}, {"exec", "ls", "one start"},
		{"no_config", "", "one start"}, {"work_dir", "/a", "which project"},
		{"memroy", "4g", "no such option"}, {"memory", "", "missing"},
		{"memory", "much", "--memory"}, {"audit", "yes", "takes no value"},
		{"env", "MY_TOKEN=x", "secret"}, {"env", "1A", "NAME"},
		{"read-only", "relative", "begin with /"},
		{"mount", "~other/x", "begin with /"}, {"wall", "none", "nft or cell"},
		{"--allow", "a", "no such option"}};

	(void)state;
	for (size_t i = 0; i < sizeof(wrong) / sizeof(wrong[0]); i++) {
		struct cli c = {0};

		if (cli_keep(&c, wrong[i][0], wrong[i][1], "F:7", &error) == 0)
			fail_msg("accepted: %s", wrong[i][0]);
		assert_int_equal(error.status, STATUS_REFUSED);
		assert_string_equal(error.subject, "F:7");
		if (!strstr(error.reason, wrong[i][2]))
			fail_msg("%s: %s", wrong[i][0], error.reason);
		cli_free(&c);
	}
}

static void a_single_value_twice_in_a_file(void **state)
{
	struct cli c = {0};

	(void)state;
	assert_int_equal(cli_keep(&c, "cpus", "1", "F:1", &error), 0);
	assert_int_equal(cli_keep(&c, "cpus", "2", "F:9", &error), -1);
	assert_non_null(strstr(error.reason, "twice"));
	cli_free(&c);
}

static void a_projects_file_is_called_after_it(void **state)
{
	struct arena arena = {0};
	const char *a = quote_project_name(&arena, "/home/u/src/shop");

	(void)state;
	assert_memory_equal(a, "shop-", 5);
	assert_int_equal(strlen(a), 13);
	assert_string_not_equal(a, quote_project_name(&arena, "/home/v/src/shop"));
	assert_memory_equal(quote_project_name(&arena, "/a/b c/\xc3\xa4;d"), "___d-", 5);
	arena_free(&arena);
}

static void expect_edit(const char *text, const struct kept_edit *e, const char *wanted)
{
	struct arena arena = {0};
	const char *made = kept_edit_text(&arena, text, strlen(text), e);

	if (wanted)
		assert_string_equal(made, wanted);
	else
		assert_null(made);
	arena_free(&arena);
}

static void an_edit_leaves_the_rest_alone(void **state)
{
	const struct kept_edit allow = {.name = "allow",
				       .value = "a.example",
				       .instead_of = "deny"},
			       undo = {.name = "allow",
				       .value = "a.example",
				       .remove = true,
				       .instead_of = "deny"};

	(void)state;
	expect_edit("", &allow, "allow a.example\n");
	expect_edit("# x\n\nallow b.example # why\nmemory 4g", &allow,
		"# x\n\nallow b.example # why\nmemory 4g\nallow a.example\n");
	expect_edit("  allow\ta.example   # by hand\n", &allow, NULL);
	expect_edit("allow a.example.org\n", &allow, "allow a.example.org\nallow a.example\n");
	expect_edit("deny a.example\ndeny b.example\n", &allow,
		"deny b.example\nallow a.example\n");
	expect_edit("# deny a.example\n", &allow, "# deny a.example\nallow a.example\n");
	expect_edit("allow a.example\n# x\ndeny a.example\ncpus 2\n", &undo, "# x\ncpus 2\n");
	expect_edit("allow b.example\n", &undo, NULL);
	expect_edit("", &undo, NULL);
}

/* As in a session (policy_say(), policy_undo()). */
static void an_edit_goes_by_what_a_rule_is_about(void **state)
{
	const struct kept_edit allow = {.name = "allow",
				       .value = "db:22+private",
				       .instead_of = "deny"},
			       deny = {.name = "deny", .value = "db:22", .instead_of = "allow"},
			       undo = {.name = "allow",
				       .value = "Db.:22",
				       .remove = true,
				       .instead_of = "deny"};

	(void)state;
	expect_edit("deny DB:22\n", &allow, "allow db:22+private\n");
	expect_edit("allow db.:22+private\n", &allow, NULL);
	expect_edit("allow db:22\n", &allow, "allow db:22\nallow db:22+private\n");
	expect_edit("allow db:22+private\nallow db:22\n", &deny, "deny db:22\n");
	expect_edit("allow db:22+private\ndeny db:22\nallow db\n", &undo, "allow db\n");
	expect_edit(
		"deny db:23\ndeny db\n", &allow, "deny db:23\ndeny db\nallow db:22+private\n");
	expect_edit("deny @db\nagree db:22\n", &deny, "deny @db\nagree db:22\ndeny db:22\n");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(lines),
		cmocka_unit_test(a_nul_is_an_error),
		cmocka_unit_test(a_control_character_is_an_error),
		cmocka_unit_test(there_is_a_limit_of_lines),
		cmocka_unit_test(what_is_kept_is_in_force),
		cmocka_unit_test(what_cannot_be_kept),
		cmocka_unit_test(a_single_value_twice_in_a_file),
		cmocka_unit_test(an_edit_leaves_the_rest_alone),
		cmocka_unit_test(an_edit_goes_by_what_a_rule_is_about),
		cmocka_unit_test(a_projects_file_is_called_after_it),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
