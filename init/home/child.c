/* fork(2), with shared memory for the result. See child.h. */
#include "child.h"

#include <errno.h>
#include <poll.h>
#include <signal.h>
#include <stdbool.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/wait.h>
#include <unistd.h>

#include "../lib/clock.h"
#include "../lib/privileges.h"

struct child_status {
	bool finished; /* false: the child ended before it could report */
	int done;
	struct failure f;
	_Alignas(16) unsigned char result[];
};

struct drop {
	uid_t uid;
	gid_t gid;
	child_work *before, *work;
	void *context;
};

static void terminate(struct failure *f)
{
	f->operation[sizeof(f->operation) - 1] = '\0';
	f->subject[sizeof(f->subject) - 1] = '\0';
	f->reason[sizeof(f->reason) - 1] = '\0';
	f->hint[sizeof(f->hint) - 1] = '\0';
}

/*
 * Returns whether the child has ended before this time (clock_ms()); 0: whenever it does. It is
 * ended if it is stopped, which it never is by itself: a payload of its uid could make us wait
 * for ever.
 */
static bool has_ended(pid_t pid, int64_t end, int *status)
{
	for (;;) {
		pid_t got = waitpid(pid, status, WUNTRACED | (end ? WNOHANG : 0));

		if (got > 0 && !WIFSTOPPED(*status))
			return true;
		if (got > 0)
			kill(pid, SIGKILL);
		else if (got < 0 && errno != EINTR)
			break;
		else if (got == 0 && clock_ms() >= end)
			return false;
		else
			poll(NULL, 0, 1);
	}
	/* ECHILD: already reaped, because SIGCHLD is ignored. */
	*status = 0;
	return true;
}

static int wait_for(
	pid_t pid, int64_t end, const struct child_status *report, struct failure *f)
{
	static const char operation[] = "wait for a child process";
	int status = 0;

	if (!has_ended(pid, end, &status)) {
		kill(pid, SIGKILL);
		return -1;
	}
	if (report->finished) {
		*f = report->f;
		terminate(f);
		return report->done;
	}
	if (WIFSIGNALED(status))
		return fail(f, operation, "", "signal %d ended it", WTERMSIG(status));
	return fail(f, operation, "", "it ended with status %d", WEXITSTATUS(status));
}

static int run(int64_t end, child_work *work, void *context, void *result, size_t size,
	struct failure *f)
{
	const size_t total = sizeof(struct child_status) + size;
	struct child_status *report =
		mmap(NULL, total, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
	pid_t pid;
	int done;

	if (report == MAP_FAILED)
		return fail_errno(f, "share memory with a child", "");
	report->f = *f;
	if (size)
		memcpy(report->result, result, size);
	pid = fork();
	if (pid == 0) {
		report->done = work(context, report->result, &report->f) < 0 ? -1 : 0;
		report->finished = true;
		_exit(0);
	}
	done = pid < 0 ? fail_errno(f, "start a child", "") : wait_for(pid, end, report, f);
	if (size && done == 0)
		memcpy(result, report->result, size);
	munmap(report, total);
	return done;
}

int child_run(child_work *work, void *context, void *result, size_t size, struct failure *f)
{
	return run(0, work, context, result, size, f);
}

int child_run_for(int milliseconds, child_work *work, void *context, struct failure *f)
{
	return run(clock_ms() + milliseconds, work, context, NULL, 0, f);
}

static int dropped(void *context, void *result, struct failure *f)
{
	const struct drop *d = context;

	if (d->before && d->before(d->context, result, f) < 0)
		return -1;
	if (privileges_drop(d->uid, d->gid, f) < 0)
		return -1;
	return d->work(d->context, result, f);
}

int child_run_as(uid_t uid, gid_t gid, child_work *before, child_work *work, void *context,
	void *result, size_t size, struct failure *f)
{
	struct drop d = {uid, gid, before, work, context};

	return child_run(dropped, &d, result, size, f);
}
