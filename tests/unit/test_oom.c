/* The kernel's count of processes killed for lack of memory, and where it is kept. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>
#include <string.h>

#include "init/monitor/oom.h"

static void the_count_of_either_version(void **state)
{
	static const struct {
		const char *text;
		uint64_t kills;
	} cases[] = {
		{"low 0\nhigh 0\nmax 31\noom 2\noom_kill 2\noom_group_kill 0\n", 2},
		{"oom_kill_disable 0\nunder_oom 0\noom_kill 12\n", 12},
		{"oom_kill 3", 3},
		{"oom_kill 0\n", 0},
	};
	uint64_t kills;

	(void)state;
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		assert_true(oom_count(cases[i].text, &kills));
		assert_int_equal(kills, cases[i].kills);
	}
	/* Linux before 4.13. */
	assert_false(oom_count("oom_kill_disable 0\nunder_oom 0\n", &kills));
	assert_false(oom_count("", &kills));
	assert_false(oom_count("no_oom_kill 3\n", &kills));
}

#define HYBRID "4:memory:/docker/7c39\n3:cpu,cpuacct:/docker/7c39\n0::/system.slice/x\n"

static void where_it_is_kept(void **state)
{
	static const struct {
		const char *text, *controller, *path; /* NULL: nowhere */
	} cases[] = {
		{HYBRID, "memory", "/docker/7c39"},
		{HYBRID, "", "/system.slice/x"},
		{HYBRID, "cpuacct", "/docker/7c39"},
		{HYBRID, "cpuac", NULL},
		{HYBRID, "blkio", NULL},
		{"0::/\n", "", ""},
		{"0::/", "", ""},
		{"0::/\n", "memory", NULL},
		{"0::/../../user.slice\n", "", NULL},
		{"4:memory:/a:b\n", "memory", "/a:b"},
		{"", "", NULL},
		{"nonsense\n:\n::\n", "memory", NULL},
		{"4:memory:/longer-than-there-is-room-for\n", "memory", NULL},
	};
	char path[24];

	(void)state;
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		bool found = oom_path(cases[i].text, cases[i].controller, path, sizeof(path));

		assert_int_equal(found, cases[i].path != NULL);
		if (found)
			assert_string_equal(path, cases[i].path);
	}
}

int main(void)
{
	static const struct CMUnitTest tests[] = {
		cmocka_unit_test(the_count_of_either_version),
		cmocka_unit_test(where_it_is_kept),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
