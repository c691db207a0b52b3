/* --env-file: its lines, and the names that no file may set. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>
#include <cmocka.h>

#include "../../stub/variables.h"

static const char *why;

static void line_is(const char *text, const char *name, const char *value)
{
	struct variable v;

	assert_int_equal(variables_line(text, strlen(text), &v, &why), strlen(text));
	assert_int_equal(v.name_size, strlen(name));
	assert_memory_equal(v.name, name, v.name_size);
	assert_int_equal(v.value != NULL, value != NULL);
	if (value) {
		assert_int_equal(v.value_size, strlen(value));
		assert_memory_equal(v.value, value, v.value_size);
	}
}

static void lines_are_taken_as_they_stand(void **state)
{
	(void)state;
	line_is("A=1", "A", "1");
	line_is("A=1\n", "A", "1");
	line_is("A=1\r\n", "A", "1");
	line_is(" \tA=\"x y\" # no comment", "A", "\"x y\" # no comment");
	line_is("A=", "A", "");
	line_is("A==b=c", "A", "=b=c");
	line_is("_a1", "_a1", NULL);
}

static void a_line_ends_where_it_ends(void **state)
{
	static const char text[] = "A=1\nB=2\n";
	struct variable v;

	(void)state;
	assert_int_equal(variables_line(text, strlen(text), &v, &why), 4);
	assert_int_equal(v.value_size, 1);
	assert_int_equal(variables_line(text, 2, &v, &why), 2);
	assert_int_equal(v.value_size, 0);
}

static void empty_lines_and_comments_are_none(void **state)
{
	static const char *const texts[] = {"\n", "  \n", "#A=1\n", " # A=1", "\r\n"};
	struct variable v;

	(void)state;
	for (size_t i = 0; i < sizeof(texts) / sizeof(texts[0]); i++) {
		assert_int_equal(
			variables_line(texts[i], strlen(texts[i]), &v, &why), strlen(texts[i]));
		assert_null(v.name);
	}
}

static void what_is_no_name_is_refused(void **state)
{
	static const char *const texts[] = {
		"=1", "1A=1", "export A=1", "A B", "A-B=1", "A =1", "\xc3\xa4=1", "A*", "-e"};
	struct variable v;

	(void)state;
	for (size_t i = 0; i < sizeof(texts) / sizeof(texts[0]); i++)
		assert_int_equal(variables_line(texts[i], strlen(texts[i]), &v, &why), 0);
}

static bool owned(const char *name)
{
	return variables_is_owned(name, strlen(name));
}

static void what_decides_about_the_sandbox_is_owned(void **state)
{
	static const char *const ours[] = {"CODEX_INIT_EGRESS", "CODEX_INIT_",
		"codex_init_deny", "CODEX_INIT_NOT_THERE_YET", "OPENAI_ALLOWED_DOMAINS",
		"HTTPS_PROXY", "https_proxy", "All_Proxy", "no_proxy", "HOME", "CODEX_HOME",
		"SANDBOX_ENV_DIR"};
	static const char *const theirs[] = {"OPENAI_API_KEY", "CODEX_INIT", "CODEX_API_KEY",
		"HOMES", "MY_CODEX_INIT_X", "PATH", "DATABASE_URL", "PROXY"};

	(void)state;
	for (size_t i = 0; i < sizeof(ours) / sizeof(ours[0]); i++)
		if (!owned(ours[i]))
			fail_msg("%s may be set", ours[i]);
	for (size_t i = 0; i < sizeof(theirs) / sizeof(theirs[0]); i++)
		if (owned(theirs[i]))
			fail_msg("%s may not be set", theirs[i]);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(lines_are_taken_as_they_stand),
		cmocka_unit_test(a_line_ends_where_it_ends),
		cmocka_unit_test(empty_lines_and_comments_are_none),
		cmocka_unit_test(what_is_no_name_is_refused),
		cmocka_unit_test(what_decides_about_the_sandbox_is_owned),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
