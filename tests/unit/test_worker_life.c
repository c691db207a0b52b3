/*
 * A worker's environment, as it finds them before its filter is installed, and its end.
 * What it may do is tested in test_worker.c. Runs as root.
 */
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
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
#include <unistd.h>

#include <cmocka.h>

#include "../../init/lib/limits.h"
#include "../../init/lib/worker.h"

#define WAIT_MS 5000

/* What prepare() sees; serve() sends it. */
struct seen {
	pid_t pid, session;
	char name[16], directory[64];
	dev_t standard[3];
	int open[64], open_count;
};
static struct seen around;
static int told; /* the worker's end */

static void *look_around(void *context, int channel)
{
	(void)context;
	told = channel;
	prctl(PR_GET_NAME, around.name);
	around.pid = getpid();
	around.session = getsid(0);
	if (!getcwd(around.directory, sizeof(around.directory)))
		return NULL;
	for (int fd = 0; fd < 1024; fd++) {
		struct stat st;

		if (fstat(fd, &st) < 0)
			continue;
		if (fd < 3)
			around.standard[fd] = st.st_rdev;
		else if (around.open_count < 64)
			around.open[around.open_count++] = fd;
	}
	return &around;
}

static void serve(void *prepared)
{
	sendto(told, prepared, sizeof(struct seen), MSG_NOSIGNAL, NULL, 0);
	/* Until the other end is closed, and then longer than anybody waits. */
	for (;;) {
		char octet;

		if (recvfrom(told, &octet, 1, 0, NULL, NULL) > 0)
			syscall(SYS_openat, AT_FDCWD, "/",
				O_RDONLY); /* which the filter ends */
	}
}

static void *refuse(void *context, int channel)
{
	(void)context;
	(void)channel;
	return NULL;
}

static struct worker_config worker(int kept)
{
	return (struct worker_config){.name = "codex-test",
		.uid = UID_RESOLVER,
		.filter = FILTER_RESOLVER,
		.keep = {kept, -1},
		.keep_count = 2,
		.prepare = look_around,
		.serve = serve};
}

static struct seen take(int channel)
{
	struct pollfd p = {.fd = channel, .events = POLLIN};
	struct seen s = {0};

	assert_int_equal(poll(&p, 1, WAIT_MS), 1);
	assert_int_equal(recv(channel, &s, sizeof(s), 0), sizeof(s));
	return s;
}

static void a_worker_has_what_it_needs_and_no_more(void **state)
{
	const int kept = worker_bind(AF_INET, SOCK_STREAM, 0);
	const int other = open("/etc/passwd", O_RDONLY), high = fcntl(other, F_DUPFD, 900);
	const struct worker_config c = worker(kept);
	struct failure f;
	struct stat null;
	struct seen s;
	int channel, status;
	pid_t pid;

	(void)state;
	assert_true(kept >= 3 && other >= 3 && high >= 900);
	pid = worker_start(&c, NULL, &channel, &f);
	assert_true(pid > 0);
	s = take(channel);
	assert_int_equal(s.pid, pid);
	assert_int_equal(s.session, pid);
	assert_string_equal(s.name, "codex-test");
	assert_string_equal(s.directory, "/");
	assert_int_equal(stat("/dev/null", &null), 0);
	for (int i = 0; i < 3; i++)
		assert_int_equal(s.standard[i], null.st_rdev);
	/* What it was configured to keep, and its channel. */
	assert_int_equal(s.open_count, 2);
	assert_true(s.open[0] == kept || s.open[1] == kept);
	/* The filter was installed last. */
	assert_int_equal(send(channel, "x", 1, 0), 1);
	assert_int_equal(waitpid(pid, &status, 0), pid);
	assert_true(WIFSIGNALED(status) && WTERMSIG(status) == SIGSYS);
	close(channel);
	close(kept);
	close(other);
	close(high);
}

/* Whatever it is doing: somebody else may hold the other end of its channel open. */
static void a_worker_ends_with_its_parent(void **state)
{
	int pipes[2], channel = -1, status;
	struct pollfd p;
	pid_t parent, pid = 0;
	char octet;

	(void)state;
	assert_int_equal(pipe(pipes), 0);
	parent = fork();
	if (parent == 0) {
		struct worker_config c = worker(pipes[1]);
		struct failure f;

		pid = worker_start(&c, NULL, &channel, &f);
		take(channel);
		if (write(pipes[1], &pid, sizeof(pid)) != sizeof(pid))
			_exit(1);
		for (;;)
			pause();
	}
	close(pipes[1]);
	assert_int_equal(read(pipes[0], &pid, sizeof(pid)), sizeof(pid));
	assert_int_equal(kill(pid, 0), 0);
	kill(parent, SIGKILL);
	assert_int_equal(waitpid(parent, &status, 0), parent);
	/* It kept the other end of the pipe, which is closed when it is gone; nobody else
	 * has it. */
	p = (struct pollfd){.fd = pipes[0], .events = POLLIN};
	if (poll(&p, 1, WAIT_MS) != 1) {
		kill(pid, SIGKILL);
		fail_msg("the worker is still there");
	}
	assert_int_equal(read(pipes[0], &octet, 1), 0);
	close(pipes[0]);
}

static void one_that_cannot_prepare_serves_nobody(void **state)
{
	struct worker_config c = worker(-1);
	struct failure f;
	int channel, status;
	pid_t pid;

	(void)state;
	c.prepare = refuse;
	pid = worker_start(&c, NULL, &channel, &f);
	assert_int_equal(waitpid(pid, &status, 0), pid);
	assert_true(WIFEXITED(status) && WEXITSTATUS(status) == 1);
	close(channel);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_worker_has_what_it_needs_and_no_more),
		cmocka_unit_test(a_worker_ends_with_its_parent),
		cmocka_unit_test(one_that_cannot_prepare_serves_nobody),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
