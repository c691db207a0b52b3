/* Messages: their format, and what a malicious name in one can't do to a terminal. */
#include <fcntl.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>
#include <unistd.h>

#include "../../init/lib/say.h"

#include <cmocka.h>

static char said[4096];

/* A warning about this name as printed on standard error. */
static const char *warned(const char *name)
{
	int fds[2], before = dup(2);
	ssize_t n;

	assert_int_equal(pipe(fds), 0);
	dup2(fds[1], 2);
	say_warning("home", "%s is odd", name);
	dup2(before, 2);
	close(before);
	close(fds[1]);
	n = read(fds[0], said, sizeof(said) - 1);
	close(fds[0]);
	assert_true(n > 0);
	said[n] = '\0';
	return said;
}

static void a_name_is_shown_as_it_is(void **state)
{
	(void)state;
	assert_string_equal(warned("a b"), "codex-init: home: a b is odd\n");
	/* Two, three and four bytes, including bytes that would be controls by themselves. */
	assert_string_equal(warned("\xc3\x9b\xe2\x80\x9c\xf0\x9f\x98\x80"),
		"codex-init: home: \xc3\x9b\xe2\x80\x9c\xf0\x9f\x98\x80 is odd\n");
}

static void controls_are_not(void **state)
{
	(void)state;
	assert_string_equal(warned("\x1b[2J\n\x7f"), "codex-init: home: ?[2J?? is odd\n");
	/* The same in eight bits, and as UTF-8: U+009B begins a sequence, too. */
	assert_null(strchr(warned("\x9b"
				  "2J"),
		'\x9b'));
	assert_null(strstr(warned("\xc2\x9b"
				  "2J"),
		"\xc2\x9b"));
	assert_null(strchr(warned("\x80\x9b"
				  "2J"),
		'\x9b'));
}

/* With U+202E a terminal shows ".envrc" for "crvne.". */
static void nor_what_turns_the_direction_of_writing(void **state)
{
	static const char *const turns[] = {"\xd8\x9c", "\xe2\x80\x8e", "\xe2\x80\x8f",
		"\xe2\x80\xa8", "\xe2\x80\xaa", "\xe2\x80\xae", "\xe2\x81\xa6", "\xe2\x81\xa9"};

	(void)state;
	for (size_t i = 0; i < sizeof(turns) / sizeof(turns[0]); i++)
		assert_null(strstr(warned(turns[i]), turns[i]));
	/* Letters that are written from right to left are letters, and dashes dashes. */
	assert_non_null(strstr(warned("\xd7\x90\xe2\x80\x93"), "\xd7\x90\xe2\x80\x93 is"));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_name_is_shown_as_it_is),
		cmocka_unit_test(controls_are_not),
		cmocka_unit_test(nor_what_turns_the_direction_of_writing),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
