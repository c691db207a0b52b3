/* --notify: what its command is given, and what counts as its answer. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <cmocka.h>

#include "../../stub/json.h"
#include "../../stub/watch/notify.h"

static enum notify_answer answer(const char *said)
{
	char *copy = malloc(strlen(said) + 1);
	enum notify_answer result;

	memcpy(copy, said, strlen(said));
	result = notify_answer(copy, strlen(said));
	free(copy);
	return result;
}

static void one_word_is_an_answer(void **state)
{
	static const char *const none[] = {"", "\n", "yes", "Allow", "ALLOW", "allow deny",
		"allow\nallow", "allowed", "deny!", "\"allow\"", "allow\x1b[0m", "ok"};

	(void)state;
	assert_int_equal(answer("allow"), NOTIFY_ALLOW);
	assert_int_equal(answer(" allow\r\n"), NOTIFY_ALLOW);
	assert_int_equal(answer("deny\n"), NOTIFY_DENY);
	assert_int_equal(notify_answer("allow\0", 6), NOTIFY_NONE);
	for (size_t i = 0; i < sizeof(none) / sizeof(none[0]); i++)
		if (answer(none[i]) != NOTIFY_NONE)
			fail_msg("taken: %s", none[i]);
}

static void the_question_is_one_line_of_json(void **state)
{
	const struct notify n = {.container = "codex_a", .workdir = "/home/\"a\nb\\ \xc3\xa4"};
	const struct question q = {.id = 7,
		.name = "example.com",
		.rule = "example.com:22",
		.port = 22,
		.who = "curl \"x\"",
		.deadline = 61500};
	static const char *const port[] = {"port", NULL}, *const expires[] = {"expires", NULL},
				 *const rule[] = {"rule", NULL};
	struct arena arena = {0};
	const char *line = notify_question(&n, &q, 1500, &arena), *text;
	size_t position, size = strlen(line);
	int64_t number;

	(void)state;
	assert_ptr_equal(strchr(line, '\n'), line + size - 1);
	assert_true(json_is_object(line, size, &position));
	assert_true(json_integer(line, size, port, &number));
	assert_int_equal(number, 22);
	assert_true(json_integer(line, size, expires, &number));
	assert_int_equal(number, 60);
	text = json_string(line, size, rule, &position);
	assert_int_equal(position, strlen(q.rule));
	assert_memory_equal(text, q.rule, position);
	assert_non_null(strstr(line, "\"workdir\":\"/home/\\\"a\\u000ab\\\\ \xc3\xa4\""));
	arena_free(&arena);
}

static void secrets_are_not_passed(void **state)
{
	static const char *const from[] = {"PATH=/bin", "OPENAI_API_KEY=x", "HOME=/home/you",
		"LC_ALL=C", "CODEX_INIT_RUN=1", "DOCKER_HOST=unix:///x",
		"XDG_RUNTIME_DIR=/run/user/1", "AWS_SECRET_ACCESS_KEY=x", "LD_PRELOAD=x",
		"DISPLAY=:0", "https_proxy=x", NULL};
	struct string_list out = {0};

	(void)state;
	notify_environment((char *const *)(uintptr_t)from, &out);
	assert_int_equal(out.count, 5);
	assert_string_equal(out.word[0], "PATH=/bin");
	assert_string_equal(out.word[1], "HOME=/home/you");
	assert_string_equal(out.word[2], "LC_ALL=C");
	assert_string_equal(out.word[3], "XDG_RUNTIME_DIR=/run/user/1");
	assert_string_equal(out.word[4], "DISPLAY=:0");
	assert_null(out.word[5]);
	string_list_free(&out);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(one_word_is_an_answer),
		cmocka_unit_test(the_question_is_one_line_of_json),
		cmocka_unit_test(secrets_are_not_passed),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
