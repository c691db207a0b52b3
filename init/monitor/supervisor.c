/* See supervisor.h. */
#include "supervisor.h"

#include <errno.h>
#include <poll.h>
#include <signal.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/timerfd.h>
#include <sys/wait.h>
#include <unistd.h>

#include "../lib/clock.h"

/* Messages received by one system call, and per event, so that a flood can't keep PID 1 from
 * its signals. */
#define BATCH 4
#define BURST 64

static void close_channel(struct supervisor *k)
{
	if (k->channel < 0)
		return;
	monitor_unwatch(k->monitor, k->channel);
	close(k->channel);
	k->channel = -1;
}

/*
 * A worker has a bounded number of requests outstanding: a full socket means that it doesn't
 * read, and then it gets no reply. EPIPE: supervisor_finish() has shut down our half, or the
 * worker is gone, which the next read shows.
 */
bool supervisor_reply(struct supervisor *k, const void *message, size_t size)
{
	if (k->channel < 0)
		return false;
	if (send(k->channel, message, size, MSG_DONTWAIT | MSG_NOSIGNAL) >= 0)
		return true;
	if (errno != EAGAIN && errno != EPIPE)
		close_channel(k);
	return false;
}

/* Handles one message; size 0 is the end of the channel. */
static void take(struct supervisor *k, const void *message, size_t size)
{
	if (size > 0 && k->worker->take(k->context, message, size) == 0)
		return;
	if (size > 0) {
		k->worker->tell(k->context, "it broke the protocol and was killed", false);
		if (k->pid > 0)
			kill(k->pid, SIGKILL);
	}
	close_channel(k);
}

/* Receives at most TOGETHER messages. Returns false if there are no more or the channel was
 * closed. */
static bool take_batch(struct supervisor *k)
{
	/* Aligned for any message struct. Static, since the compiler would zero 64 KB of
	 * stack on every call. */
	static _Alignas(max_align_t) char text[BATCH][SUPERVISOR_MESSAGE];
	struct mmsghdr messages[BATCH];
	struct iovec parts[BATCH];
	int got;

	for (int i = 0; i < BATCH; i++) {
		parts[i] = (struct iovec){text[i], sizeof(text[i])};
		messages[i].msg_hdr = (struct msghdr){.msg_iov = &parts[i], .msg_iovlen = 1};
	}
	got = recvmmsg(k->channel, messages, BATCH, MSG_DONTWAIT | MSG_TRUNC, NULL);
	if (got < 0 && errno != EAGAIN && errno != EINTR)
		close_channel(k);
	for (int i = 0; i < got && k->channel >= 0; i++)
		take(k, text[i], messages[i].msg_len);
	return got == BATCH && k->channel >= 0;
}

static void channel_ready(void *context, int fd)
{
	struct supervisor *k = context;

	(void)fd;
	for (int i = 0; i < BURST / BATCH && take_batch(k); i++)
		;
	if (k->worker->taken)
		k->worker->taken(k->context);
}

static int start(struct supervisor *k, bool first, struct failure *f)
{
	k->pid = k->worker->start(k->context, first, &k->channel, f);
	if (k->pid < 0) {
		k->pid = 0;
		k->channel = -1;
		return -1;
	}
	k->starts++;
	k->started = clock_ms();
	if (monitor_watch(k->monitor, k->channel, channel_ready, k) < 0)
		return fail(f, "watch a worker", k->worker->name, "no room left");
	return 0;
}

static void arm_timer(struct supervisor *k)
{
	unsigned delay = SUPERVISOR_DELAY_MS << k->restarts;
	struct itimerspec t = {.it_value = {delay / 1000, (long)(delay % 1000) * 1000000}};

	timerfd_settime(k->timer, 0, &t, NULL);
}

static void timer_ready(void *context, int fd)
{
	struct supervisor *k = context;
	struct failure f = {0};
	uint64_t ticks;

	if (read(fd, &ticks, sizeof(ticks)) < 0 || k->pid)
		return;
	if (start(k, false, &f) == 0)
		return;
	k->down = k->worker->lives || ++k->restarts >= SUPERVISOR_RESTARTS;
	if (k->down)
		k->worker->tell(
			k->context, "it could not be started again and stays down", true);
	else
		arm_timer(k);
}

int supervisor_start(struct supervisor *k, struct failure *f)
{
	k->channel = -1;
	k->timer = timerfd_create(CLOCK_MONOTONIC, TFD_NONBLOCK | TFD_CLOEXEC);
	if (k->timer < 0)
		return fail_errno(f, "create a timer", "");
	if (monitor_watch(k->monitor, k->timer, timer_ready, k) < 0)
		return fail(f, "watch the timer", "", "no room left");
	return start(k, true, f);
}

void supervisor_ended(struct supervisor *k, pid_t pid, int status)
{
	char reason[96], how[32];

	if (!k->pid || pid != k->pid)
		return;
	/* It has been reaped: the pid may be reused. */
	k->pid = 0;
	/* Messages sent before it ended still count. */
	if (k->channel >= 0)
		channel_ready(k, k->channel);
	close_channel(k);
	if (clock_ms() - k->started >= SUPERVISOR_STEADY_MS)
		k->restarts = 0;
	k->down = k->starts == k->worker->lives || k->restarts >= SUPERVISOR_RESTARTS;
	snprintf(how, sizeof(how), WIFSIGNALED(status) ? "by signal %d" : "with status %d",
		WIFSIGNALED(status) ? WTERMSIG(status) : WEXITSTATUS(status));
	snprintf(reason, sizeof(reason), "it ended %s and %s", how,
		k->down ? "stays down: it ended too often" : "is started again");
	k->worker->tell(k->context, reason, true);
	if (!k->down) {
		arm_timer(k);
		k->restarts++;
	}
}

bool supervisor_wait(struct supervisor *k, const bool *done, int milliseconds)
{
	const int64_t end = clock_ms() + milliseconds;
	int64_t left = milliseconds;

	while (k->channel >= 0 && !*done && left > 0) {
		struct pollfd p = {.fd = k->channel, .events = POLLIN};

		if (poll(&p, 1, (int)left) > 0)
			channel_ready(k, k->channel);
		left = end - clock_ms();
	}
	return *done;
}

void supervisor_finish(struct supervisor *k)
{
	if (k->channel >= 0)
		shutdown(k->channel, SHUT_WR);
	/* Its end is expected, and it isn't restarted. */
	k->pid = 0;
}

void supervisor_settle(struct supervisor *k, int milliseconds)
{
	const bool never = false;

	supervisor_wait(k, &never, milliseconds);
}
