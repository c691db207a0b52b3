/*
 * The worker that writes the events' copy on the host: every line, and none of its troubles
 * become those of whoever logs. Runs as root.
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
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#include "../../init/lib/descriptor.h"
#include "../../init/lib/limits.h"
#include "../../init/monitor/events.h"
#include "../../init/monitor/trail.h"

#include <cmocka.h>

#define WAIT_MS 10000

static struct {
	struct events *events;
	int file, channel;
	pid_t pid;
} x;

static bool pass_on(void *context, const char *line, size_t len)
{
	(void)context;
	return send(x.channel, line, len, MSG_DONTWAIT | MSG_NOSIGNAL) == (ssize_t)len;
}

/* Events whose copy goes to this file. */
static void begin(int file)
{
	struct failure f;
	int pair[2];

	x.file = file;
	assert_true(file >= 0);
	assert_int_equal(events_open(&x.events, NULL, &f), 0);
	events_copy(x.events, dup(file));
	assert_int_equal(socketpair(AF_UNIX, SOCK_SEQPACKET, 0, pair), 0);
	assert_int_equal(descriptor_send(pair[1], "", 1, file), 0);
	close(pair[1]);
	x.pid = trail_start(pair[0], &x.channel, &f);
	close(pair[0]);
	assert_true(x.pid > 0);
	events_pass(x.events, pass_on, NULL);
}

static void log_line(const char *name)
{
	events_add(x.events, &(struct event){.kind = EVENT_WORKER, .name = name});
}

/* The worker's end. Returns its exit status, or 1000 and a signal. */
static int finish(void)
{
	struct pollfd p = {.fd = x.channel, .events = POLLIN};
	char octet;
	int status;

	shutdown(x.channel, SHUT_WR);
	do
		assert_int_equal(poll(&p, 1, WAIT_MS), 1);
	while (recv(x.channel, &octet, 1, 0) > 0);
	assert_int_equal(waitpid(x.pid, &status, 0), x.pid);
	close(x.channel);
	events_close(x.events);
	return WIFSIGNALED(status) ? 1000 + WTERMSIG(status) : WEXITSTATUS(status);
}

static int memory_file(void)
{
	return open("/tmp", O_TMPFILE | O_RDWR | O_APPEND | O_CLOEXEC, 0600);
}

static size_t lines_with(const char *text)
{
	static char all[2 * 1024 * 1024];
	ssize_t n = pread(x.file, all, sizeof(all) - 1, 0);
	size_t count = 0;

	assert_true(n >= 0);
	all[n] = '\0';
	for (const char *p = all; (p = strstr(p, text)); p++)
		count++;
	return count;
}

static void every_line_is_written(void **state)
{
	(void)state;
	begin(memory_file());
	for (int i = 0; i < 50; i++)
		log_line("one");
	assert_int_equal(events_pass(x.events, NULL, NULL), 0);
	assert_int_equal(finish(), 0);
	assert_int_equal(lines_with("\"name\":\"one\""), 50);
	assert_int_equal(lines_with("\n"), 50);
	close(x.file);
}

/* A write that never ends: a pipe that nobody reads takes its place. */
static void a_file_that_hangs_holds_nobody_up(void **state)
{
	int ends[2], status;

	(void)state;
	assert_int_equal(pipe(ends), 0);
	begin(ends[1]);
	for (int i = 0; i < 20000; i++)
		log_line("one");
	assert_true(events_pass(x.events, NULL, NULL) > 10000);
	assert_int_equal(waitpid(x.pid, &status, WNOHANG), 0);
	kill(x.pid, SIGKILL);
	assert_int_equal(finish(), 1000 + SIGKILL);
	close(ends[0]);
	close(ends[1]);
}

/* What is missing is told where it is missing, once there are lines again. */
static void what_is_missing_is_told(void **state)
{
	uint64_t missed;

	(void)state;
	begin(memory_file());
	kill(x.pid, SIGSTOP);
	for (int i = 0; i < 20000; i++)
		log_line("one");
	kill(x.pid, SIGCONT);
	for (int i = 0; i < 1000 && lines_with("suppressed") == 0; i++) {
		usleep(10000);
		log_line("two");
	}
	missed = events_pass(x.events, NULL, NULL);
	assert_true(missed > 10000);
	assert_int_equal(finish(), 0);
	/* The one that says so came too late as well. */
	assert_in_range(lines_with("\"name\":\"one\""), 20000 - missed, 20001 - missed);
	assert_int_equal(lines_with("does not take lines\",\"count\":"), 1);
	assert_true(lines_with("\"name\":\"two\"") > 0);
	close(x.file);
}

static void a_full_disk_is_told(void **state)
{
	struct pollfd p;
	char octet;

	(void)state;
	begin(open("/dev/full", O_WRONLY | O_CLOEXEC));
	p = (struct pollfd){.fd = x.channel, .events = POLLIN};
	log_line("one");
	assert_int_equal(poll(&p, 1, WAIT_MS), 1);
	assert_int_equal(recv(x.channel, &octet, 1, 0), 1);
	events_missed(x.events);
	assert_true(events_pass(x.events, NULL, NULL) > 0);
	assert_int_equal(finish(), 0);
	close(x.file);
}

static void a_worker_that_is_gone_is_missing_lines(void **state)
{
	(void)state;
	begin(memory_file());
	log_line("one");
	kill(x.pid, SIGKILL);
	waitid(P_PID, (id_t)x.pid, &(siginfo_t){0}, WEXITED | WNOWAIT);
	log_line("two");
	assert_true(events_pass(x.events, NULL, NULL) > 0);
	assert_int_equal(finish(), 1000 + SIGKILL);
	assert_int_equal(lines_with("two"), 0);
	close(x.file);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(every_line_is_written),
		cmocka_unit_test(a_file_that_hangs_holds_nobody_up),
		cmocka_unit_test(what_is_missing_is_told),
		cmocka_unit_test(a_full_disk_is_told),
		cmocka_unit_test(a_worker_that_is_gone_is_missing_lines),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
