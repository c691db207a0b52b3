/*
 * PID 1's loop, driven from inside: what the end-to-end tests of the plain init can't see.
 * Each test is a child with its own monitor.
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
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "../../init/monitor/monitor.h"
#include "../../init/lib/privileges.h"

#include <cmocka.h>

extern char **environ;

#define CHECK(condition)                                                                       \
	do {                                                                                   \
		if (!(condition)) {                                                            \
			dprintf(2, "%s:%d: %s (errno %d)\n", __FILE__, __LINE__, #condition,   \
				errno);                                                        \
			return 1;                                                              \
		}                                                                              \
	} while (0)

static int in_child(int (*function)(struct monitor *m))
{
	int status;
	pid_t pid = fork();

	if (pid == 0) {
		static struct monitor m;
		struct failure f;

		alarm(60); /* blocked by the monitor, except for a hang before it ends */
		if (monitor_begin(&m, &f) < 0 || monitor_open(&m, false, &f) < 0)
			_exit(99);
		_exit(function(&m));
	}
	assert_true(pid > 0);
	assert_int_equal(waitpid(pid, &status, 0), pid);
	return WIFEXITED(status) ? WEXITSTATUS(status) : 1000 + WTERMSIG(status);
}

/* Runs a shell command; returns the exit code, or -1 with the failure in f. */
static int run(struct monitor *m, const char *script, struct program p, struct failure *f)
{
	char *const argv[] = {(char *)(uintptr_t) "sh", (char *)(uintptr_t) "-c",
		(char *)(uintptr_t)script, NULL};
	int status, exit_status = -1;

	memset(f, 0, sizeof(*f));
	p.argv = argv;
	p.envp = environ;
	if (monitor_run(m, &p, &status, &exit_status, f) < 0)
		return -exit_status;
	return monitor_exit_code(status);
}

#define PLAIN   ((struct program){0})
#define DROPPED ((struct program){.drop = true, .uid = 4321, .gid = 4321})

static int child_twice(struct monitor *m)
{
	struct failure f;

	CHECK(run(m, "exit 3", PLAIN, &f) == 3);
	CHECK(run(m, "exit 4", PLAIN, &f) == 4);
	CHECK(run(m, "kill -9 $$", PLAIN, &f) == 137);
	return 0;
}

static void one_program_after_the_other(void **state)
{
	(void)state;
	assert_int_equal(in_child(child_twice), 0);
}

static int child_dropped(struct monitor *m)
{
	static const char script[] =
		"test $(id -u):$(id -g):$(id -G) = 4321:4321:4321 || exit 10; "
		"grep -q '^CapBnd:.0*$' /proc/self/status || exit 11; "
		"grep -q '^CapEff:.0*$' /proc/self/status || exit 12; "
		"grep -q '^NoNewPrivs:.1$' /proc/self/status || exit 13; "
		"grep -q '^Seccomp:.2$' /proc/self/status || exit 14; "
		"for fd in 3 4 5 6 7 8 9; do test -e /proc/$$/fd/$fd && exit 15; done; "
		"exit 0";
	struct failure f;

	CHECK(run(m, script, DROPPED, &f) == 0);
	/* Dropping for the hook leaves us what the payload's drop needs. */
	CHECK(geteuid() == 0 && prctl(PR_GET_SECCOMP) == 0);
	CHECK(run(m, script, DROPPED, &f) == 0);
	return 0;
}

static void a_dropped_program_has_nothing(void **state)
{
	(void)state;
	assert_int_equal(in_child(child_dropped), 0);
}

static int child_last(struct monitor *m)
{
	struct program p = DROPPED;
	char cwd[64] = "", out[64] = "";
	struct failure f;
	ssize_t n;

	CHECK(chdir("/tmp") == 0);
	CHECK(run(m, "test $(pwd) = /tmp", DROPPED, &f) == 0);
	CHECK(getcwd(cwd, sizeof(cwd)) && strcmp(cwd, "/tmp") == 0);
	p.last = true;
	/* One filter, its own: PID 1's was installed after it had been forked. */
	CHECK(run(m,
		      "test $(pwd) = /tmp || exit 5; "
		      "grep -q '^Seccomp_filters:.1$' /proc/self/status",
		      p, &f) == 0);
	CHECK(getcwd(cwd, sizeof(cwd)) && strcmp(cwd, "/") == 0);
	n = readlink("/proc/self/fd/1", out, sizeof(out) - 1);
	CHECK(n > 0 && strcmp(out, "/dev/null") == 0);
	CHECK(prctl(PR_GET_NO_NEW_PRIVS, 0, 0, 0, 0) == 1);
	CHECK(prctl(PR_GET_SECCOMP) == 2);
	/* Not /bin/true, which would end this child as if all were well. */
	CHECK(syscall(SYS_execve, "/bin/false", NULL, NULL) < 0 && errno == EPERM);
	monitor_kill_remaining(m);
	return 0;
}

static void after_the_last_one_little_is_left(void **state)
{
	(void)state;
	assert_int_equal(in_child(child_last), 0);
}

/* Inherited, as an engine or a service manager would leave it: without close-on-exec. */
static int inherit(int fd)
{
	return dup2(STDERR_FILENO, fd);
}

#define SEE_40 "test -e /proc/$$/fd/40 && exit 15; exit 0"

static int child_inherited(struct monitor *m)
{
	struct failure f;

	CHECK(inherit(40) == 40);
	m->epoll = m->signals = -1;
	CHECK(monitor_open(m, false, &f) == 0 && fcntl(40, F_GETFD) < 0);
	CHECK(inherit(40) == 40);
	CHECK(run(m, SEE_40, ((struct program){.last = true}), &f) == 0);
	return 0;
}

static int child_handed_on(struct monitor *m)
{
	struct program hook = PLAIN, payload = {.last = true};
	struct failure f;

	CHECK(inherit(40) == 40 && monitor_open(m, true, &f) == 0);
	CHECK(run(m, SEE_40, hook, &f) == 0 && fcntl(40, F_GETFD) == 0);
	CHECK(run(m, SEE_40, payload, &f) == 15 && fcntl(40, F_GETFD) < 0);
	return 0;
}

static void only_a_plain_inits_payload_gets_what_was_inherited(void **state)
{
	(void)state;
	assert_int_equal(in_child(child_inherited), 0);
	assert_int_equal(in_child(child_handed_on), 0);
}

static int child_plain_last(struct monitor *m)
{
	struct program p = {.last = true};
	struct failure f;

	CHECK(run(m, "grep -q '^Seccomp:.0$' /proc/self/status", p, &f) == 0);
	CHECK(prctl(PR_GET_SECCOMP) == 0 && prctl(PR_GET_NO_NEW_PRIVS, 0, 0, 0, 0) == 0);
	return 0;
}

static void a_plain_init_changes_no_privilege(void **state)
{
	(void)state;
	assert_int_equal(in_child(child_plain_last), 0);
}

static int child_exec_fails(struct monitor *m)
{
	static char *const missing[] = {(char *)(uintptr_t) "no-such-command", NULL};
	static char *const directory[] = {(char *)(uintptr_t) "/tmp", NULL};
	struct program p = {.argv = missing, .envp = environ};
	int status, exit_status = 0;
	struct failure f = {0};

	CHECK(monitor_run(m, &p, &status, &exit_status, &f) == -1 && exit_status == 127);
	CHECK(strcmp(f.subject, "no-such-command") == 0 && f.hint[0]);
	p.argv = directory;
	CHECK(monitor_run(m, &p, &status, &exit_status, &f) == -1 && exit_status == 126);
	/* Nothing is left of it, and the next one runs. */
	CHECK(waitpid(-1, NULL, WNOHANG) == -1 && errno == ECHILD && m->child == 0);
	CHECK(run(m, "exit 6", PLAIN, &f) == 6);
	return 0;
}

static void a_failed_exec_is_reported_and_leaves_nothing(void **state)
{
	(void)state;
	assert_int_equal(in_child(child_exec_fails), 0);
}

static int child_workdir(struct monitor *m)
{
	char closed[] = "/tmp/test_monitor.XXXXXX";
	struct program p = DROPPED;
	struct failure f;

	CHECK(mkdtemp(closed)); /* 0700, root's */
	p.workdir = closed;
	CHECK(run(m, "exit 0", p, &f) == -111);
	CHECK(strcmp(f.operation, "enter the working directory") == 0);
	CHECK(strcmp(f.subject, closed) == 0 && strstr(f.hint, "user 4321"));
	CHECK(chown(closed, 4321, 4321) == 0);
	CHECK(run(m, "touch here", p, &f) == 0);
	CHECK(chdir(closed) == 0 && unlink("here") == 0 && rmdir(closed) == 0);
	return 0;
}

static void the_working_directory_is_entered_as_the_user(void **state)
{
	(void)state;
	assert_int_equal(in_child(child_workdir), 0);
}

static int child_no_capability(struct monitor *m)
{
	struct failure f;

	CHECK(privileges_drop(4322, 4322, &f) == 0);
	CHECK(run(m, "exit 0", DROPPED, &f) == -111);
	CHECK(f.hint[0]);
	CHECK(run(m, "exit 7", PLAIN, &f) == 7);
	return 0;
}

static void a_failed_drop_runs_nothing(void **state)
{
	(void)state;
	assert_int_equal(in_child(child_no_capability), 0);
}

struct seen {
	struct monitor *m;
	int ready, ended, status;
	pid_t pid;
	bool done;
};

static void ready(void *context, int fd)
{
	struct seen *s = context;
	char c;

	s->ready++;
	if (read(fd, &c, 1) != 1) {
		monitor_unwatch(s->m, fd);
		s->done = true;
	}
}

static void ended(void *context, pid_t pid, int status)
{
	struct seen *s = context;

	s->ended++;
	s->pid = pid;
	s->status = status;
	s->done = true;
}

static pid_t worker(int fd, int milliseconds, int status)
{
	const struct timespec t = {milliseconds / 1000, milliseconds % 1000 * 1000000L};
	pid_t pid = fork();

	if (pid == 0) {
		if (fd >= 0 && write(fd, "ab", 2) != 2)
			_exit(98);
		nanosleep(&t, NULL);
		_exit(status);
	}
	return pid;
}

static int child_sources(struct monitor *m)
{
	struct seen s = {.m = m};
	struct failure f;
	int fds[2];

	CHECK(pipe2(fds, O_CLOEXEC) == 0 && monitor_watch(m, fds[0], ready, &s) == 0);
	m->worker_ended = ended;
	m->worker_context = &s;
	s.pid = -1;
	CHECK(worker(fds[1], 20, 21) > 0);
	close(fds[1]);
	/* Served while a program runs: two bytes, then the end; and the worker's status. */
	CHECK(run(m, "sleep 0.5; exit 8", PLAIN, &f) == 8);
	CHECK(s.ready == 3 && s.ended == 1 && WEXITSTATUS(s.status) == 21);
	return 0;
}

static void sources_are_served_and_workers_reaped_meanwhile(void **state)
{
	(void)state;
	assert_int_equal(in_child(child_sources), 0);
}

static int child_watch(struct monitor *m)
{
	struct seen s = {.m = m};

	for (int i = 0; i <= MONITOR_SOURCES; i++)
		CHECK(dup2(m->signals, i < MONITOR_SOURCES ? 100 + i : 200) > 0);
	CHECK(monitor_watch(m, 300, ready, &s) == -1 && errno == EBADF);
	for (int i = 0; i < MONITOR_SOURCES; i++)
		CHECK(monitor_watch(m, 100 + i, ready, &s) == 0);
	CHECK(monitor_watch(m, 200, ready, &s) == -1 && errno == ENOSPC);
	monitor_unwatch(m, 103);
	CHECK(monitor_watch(m, 200, ready, &s) == 0);
	return 0;
}

static void only_so_many_sources(void **state)
{
	(void)state;
	assert_int_equal(in_child(child_watch), 0);
}

static int child_wait(struct monitor *m)
{
	struct seen s = {.m = m};
	struct failure f;
	pid_t pid;

	m->worker_ended = ended;
	m->worker_context = &s;
	CHECK(!monitor_wait(m, &s.done, 30)); /* in vain */
	pid = worker(-1, 30, 22);
	kill(getpid(), SIGUSR1);
	CHECK(monitor_wait(m, &s.done, 30000));
	CHECK(s.pid == pid && WEXITSTATUS(s.status) == 22);
	CHECK(monitor_wait(m, &s.done, 0)); /* done already */
	/* The signal that came during the wait is the program's (and ends it: 128 + 10). */
	CHECK(run(m, "exec sleep 30", PLAIN, &f) == 128 + SIGUSR1);
	return 0;
}

static void waiting_serves_and_keeps_signals(void **state)
{
	(void)state;
	assert_int_equal(in_child(child_wait), 0);
}

static int child_signal_kept(struct monitor *m)
{
	bool never = false;
	struct failure f;

	kill(getpid(), SIGTERM);
	CHECK(!monitor_wait(m, &never, 30));
	CHECK(run(m, "exec sleep 30", PLAIN, &f) == 143);
	return 0;
}

static void a_signal_during_the_boot_is_the_payloads(void **state)
{
	(void)state;
	assert_int_equal(in_child(child_signal_kept), 0);
}

/* Lets the program continue, and sends a signal when it has ended and hasn't been reaped. */
static void too_late(void *context, int fd)
{
	struct monitor *m = context;
	siginfo_t info;

	monitor_unwatch(m, fd);
	if (write(fd, "\n", 1) == 1)
		waitid(P_PID, (id_t)m->child, &info, WEXITED | WNOWAIT);
	kill(getpid(), SIGUSR1);
}

static int child_signal_late(struct monitor *m)
{
	struct failure f;
	int fds[2];

	/* Its standard input, and a source that is ready when it runs. */
	CHECK(socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, fds) == 0);
	CHECK(dup2(fds[0], 0) == 0 && write(0, "a", 1) == 1);
	CHECK(monitor_watch(m, fds[1], too_late, m) == 0);
	CHECK(run(m, "read x; exit 3", PLAIN, &f) == 3);
	CHECK(run(m, "exec sleep 30", PLAIN, &f) == 128 + SIGUSR1);
	return 0;
}

static void a_signal_as_the_hook_ends_is_the_payloads(void **state)
{
	(void)state;
	assert_int_equal(in_child(child_signal_late), 0);
}

static int child_stragglers(struct monitor *m)
{
	struct failure f;
	pid_t keep[2] = {worker(-1, 60000, 0), worker(-1, 60000, 0)};
	pid_t left;
	FILE *note;
	char path[] = "/tmp/test_monitor.XXXXXX", script[256];

	close(mkstemp(path));
	snprintf(script, sizeof(script), "setsid sleep 61 & echo $! >%s; sleep 62 &", path);
	CHECK(run(m, script, PLAIN, &f) == 0);
	note = fopen(path, "re");
	CHECK(note && fscanf(note, "%d", &left) == 1 && fclose(note) == 0);
	unlink(path);
	CHECK(kill(left, 0) == 0);
	monitor_end_remaining(m, keep, 2);
	CHECK(kill(left, 0) < 0 && errno == ESRCH);
	/* Those to be kept are alive, and are the only children. */
	CHECK(kill(keep[0], 0) == 0 && kill(keep[1], 0) == 0);
	CHECK(waitpid(-1, NULL, WNOHANG) == 0);
	monitor_kill_remaining(m);
	CHECK(waitpid(-1, NULL, WNOHANG) == -1 && errno == ECHILD);
	return 0;
}

static void stragglers_end_and_workers_stay(void **state)
{
	(void)state;
	assert_int_equal(in_child(child_stragglers), 0);
}

static void exit_codes(void **state)
{
	(void)state;
	assert_int_equal(monitor_exit_code(0), 0);
	assert_int_equal(monitor_exit_code(42 << 8), 42);
	assert_int_equal(monitor_exit_code(SIGTERM), 143);
	assert_int_equal(monitor_exit_code(SIGSEGV | 0x80), 139); /* with a core */
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(one_program_after_the_other),
		cmocka_unit_test(a_dropped_program_has_nothing),
		cmocka_unit_test(after_the_last_one_little_is_left),
		cmocka_unit_test(only_a_plain_inits_payload_gets_what_was_inherited),
		cmocka_unit_test(a_plain_init_changes_no_privilege),
		cmocka_unit_test(a_failed_exec_is_reported_and_leaves_nothing),
		cmocka_unit_test(the_working_directory_is_entered_as_the_user),
		cmocka_unit_test(a_failed_drop_runs_nothing),
		cmocka_unit_test(sources_are_served_and_workers_reaped_meanwhile),
		cmocka_unit_test(only_so_many_sources),
		cmocka_unit_test(waiting_serves_and_keeps_signals),
		cmocka_unit_test(a_signal_during_the_boot_is_the_payloads),
		cmocka_unit_test(a_signal_as_the_hook_ends_is_the_payloads),
		cmocka_unit_test(stragglers_end_and_workers_stay),
		cmocka_unit_test(exit_codes),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
