/* The payload's environment: copied, set, replaced, and what the sandbox guarantees. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <cmocka.h>

#include "../../init/home/environment.h"

static void copies_and_keeps_order(void **state)
{
	char *base[] = {(char *)"A=1", (char *)"B=two=2", (char *)"EMPTY=", NULL};
	struct environment e;

	(void)state;
	assert_int_equal(environment_copy(&e, base), 0);
	assert_int_equal(e.count, 3);
	assert_string_equal(environment_get(&e, "B"), "two=2");
	assert_string_equal(environment_get(&e, "EMPTY"), "");
	assert_null(environment_get(&e, "C"));
	assert_null(e.vars[3]);
	environment_free(&e);
}

static void leaves_out_what_is_no_variable(void **state)
{
	char *base[] = {(char *)"novalue", (char *)"A=1", NULL};
	struct environment e;

	(void)state;
	assert_int_equal(environment_copy(&e, base), 0);
	assert_int_equal(e.count, 1);
	environment_free(&e);
}

static void the_last_of_two_wins(void **state)
{
	char *base[] = {(char *)"A=1", (char *)"AB=2", (char *)"A=3", NULL};
	struct environment e;

	(void)state;
	assert_int_equal(environment_copy(&e, base), 0);
	assert_int_equal(e.count, 2);
	assert_string_equal(environment_get(&e, "A"), "3");
	assert_string_equal(environment_get(&e, "AB"), "2");
	environment_free(&e);
}

static void a_prefix_is_another_name(void **state)
{
	char *base[] = {(char *)"PATHS=x", NULL};
	struct environment e;

	(void)state;
	assert_int_equal(environment_copy(&e, base), 0);
	assert_null(environment_get(&e, "PATH"));
	environment_unset(&e, "PATH");
	assert_int_equal(e.count, 1);
	environment_unset(&e, "PATHS");
	assert_int_equal(e.count, 0);
	assert_null(e.vars[0]);
	environment_free(&e);
}

static void what_the_launcher_told_is_gone(void **state)
{
	char *base[] = {(char *)"CODEX_INIT_LAUNCHER_HERE=x", (char *)"CODEX_INIT_RUN=x",
		(char *)"CODEX_INIT_BROKER=x", NULL};
	struct environment e;

	(void)state;
	assert_int_equal(environment_copy(&e, base), 0);
	environment_unset_told(&e);
	assert_int_equal(e.count, 1);
	assert_string_equal(environment_get(&e, "CODEX_INIT_BROKER"), "x");
	environment_free(&e);
}

static void grows(void **state)
{
	char *base[] = {NULL}, name[32];
	struct environment e;

	(void)state;
	assert_int_equal(environment_copy(&e, base), 0);
	for (int i = 0; i < 500; i++) {
		snprintf(name, sizeof(name), "V%d", i);
		assert_int_equal(environment_set(&e, name, "x"), 0);
	}
	assert_int_equal(e.count, 500);
	assert_null(e.vars[500]);
	assert_string_equal(environment_get(&e, "V499"), "x");
	environment_free(&e);
}

static void the_sandbox_sets_its_promises(void **state)
{
	char *base[] = {
		(char *)"PATH=/x:/y", (char *)"HOME=/root", (char *)"CODEX_HOME=/old", NULL};
	struct environment e;

	(void)state;
	assert_int_equal(environment_copy(&e, base), 0);
	assert_int_equal(environment_sandbox(&e, "/codex_home"), 0);
	assert_string_equal(environment_get(&e, "PATH"), "/codex_home/bin:/x:/y");
	assert_string_equal(environment_get(&e, "HOME"), "/codex_home");
	assert_string_equal(environment_get(&e, "CODEX_HOME"), "/codex_home");
	assert_string_equal(environment_get(&e, "SANDBOX_ENV_DIR"), "/codex_home");
	assert_string_equal(environment_get(&e, "USER"), "codex");
	environment_free(&e);
}

static void the_homes_bin_is_named_once(void **state)
{
	char *base[] = {(char *)"PATH=/codex_home/bin:/x", NULL};
	struct environment e;

	(void)state;
	assert_int_equal(environment_copy(&e, base), 0);
	assert_int_equal(environment_sandbox(&e, "/codex_home"), 0);
	assert_string_equal(environment_get(&e, "PATH"), "/codex_home/bin:/x");
	assert_string_equal(environment_get(&e, "NPM_CONFIG_PREFIX"), "/codex_home");
	assert_int_equal(environment_set(&e, "NPM_CONFIG_PREFIX", "/mine"), 0);
	assert_int_equal(environment_set(&e, "PATH", "/codex_home/bins:/x"), 0);
	assert_int_equal(environment_sandbox(&e, "/codex_home"), 0);
	assert_string_equal(environment_get(&e, "PATH"), "/codex_home/bin:/codex_home/bins:/x");
	assert_string_equal(environment_get(&e, "NPM_CONFIG_PREFIX"), "/mine");
	environment_free(&e);
}

static void a_given_sandbox_dir_stays(void **state)
{
	char *base[] = {
		(char *)"SANDBOX_ENV_DIR=/app/p/.codex/.environment", (char *)"PATH=", NULL};
	struct environment e;

	(void)state;
	assert_int_equal(environment_copy(&e, base), 0);
	assert_int_equal(environment_sandbox(&e, "/codex_home"), 0);
	assert_string_equal(
		environment_get(&e, "SANDBOX_ENV_DIR"), "/app/p/.codex/.environment");
	/* An empty PATH would mean the current directory, so the usual one replaces it. */
	assert_string_equal(environment_get(&e, "PATH"),
		"/codex_home/bin:/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin");
	environment_free(&e);
}

static void another_images_home_is_its_users(void **state)
{
	static const struct {
		const char *set;
		const char *home, *now; /* NULL: none */
	} cases[] = {
		{"HOME=/root", "/home/app", "/home/app"},
		{"HOME=/root", NULL, "/root"},
		{"HOME=/srv", "/home/app", "/srv"},
		{"A=b", "/home/app", "/home/app"},
		{"A=b", NULL, NULL},
	};
	struct environment e;

	(void)state;
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		char *const none[] = {NULL};
		const char *now;

		assert_int_equal(environment_copy(&e, none), 0);
		assert_int_equal(environment_take(&e, cases[i].set), 0);
		assert_int_equal(environment_plain(&e, "/root", cases[i].home), 0);
		now = environment_get(&e, "HOME");
		assert_int_equal(now != NULL, cases[i].now != NULL);
		if (now)
			assert_string_equal(now, cases[i].now);
		assert_null(environment_get(&e, "CODEX_HOME"));
		environment_free(&e);
	}
}

static void a_key_under_its_usual_name_is_codexs(void **state)
{
	char *alone[] = {(char *)"OPENAI_API_KEY=sk-1", NULL};
	char *both[] = {(char *)"OPENAI_API_KEY=sk-1", (char *)"CODEX_API_KEY=sk-2", NULL};
	char *none[] = {(char *)"OPENAI_API_KEY=", NULL};
	struct environment e;

	(void)state;
	assert_int_equal(environment_copy(&e, alone), 0);
	assert_int_equal(environment_api_key(&e), 0);
	assert_string_equal(environment_get(&e, "CODEX_API_KEY"), "sk-1");
	assert_string_equal(environment_get(&e, "OPENAI_API_KEY"), "sk-1");
	environment_free(&e);
	assert_int_equal(environment_copy(&e, both), 0);
	assert_int_equal(environment_api_key(&e), 0);
	assert_string_equal(environment_get(&e, "CODEX_API_KEY"), "sk-2");
	environment_free(&e);
	assert_int_equal(environment_copy(&e, none), 0);
	assert_int_equal(environment_api_key(&e), 0);
	assert_null(environment_get(&e, "CODEX_API_KEY"));
	environment_free(&e);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(copies_and_keeps_order),
		cmocka_unit_test(leaves_out_what_is_no_variable),
		cmocka_unit_test(the_last_of_two_wins),
		cmocka_unit_test(a_prefix_is_another_name),
		cmocka_unit_test(what_the_launcher_told_is_gone),
		cmocka_unit_test(grows),
		cmocka_unit_test(the_sandbox_sets_its_promises),
		cmocka_unit_test(the_homes_bin_is_named_once),
		cmocka_unit_test(a_given_sandbox_dir_stays),
		cmocka_unit_test(another_images_home_is_its_users),
		cmocka_unit_test(a_key_under_its_usual_name_is_codexs),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
