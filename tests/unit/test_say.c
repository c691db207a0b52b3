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

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_name_is_shown_as_it_is),
		cmocka_unit_test(controls_are_not),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
