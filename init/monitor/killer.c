/* See killer.h. */
#include "killer.h"

#include <errno.h>
#include <poll.h>
#include <signal.h>
#include <stdint.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include "../lib/clock.h"
#include "../lib/limits.h"
#include "../lib/privileges.h"
#include "../lib/worker.h"

/* <sys/syscall.h> may predate Linux 5.3; the number is the same on all architectures. */
#ifndef SYS_pidfd_open
#define SYS_pidfd_open 434
#endif

/* Nanoseconds; the kernel's minimum. */
#define SLICE_NS 100000

/*
 * sched(7), SCHED_OTHER: since Linux 6.12 a short runtime means lower latency. Older kernels
 * ignore it.
 */
static void shorten_slice(void)
{
	const struct {
		uint32_t size, policy;
		uint64_t flags;
		int32_t nice;
		uint32_t priority;
		uint64_t runtime, deadline, period;
	} attributes = {.size = sizeof(attributes), .runtime = SLICE_NS};

	syscall(SYS_sched_setattr, 0, &attributes, 0);
}

/* Waits for either descriptor or the timeout. Returns true if talk was closed. */
static bool wait_readable(int talk, int other, int milliseconds)
{
	struct pollfd p[] = {{.fd = talk, .events = POLLIN}, {.fd = other, .events = POLLIN}};

	return poll(p, 2, milliseconds) < 0 || p[0].revents != 0;
}

/*
 * All signals are blocked here, as in PID 1 and its workers, so TERM and CONT have no
 * effect. KILL would. So it is sent with the payload's effective uid, for which
 * capabilities(7) clears every effective capability: then kill(2) reaches only processes of
 * that uid and root's. The payload is neither our real nor our saved uid, so it still can't
 * signal us.
 */
static _Noreturn void killer_main(int talk, int payload, uid_t uid)
{
	struct failure f;

	prctl(PR_SET_NAME, "codex-killer");
	prctl(PR_SET_DUMPABLE, 0);
	shorten_slice();
	/* A plain init (--egress=off) has whatever capabilities the engine gave it. */
	if (uid != geteuid() && privileges_keep_to_kill(&f) < 0)
		_exit(1);
	if (worker_leave((int[]){talk, payload}, 2) < 0 || wait_readable(talk, payload, -1))
		_exit(1);
	kill(-1, SIGTERM);
	/* A stopped process acts on TERM when it is continued. */
	kill(-1, SIGCONT);
	wait_readable(talk, -1, LIMIT_GRACE_MS);
	if (syscall(SYS_setresuid, -1, uid, -1) < 0)
		_exit(1);
	kill(-1, SIGKILL);
	_exit(0);
}

void killer_start(struct monitor *m, uid_t uid)
{
	int payload = (int)syscall(SYS_pidfd_open, m->child, 0), talk[2];
	pid_t pid;

	if (payload < 0)
		return;
	if (socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, talk) < 0) {
		close(payload);
		return;
	}
	pid = fork();
	if (pid == 0) {
		close(talk[0]);
		killer_main(talk[1], payload, uid);
	}
	close(payload);
	close(talk[1]);
	if (pid < 0) {
		close(talk[0]);
		return;
	}
	m->killer = pid;
	m->killer_talk = talk[0];
}

void killer_ended(struct monitor *m)
{
	close(m->killer_talk);
	m->killer = 0;
}

void killer_end(struct monitor *m)
{
	const int64_t end = clock_ms() + LIMIT_KILL_MS;
	const pid_t pid = m->killer;
	pid_t ended = 0;

	if (!pid)
		return;
	killer_ended(m);
	while ((ended = waitpid(pid, NULL, WNOHANG | __WALL)) == 0 && clock_ms() < end)
		poll(NULL, 0, 1);
	if (ended == 0) {
		kill(pid, SIGKILL);
		waitpid(pid, NULL, __WALL);
	}
}
