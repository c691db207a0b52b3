/* The list of mounts: lines in the kernel's format, and others. */
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
		bool readonly, idmapped;
	} good[] = {
		{"proc /proc proc rw,nosuid,nodev,noexec,relatime 0 0\n", "/proc", false,
			false},
		{"/dev/vda /codex_home/auth.json ext4 ro,relatime 0 0\n",
			"/codex_home/auth.json", true, false},
		{"/dev/vda /app/a\\040b\\011c\\134d\\012e ext4 rw 0 0\n", "/app/a b\tc\\d\ne",
			false, false},
		{"none /x tmpfs rootcontext=x,ro 0 0\n", "/x", false, false},
		{"none /x tmpfs ro 0 0\n", "/x", true, false},
		{"/dev/vda /x ext4 rw,nosuid,relatime,idmapped,discard 0 0\n", "/x", false,
			true},
		{"/dev/vda /x ext4 ro,idmapped 0 0\n", "/x", true, true},
		{"/dev/vda /idmapped ext4 rw,x=idmapped,idmappedx 0 idmapped\n", "/idmapped",
			false, false},
		{"a\\040b /x\\04 y\\ ro 0\n", "/x\\04", true, false},
	};

	(void)state;
	for (size_t i = 0; i < sizeof(good) / sizeof(good[0]); i++) {
		struct mounts_entry e = {.readonly = !good[i].readonly};
		char line[256];

		snprintf(line, sizeof(line), "%s", good[i].line);
		assert_true(mounts_read(line, &e));
		assert_string_equal(e.place, good[i].place);
		assert_int_equal(e.readonly, good[i].readonly);
		assert_int_equal(e.idmapped, good[i].idmapped);
	}
}

static void other_lines(void **state)
{
	static const char *const bad[] = {"", "\n", "proc", "proc /proc", "proc /proc proc"};

	(void)state;
	for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
		struct mounts_entry e;
		char line[64];

		snprintf(line, sizeof(line), "%s", bad[i]);
		assert_false(mounts_read(line, &e));
	}
}

static void see(void *context, const struct mounts_entry *e)
{
	bool *found = context;

	*found |= strcmp(e->place, "/proc") == 0;
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
