/* /proc/PID/stat: a process may call itself what it likes, and is still who it is. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include "init/monitor/proc_stat.h"

static void whatever_its_name(void **state_)
{
	static const struct {
		const char *text;
		char state;
		pid_t parent;
	} cases[] = {
		{"7 (sh) S 1 7 7 0 -1 4194304", 'S', 1},
		{"7 () R 42 7", 'R', 42},
		{"7 (a b) Z 3 7", 'Z', 3},
		{"7 () Z 999 ) T 5 7", 'T', 5},
		{"7 (x) R 1 (y)) S 6 7", 'S', 6},
		{"7 (line\nbreak) D 0 7", 'D', 0},
		{"7 (sh) S 4194304 7", 'S', 4194304},
		{"7 (sh) S 8", 'S', 8},
	};
	pid_t parent;
	char state;

	(void)state_;
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		assert_true(proc_stat_read(cases[i].text, &state, &parent));
		assert_int_equal(state, cases[i].state);
		assert_int_equal(parent, cases[i].parent);
	}
}

static void what_is_no_such_line(void **state_)
{
	static const char *const bad[] = {"", "7", "7 (sh", "7 (sh)", "7 (sh) ", "7 (sh) S",
		"7 (sh) S ", "7 (sh) S x", "7 (sh) S -1 7", "7 (sh)S 1 7", "7 (sh) SS 1 7",
		"7 (sh) S 4194305 7", "7 (sh) S 4294967297 7", "7 (sh) S  1 7"};
	pid_t parent;
	char state;

	(void)state_;
	for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++)
		assert_false(proc_stat_read(bad[i], &state, &parent));
}

int main(void)
{
	static const struct CMUnitTest tests[] = {
		cmocka_unit_test(whatever_its_name),
		cmocka_unit_test(what_is_no_such_line),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
