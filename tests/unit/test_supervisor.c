/*
 * The life of a worker, with workers that do what a test needs. Each test is a child with
 * its own monitor.
 */
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#include "../../init/lib/clock.h"
#include "../../init/monitor/supervisor.h"

#include <cmocka.h>

#define CHECK(condition)                                                                       \
	do {                                                                                   \
		if (!(condition)) {                                                            \
			dprintf(2, "%s:%d: %s\n", __FILE__, __LINE__, #condition);             \
			return 1;                                                              \
		}                                                                              \
	} while (0)

/* What a test sees of its supervisor. */
struct seen {
	int theirs; /* the worker's end of the channel */
	pid_t pid;
	unsigned taken, told;
	char last[96];
	bool down, reaped;
	struct supervisor *k;
};

/* A process that keeps running, and is started once. */
static pid_t start(void *context, bool first, int *channel, struct failure *f)
{
	struct seen *s = context;
	int pair[2];

	if (!first || socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_NONBLOCK, 0, pair) < 0)
		return fail_errno(f, "start a process", "");
	*channel = pair[0];
	s->theirs = pair[1];
	s->pid = fork();
	if (s->pid == 0)
		for (;;)
			pause();
	return s->pid;
}

static int breaks_the_protocol(void *context, const void *message, size_t size)
{
	(void)message, (void)size;
	((struct seen *)context)->taken++;
	return -1;
}

static void tell(void *context, const char *reason, bool dead)
{
	struct seen *s = context;

	(void)dead;
	s->told++;
	s->down = s->k->down;
	snprintf(s->last, sizeof(s->last), "%s", reason);
}

static const struct supervisor_worker worker = {"test", start, breaks_the_protocol, NULL, tell,
					      0},
				      once = {"once", start, breaks_the_protocol, NULL, tell,
					      1};

static void reaped(void *context, pid_t pid, int status)
{
	struct seen *s = context;

	s->reaped = pid == s->pid && WIFSIGNALED(status) && WTERMSIG(status) == SIGKILL;
}

static int in_child(int (*function)(struct supervisor *k, struct seen *s))
{
	int status;
	pid_t pid = fork();

	if (pid == 0) {
		static struct monitor m;
		struct seen s = {0};
		struct supervisor k = {.worker = &worker, .context = &s, .monitor = &m};
		struct failure f;
		int result;

		s.k = &k;
		if (monitor_begin(&m, &f) < 0 || monitor_open(&m, false, &f) < 0 ||
			supervisor_start(&k, &f) < 0)
			_exit(99);
		result = function(&k, &s);
		kill(s.pid, SIGKILL);
		_exit(result);
	}
	assert_true(pid > 0);
	assert_int_equal(waitpid(pid, &status, 0), pid);
	return WIFEXITED(status) ? WEXITSTATUS(status) : 1000 + WTERMSIG(status);
}

static int child_protocol(struct supervisor *k, struct seen *s)
{
	k->monitor->worker_ended = reaped;
	k->monitor->worker_context = s;
	CHECK(send(s->theirs, "x", 1, 0) == 1);
	CHECK(monitor_wait(k->monitor, &s->reaped, 10000));
	CHECK(s->taken == 1 && strstr(s->last, "broke the protocol"));
	return 0;
}

static void who_breaks_the_protocol_is_ended(void **state)
{
	(void)state;
	assert_int_equal(in_child(child_protocol), 0);
}

static int child_last_words(struct supervisor *k, struct seen *s)
{
	/* The worker counts as reaped: its pid may be another process's by now. */
	CHECK(send(s->theirs, "x", 1, 0) == 1);
	supervisor_ended(k, s->pid, 0);
	CHECK(s->taken == 1 && s->told == 2 && k->pid == 0 && !k->down);
	usleep(50 * 1000);
	CHECK(waitpid(s->pid, NULL, WNOHANG) == 0);
	return 0;
}

static void its_last_messages_affect_nothing_else(void **state)
{
	(void)state;
	assert_int_equal(in_child(child_last_words), 0);
}

static int child_no_restart(struct supervisor *k, struct seen *s)
{
	supervisor_ended(k, s->pid, 0);
	CHECK(strstr(s->last, "is started again") && !s->down);
	k->restarts = SUPERVISOR_RESTARTS - 1;
	CHECK(monitor_wait(k->monitor, &s->down, 10000));
	CHECK(strstr(s->last, "stays down") && k->pid == 0);
	return 0;
}

static void one_that_cannot_be_started_again_is_reported(void **state)
{
	(void)state;
	assert_int_equal(in_child(child_no_restart), 0);
}

static int child_once(struct supervisor *k, struct seen *s)
{
	k->worker = &once;
	supervisor_ended(k, s->pid, 0);
	CHECK(s->down && k->restarts == 0 && strstr(s->last, "status 0 and stays down"));
	return 0;
}

static void one_that_runs_once_is_not_started_again(void **state)
{
	(void)state;
	assert_int_equal(in_child(child_once), 0);
}

/* Ends that many milliseconds after a start that had `restarts` before it. */
static void ended_after(struct supervisor *k, struct seen *s, unsigned restarts, int64_t ms)
{
	k->pid = s->pid;
	k->restarts = restarts;
	k->started = clock_ms() - ms;
	supervisor_ended(k, s->pid, 0);
}

/* Eight times in a row; after a minute of work, counting begins anew. */
static int child_rows(struct supervisor *k, struct seen *s)
{
	ended_after(k, s, SUPERVISOR_RESTARTS - 1, 0);
	CHECK(!k->down && k->restarts == SUPERVISOR_RESTARTS);
	CHECK(strstr(s->last, "is started again"));
	ended_after(k, s, SUPERVISOR_RESTARTS, SUPERVISOR_STEADY_MS - 1000);
	CHECK(k->down && k->restarts == SUPERVISOR_RESTARTS);
	CHECK(strstr(s->last, "ended too often"));
	ended_after(k, s, SUPERVISOR_RESTARTS, SUPERVISOR_STEADY_MS);
	CHECK(!k->down && k->restarts == 1);
	return 0;
}

static void restarts_are_counted_in_a_row(void **state)
{
	(void)state;
	assert_int_equal(in_child(child_rows), 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(who_breaks_the_protocol_is_ended),
		cmocka_unit_test(its_last_messages_affect_nothing_else),
		cmocka_unit_test(one_that_cannot_be_started_again_is_reported),
		cmocka_unit_test(one_that_runs_once_is_not_started_again),
		cmocka_unit_test(restarts_are_counted_in_a_row),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
