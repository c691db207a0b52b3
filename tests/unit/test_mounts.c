/* The list of mounts: lines as the kernel writes them, and those that it doesn't. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <cmocka.h>

#include "init/home/mounts.h"

static void lines_of_the_kernel(void **state)
{
	static const struct {
		const char *line, *place;
		bool readonly;
	} good[] = {
		{"proc /proc proc rw,nosuid,nodev,noexec,relatime 0 0\n", "/proc", false},
		{"/dev/vda /codex_home/auth.json ext4 ro,relatime 0 0\n",
			"/codex_home/auth.json", true},
		{"/dev/vda /app/a\\040b\\011c\\134d\\012e ext4 rw 0 0\n", "/app/a b\tc\\d\ne",
			false},
		{"none /x tmpfs rootcontext=x,ro 0 0\n", "/x", false},
		{"none /x tmpfs ro 0 0\n", "/x", true},
		{"a\\040b /x\\04 y\\ ro 0\n", "/x\\04", true},
	};

	(void)state;
	for (size_t i = 0; i < sizeof(good) / sizeof(good[0]); i++) {
		char line[256], *place = NULL;
		bool readonly = !good[i].readonly;

		snprintf(line, sizeof(line), "%s", good[i].line);
		assert_true(mounts_read(line, &place, &readonly));
		assert_string_equal(place, good[i].place);
		assert_int_equal(readonly, good[i].readonly);
	}
}

static void other_lines(void **state)
{
	static const char *const bad[] = {"", "\n", "proc", "proc /proc", "proc /proc proc"};

	(void)state;
	for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
		char line[64], *place;
		bool readonly;

		snprintf(line, sizeof(line), "%s", bad[i]);
		assert_false(mounts_read(line, &place, &readonly));
	}
}

static void see(void *context, const char *place, bool readonly)
{
	bool *found = context;

	(void)readonly;
	*found |= strcmp(place, "/proc") == 0;
}

static void the_machines_own(void **state)
{
	bool found = false;

	(void)state;
	assert_int_equal(mounts_each(see, &found), 0);
	assert_true(found);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(lines_of_the_kernel),
		cmocka_unit_test(other_lines),
		cmocka_unit_test(the_machines_own),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
