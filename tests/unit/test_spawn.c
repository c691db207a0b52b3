/*
 * What has the program's uid, such as what an init script has left running, can keep it from
 * being executed: PID 1 must not wait for that. Each test is a child with its own monitor.
 */
#include <errno.h>
#include <fcntl.h>
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/stat.h>
#include <sys/timerfd.h>
#include <sys/wait.h>
#include <unistd.h>

#include "../../init/monitor/monitor.h"

#include <cmocka.h>

extern char **environ;

#define USER 4321

/* In a child: an assertion of cmocka's would go on with the parent's tests. */
#define CHECK(condition)                                                                       \
	do {                                                                                   \
		if (!(condition)) {                                                            \
			dprintf(2, "%s:%d: %s (errno %d)\n", __FILE__, __LINE__, #condition,   \
				errno);                                                        \
			_exit(1);                                                              \
		}                                                                              \
	} while (0)

struct fixture {
	struct monitor m;
	char program[32];
	pid_t holder;
	int signal; /* for the program, at each tick */
	unsigned ticks;
};

/* By a lease (fcntl(2)) on it, for which its execution waits. */
static void hold(struct fixture *x)
{
	int fd, ready[2];
	char octet;

	CHECK(pipe2(ready, O_CLOEXEC) == 0);
	x->holder = fork();
	if (x->holder == 0) {
		prctl(PR_SET_PDEATHSIG, SIGKILL);
		fd = open(x->program, O_RDONLY);
		if (fd < 0 || fcntl(fd, F_SETLEASE, F_WRLCK) < 0)
			_exit(1);
		while (write(ready[1], "", 1) == 1)
			pause();
		_exit(1);
	}
	close(ready[1]);
	CHECK(read(ready[0], &octet, 1) == 1);
	close(ready[0]);
}

static void tick(void *context, int fd)
{
	struct fixture *x = context;
	uint64_t ticks;

	if (read(fd, &ticks, sizeof(ticks)) == sizeof(ticks))
		x->ticks++;
	if (x->m.child > 0)
		kill(x->m.child, x->signal);
}

/* Returns the exit code, or -1. */
static int run(struct fixture *x, char *const *argv)
{
	const struct program p = {
		.argv = argv, .envp = environ, .drop = true, .uid = USER, .gid = USER};
	struct failure f;
	int status, exit_status;

	if (monitor_run(&x->m, &p, &status, &exit_status, &f) == 0)
		return monitor_exit_code(status);
	CHECK(exit_status == 111);
	CHECK(strstr(f.reason, "stopped"));
	return -1;
}

static void begin(struct fixture *x)
{
	const struct itimerspec often = {{0, 50000000}, {0, 50000000}};
	struct failure f;
	int timer, fd;

	alarm(60);
	CHECK(monitor_begin(&x->m, &f) == 0);
	CHECK(monitor_open(&x->m, false, &f) == 0);
	timer = timerfd_create(CLOCK_MONOTONIC, TFD_CLOEXEC | TFD_NONBLOCK);
	strcpy(x->program, "/tmp/test_spawn.XXXXXX");
	fd = mkstemp(x->program);
	CHECK(write(fd, "#!/bin/sh\nexit 5\n", 17) == 17);
	CHECK(fchmod(fd, 0755) == 0);
	close(fd);
	CHECK(timerfd_settime(timer, 0, &often, NULL) == 0);
	CHECK(monitor_watch(&x->m, timer, tick, x) == 0);
}

static void end(struct fixture *x)
{
	unlink(x->program);
	if (x->holder > 0)
		kill(x->holder, SIGKILL);
}

static void in_child(void (*function)(struct fixture *x))
{
	static struct fixture x;
	int status;
	pid_t pid = fork();

	if (pid == 0) {
		begin(&x);
		function(&x);
		end(&x);
		_exit(0);
	}
	assert_int_equal(waitpid(pid, &status, 0), pid);
	assert_int_equal(status, 0);
}

static void stop(struct fixture *x)
{
	char *const argv[] = {x->program, NULL};

	x->signal = SIGSTOP;
	hold(x);
	CHECK(run(x, argv) == -1);
	CHECK(x->m.child == 0);
	CHECK(x->ticks < 40); /* the kernel ends a lease after 45 seconds */
}

static void what_is_stopped_before_it_runs_is_ended(void **state)
{
	(void)state;
	in_child(stop);
}

static void wait_for_it(struct fixture *x)
{
	char *const argv[] = {x->program, NULL};

	x->signal = 0;
	hold(x);
	kill(x->holder, SIGKILL);
	CHECK(run(x, argv) == 5);
}

static void what_has_to_wait_runs_in_the_end(void **state)
{
	(void)state;
	in_child(wait_for_it);
}

static void stop_itself(struct fixture *x)
{
	static char sh[] = "sh", option[] = "-c", script[] = "kill -STOP $$; exit 6";
	char *const argv[] = {sh, option, script, NULL};

	x->signal = SIGCONT;
	for (int i = 0; i < 10; i++)
		CHECK(run(x, argv) == 6);
}

static void what_stops_itself_is_let_be(void **state)
{
	(void)state;
	in_child(stop_itself);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(what_is_stopped_before_it_runs_is_ended),
		cmocka_unit_test(what_has_to_wait_runs_in_the_end),
		cmocka_unit_test(what_stops_itself_is_let_be),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
