/* Which words are commands of ours, and which are Codex's. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>
#include <cmocka.h>

#include "../../stub/commands/commands.h"
#include "stub_cli_fixture.h"

static struct cli cli;

static const struct command *find(const char *const *arguments)
{
	assert_int_equal(parse(&cli, arguments), 0);
	return commands_find(&cli);
}
#define FIND(...) find((const char *const[]){__VA_ARGS__, NULL})

static void assert_command(const struct command *command, const char *name)
{
	assert_non_null(command);
	assert_string_equal(command->name, name);
	cli_free(&cli);
}

static void assert_codexs(const struct command *command)
{
	assert_null(command);
	cli_free(&cli);
}

static void the_first_word_that_is_no_option(void **state)
{
	(void)state;
	assert_command(FIND("status"), "status");
	assert_command(FIND("explain", "example.com"), "explain");
	assert_command(FIND("--work_dir", "/", "--engine=podman", "stop"), "stop");
	assert_command(FIND("status", "of", "this"), "status");
}

static void everything_else_is_codexs(void **state)
{
	(void)state;
	assert_codexs(FIND("--"));
	assert_codexs(FIND("--", "status"));
	assert_codexs(FIND("--exec", "status"));
	assert_codexs(FIND("status of this project"));
	assert_codexs(FIND("status "));
	assert_codexs(FIND("Status"));
	assert_codexs(FIND("exec", "status"));
	assert_codexs(FIND("stat"));
	assert_codexs(FIND("resume"));
	assert_codexs(FIND("apply"));
}

/* Runs what FIND() has found, up to a mistake. */
static void assert_mistake(const struct command *command, const char *reason)
{
	assert_non_null(command);
	assert_int_equal(commands_run(command, &cli, &error), -1);
	assert_int_equal(error.status, STATUS_REFUSED);
	assert_non_null(strstr(error.reason, reason));
	cli_free(&cli);
}

static void mistakes(void **state)
{
	(void)state;
	assert_mistake(FIND("explain"), "a word is missing");
	assert_non_null(strstr(error.hint, "codex-sandbox -- explain"));
	assert_mistake(FIND("status", "/a", "/b"), "too many words");
	assert_mistake(FIND("--allow", "a.example", "status"), "has no use for it");
	assert_mistake(FIND("status", "--audit"), "has no use for it");
	assert_mistake(FIND("status", "--nonsense"), "no such option");
	assert_mistake(FIND("status", "--save"), "no such option");
	assert_mistake(FIND("status", "--engine", "sh"), "docker or podman");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(the_first_word_that_is_no_option),
		cmocka_unit_test(everything_else_is_codexs),
		cmocka_unit_test(mistakes),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
