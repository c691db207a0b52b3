/*
 * The seccomp filters: each rule by a call that it refuses, made as root with every capability
 * and with arguments that the kernel itself would answer otherwise (the control run, without
 * the filter, shows it), and by a call beside it that stays open.
 */
#ifndef TESTS_UNIT_FILTERS_FIXTURE_H
#define TESTS_UNIT_FILTERS_FIXTURE_H

#include <errno.h>
#include <fcntl.h>
#include <linux/netlink.h>
#include <netinet/in.h>
#include <sched.h>
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/ptrace.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "../../init/lib/privileges.h"

#include <cmocka.h>

#define NO_FILTER (-1)
#define HIGH      (1L << 32) /* a bit that the kernel ignores */
#define BAD       1L         /* an address that isn't mapped */

struct call {
	const char *name;
	long number, a[6];
};

/* Not _exit(), for which the sanitizers make more than one call. */
static __attribute__((unused)) _Noreturn void leave(int status)
{
	for (;;)
		syscall(SYS_exit_group, status);
}

/* 0: success; an errno; or 1000 + the signal that ended the child. */
static __attribute__((unused)) int outcome(int filter, const struct call *k)
{
	int status;
	pid_t pid = fork();

	assert_true(pid >= 0);
	if (pid == 0) {
		struct failure f;
		long r;

		if (prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) < 0 ||
			(filter != NO_FILTER && filters_install((enum filter)filter, &f) < 0))
			_exit(255);
		r = syscall(k->number, k->a[0], k->a[1], k->a[2], k->a[3], k->a[4], k->a[5]);
		leave(r < 0 ? errno : 0);
	}
	assert_int_equal(waitpid(pid, &status, 0), pid);
	return WIFSIGNALED(status) ? 1000 + WTERMSIG(status) : WEXITSTATUS(status);
}

static __attribute__((unused)) void expect_refused(int filter, const struct call *k, int how)
{
	int with = outcome(filter, k), without = outcome(NO_FILTER, k);

	if (with != how || without == how)
		fail_msg("%s: %d with the filter (not %d), %d without", k->name, with, how,
			without);
}

static __attribute__((unused)) void expect_open(int filter, const struct call *k)
{
	int with = outcome(filter, k), without = outcome(NO_FILTER, k);

	if (with != without)
		fail_msg("%s: %d with the filter, %d without", k->name, with, without);
}

#define CALL(name, ...)                                                                        \
	{                                                                                      \
#name, SYS_##name,                                                             \
		{                                                                              \
			__VA_ARGS__                                                            \
		}                                                                              \
	}
#define EACH(array) (size_t i = 0; i < sizeof(array) / sizeof((array)[0]); i++)

struct socket_case {
	long family, type, protocol;
	bool open;
};

struct option_case {
	long level, name;
};

#endif
