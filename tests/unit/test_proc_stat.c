/* /proc/PID/stat: a process may choose any name and is still identified. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>
#include <fcntl.h>
#include <signal.h>
#include <unistd.h>

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
	struct stat_process p;

	(void)state_;
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		assert_true(proc_stat_read(cases[i].text, &p));
		assert_int_equal(p.state, cases[i].state);
		assert_int_equal(p.parent, cases[i].parent);
		assert_false(p.ignores_term);
	}
}

/* As the kernel wrote it; the signals' fields are, in its order, pending, blocked, ignored,
 * caught, in decimal. */
#define LINE(ignored)                                                                          \
	"54 (a 1 2 3) S 53 54 54 0 -1 4194560 103 0 0 0 0 0 0 0 20 0 1 0 80142 2867200 416 "   \
	"18446744073709551615 94 94 140 0 0 0 16384 " ignored " 16384 0 0 0 17 1 0 0 0 0 0 94"

static void who_ignores_term(void **state_)
{
	static const struct {
		const char *text;
		bool ignores;
	} cases[] = {
		{LINE("16384"), true},
		{LINE("0"), false},
		{LINE("16383"), false},
		{LINE("2147483647"), true},
		{LINE("32768"), false},
		{LINE(""), false},
		{"54 (a) S 53 54 54 0 -1 4194560 103 0 0 0 0 0 0 0 20 0 1 0 80142 2867200 416 "
		 "18446744073709551615 94 94 140 0 0 0 16384 16384",
			true},
		{"54 (a) S 53 54 54 0 -1 4194560 103 0 0 0 0 0 0 0 20 0 1 0 80142 2867200 416 "
		 "18446744073709551615 94 94 140 0 0 0 16384 ",
			false},
	};
	struct stat_process p;

	(void)state_;
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		assert_true(proc_stat_read(cases[i].text, &p));
		assert_int_equal(p.ignores_term, cases[i].ignores);
	}
}

static void read_own(struct stat_process *p)
{
	char text[512];
	int fd = open("/proc/self/stat", O_RDONLY);
	ssize_t n = read(fd, text, sizeof(text) - 1);

	close(fd);
	assert_true(n > 0);
	text[n] = '\0';
	assert_true(proc_stat_read(text, p));
}

static void this_kernel_tells_it_too(void **state_)
{
	struct stat_process p;

	(void)state_;
	read_own(&p);
	assert_false(p.ignores_term);
	signal(SIGTERM, SIG_IGN);
	read_own(&p);
	assert_true(p.ignores_term);
	signal(SIGTERM, SIG_DFL);
	assert_int_equal(p.parent, getppid());
	assert_true(proc_stat_is_ours(getpid()));
	assert_false(proc_stat_is_ours(getpid() + 1));
}

static void what_is_no_such_line(void **state_)
{
	static const char *const bad[] = {"", "7", "7 (sh", "7 (sh)", "7 (sh) ", "7 (sh) S",
		"7 (sh) S ", "7 (sh) S x", "7 (sh) S -1 7", "7 (sh)S 1 7", "7 (sh) SS 1 7",
		"7 (sh) S 4194305 7", "7 (sh) S 4294967297 7", "7 (sh) S  1 7"};
	struct stat_process p;

	(void)state_;
	for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++)
		assert_false(proc_stat_read(bad[i], &p));
}

int main(void)
{
	static const struct CMUnitTest tests[] = {
		cmocka_unit_test(whatever_its_name),
		cmocka_unit_test(who_ignores_term),
		cmocka_unit_test(this_kernel_tells_it_too),
		cmocka_unit_test(what_is_no_such_line),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
