#include "monitor.h"

#include <errno.h>
#include <fcntl.h>
#include <stdint.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/prctl.h>
#include <sys/signalfd.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include "../lib/clock.h"
#include "../lib/limits.h"
#include "killer.h"
#include "spawn.h"
#include "terminal.h"

/*
 * Signal sets in the kernel's format: 64 bits. The C libraries' functions omit the signals
 * that they use internally, and musl and glibc differ in which; but a program that uses the
 * other library may be sent those (34 is glibc's SIGRTMIN and internal to musl).
 */
#define ALL_SIGNALS  (~UINT64_C(0))
#define ONLY_SIGCHLD (UINT64_C(1) << (SIGCHLD - 1))
#define SET_BYTES    8
/* How long at a time is waited for a child's report. */
#define LOOK_MS 10000

static int listen_to(int fd, uint64_t set)
{
	return (int)syscall(SYS_signalfd4, fd, &set, SET_BYTES, SFD_CLOEXEC | SFD_NONBLOCK);
}

static int epoll_add(struct monitor *m, int fd)
{
	struct epoll_event e = {.events = EPOLLIN, .data.fd = fd};

	return epoll_ctl(m->epoll, EPOLL_CTL_ADD, fd, &e);
}

/*
 * Opens 0 to 2 if they are closed, so that nothing of ours gets one of these numbers. In a
 * container without /dev, a descriptor that can be neither read nor written takes its place
 * until exec.
 */
static int take_standard_descriptors(struct failure *f)
{
	for (int fd = 0; fd <= 2; fd++)
		if (fcntl(fd, F_GETFD) < 0 && open("/dev/null", O_RDWR) < 0 &&
			open("/", O_PATH | O_CLOEXEC) < 0)
			return fail_errno(f, "open a standard descriptor", "/dev/null");
	return 0;
}

int monitor_begin(struct monitor *m, struct failure *f)
{
	const struct sigaction dfl = {.sa_handler = SIG_DFL};
	const uint64_t all = ALL_SIGNALS;

	memset(m, 0, sizeof(*m));
	for (size_t i = 0; i < MONITOR_SOURCES; i++)
		m->sources[i].fd = -1;
	m->signals = m->epoll = m->terminal = -1;
	syscall(SYS_rt_sigprocmask, SIG_SETMASK, &all, &m->inherited, SET_BYTES);
	/* If it were ignored, children would vanish without a status. */
	sigaction(SIGCHLD, &dfl, NULL);
	if (take_standard_descriptors(f) < 0)
		return -1;
	m->self = getpid();
	m->session_leader = getsid(0) == m->self;
	if (m->self != 1 && prctl(PR_SET_CHILD_SUBREAPER, 1, 0, 0, 0) < 0)
		return fail_errno(f, "become the reaper of orphans", "");
	return 0;
}

/*
 * Opens the two descriptors to wait on, unless they are open. A plain init does that after its
 * payload has started and the socket pair of spawn() is closed: so it needs no more than three
 * of its own at any time, whatever RLIMIT_NOFILE is. Signals that arrived before are pending.
 * Returns 0, or -1 with errno set.
 */
static int listen_once(struct monitor *m)
{
	if (m->epoll >= 0)
		return 0;
	if (m->signals < 0)
		m->signals = listen_to(-1, ALL_SIGNALS);
	if (m->signals < 0 || (m->epoll = epoll_create1(EPOLL_CLOEXEC)) < 0)
		return -1;
	return epoll_add(m, m->signals);
}

int monitor_open(struct monitor *m, bool plain, struct failure *f)
{
	m->plain = plain;
	m->handed = plain && spawn_inherited_any();
	if (!plain)
		spawn_close_descriptors(false);
	terminal_find(m);
	if (!plain && listen_once(m) < 0)
		return fail_errno(f, "open a signal descriptor", "");
	return 0;
}

int monitor_watch(
	struct monitor *m, int fd, void (*ready)(void *context, int fd), void *context)
{
	if (listen_once(m) < 0)
		return -1;
	for (size_t i = 0; i < MONITOR_SOURCES; i++)
		if (m->sources[i].fd < 0) {
			if (epoll_add(m, fd) < 0)
				return -1;
			m->sources[i].fd = fd;
			m->sources[i].ready = ready;
			m->sources[i].context = context;
			return 0;
		}
	errno = ENOSPC;
	return -1;
}

void monitor_unwatch(struct monitor *m, int fd)
{
	for (size_t i = 0; i < MONITOR_SOURCES; i++)
		if (m->sources[i].fd == fd) {
			epoll_ctl(m->epoll, EPOLL_CTL_DEL, fd, NULL);
			m->sources[i].fd = -1;
		}
}

static void child_stopped(struct monitor *m, int signal)
{
	if (m->starting) {
		m->stopped = signal;
		m->heard = true;
	} else {
		terminal_child_stopped(m, signal);
	}
}

/* Reaps ended children and handles stops of the program. Returns true if there may be more. */
bool monitor_reap(struct monitor *m)
{
	for (int i = 0; i < LIMIT_REAP; i++) {
		int status;
		pid_t pid = waitpid(-1, &status, WNOHANG | WUNTRACED | __WALL);

		if (pid <= 0)
			return false;
		if (WIFSTOPPED(status)) {
			if (pid == m->child)
				child_stopped(m, WSTOPSIG(status));
			else if (m->worker_stopped)
				m->worker_stopped(m->worker_context, pid);
		} else if (pid == m->child) {
			terminal_take_back(m);
			m->child_status = status;
			m->child = 0;
		} else if (pid == m->killer) {
			killer_ended(m);
		} else if (m->worker_ended) {
			m->worker_ended(m->worker_context, pid, status);
		}
	}
	return true;
}

static bool has_ended(pid_t pid)
{
	siginfo_t info = {0};

	return waitid(P_PID, (id_t)pid, &info, WEXITED | WNOHANG | WNOWAIT | __WALL) == 0 &&
	       info.si_pid == pid;
}

/*
 * Forwards one signal to the program, with sigqueue(3)'s value if it has one
 * (rt_sigqueueinfo(2) lets us pass on the sender); a full queue loses the value, not the
 * signal.
 */
static void forward(struct monitor *m, const struct signalfd_siginfo *s)
{
	int signal = (int)s->ssi_signo;
	siginfo_t info;

	/* Our own: we wrote to a standard error that nobody reads. */
	if (signal == SIGPIPE && s->ssi_pid == (uint32_t)m->self)
		return;
	if (signal == SIGCONT && terminal_continue(m))
		return;
	/* Too late for the init script: as it is blocked here, it stays pending for the
	 * payload or the end. */
	if (has_ended(m->child)) {
		kill(m->self, signal);
		return;
	}
	if (s->ssi_code == SI_QUEUE) {
		memset(&info, 0, sizeof(info));
		info.si_signo = signal;
		info.si_code = SI_QUEUE;
		info.si_pid = (pid_t)s->ssi_pid;
		info.si_uid = s->ssi_uid;
		info.si_value.sival_ptr = (void *)(uintptr_t)s->ssi_ptr;
		if (syscall(SYS_rt_sigqueueinfo, m->child, signal, &info) == 0)
			return;
	}
	if (kill(m->child, signal) < 0 && errno == EPERM)
		m->unreachable = true;
}

/* Reads pending signals; reaps if there is a SIGCHLD. */
static bool take_signals(struct monitor *m)
{
	struct signalfd_siginfo s[LIMIT_SIGNALS];
	ssize_t n = read(m->signals, s, sizeof(s));
	bool children = false;

	for (size_t i = 0; n > 0 && i < (size_t)n / sizeof(s[0]); i++) {
		if (s[i].ssi_signo == SIGCHLD)
			children = true;
		else if (m->child)
			forward(m, &s[i]);
	}
	return children && monitor_reap(m);
}

/* One round: waits (milliseconds, -1 without limit) and handles what is ready. Returns true
 * if there are more children to reap, so that the next round must not wait. */
static bool serve(struct monitor *m, int milliseconds)
{
	struct epoll_event ready[1 + MONITOR_SOURCES];
	int count = epoll_wait(m->epoll, ready, 1 + MONITOR_SOURCES, milliseconds);
	bool more = false;

	for (int i = 0; i < count; i++) {
		if (ready[i].data.fd == m->signals)
			more = take_signals(m);
		/* A source may have been removed while another was handled. */
		for (size_t j = 0; j < MONITOR_SOURCES; j++)
			if (m->sources[j].fd == ready[i].data.fd)
				m->sources[j].ready(m->sources[j].context, m->sources[j].fd);
	}
	return more;
}

static bool round_of(struct monitor *m, bool more, int milliseconds)
{
	if (!more)
		return serve(m, milliseconds);
	serve(m, 0);
	return monitor_reap(m);
}

static void report_ready(void *context, int fd)
{
	struct monitor *m = context;

	(void)fd;
	m->heard = true;
}

/* For spawn(), which can't call us. */
static int wait_for_report(struct monitor *m, int channel)
{
	m->heard = m->stopped;
	if (monitor_watch(m, channel, report_ready, m) < 0)
		return -1;
	while (!m->heard)
		monitor_wait(m, &m->heard, LOOK_MS);
	monitor_unwatch(m, channel);
	return 0;
}

int monitor_run(struct monitor *m, const struct program *p, int *status, int *exit_status,
	struct failure *f)
{
	bool more;

	m->wait = wait_for_report;
	if (spawn(m, p, exit_status, f) < 0)
		return -1;
	if (listen_once(m) < 0) {
		fail_errno(f, "open a signal descriptor", "");
		spawn_undo(m);
		return -1;
	}
	/* Children that ended before we were executed sent their SIGCHLD to another program. */
	more = monitor_reap(m);
	while (m->child)
		more = round_of(m, more, -1);
	*status = m->child_status;
	return 0;
}

bool monitor_wait(struct monitor *m, const bool *done, int milliseconds)
{
	const int64_t end = clock_ms() + milliseconds;
	int64_t left = milliseconds;
	bool more;

	if (listen_once(m) < 0)
		return *done;
	/* Other signals stay pending for the payload. */
	listen_to(m->signals, ONLY_SIGCHLD);
	more = monitor_reap(m);
	while (!*done && left > 0) {
		more = round_of(m, more, (int)left);
		left = end - clock_ms();
	}
	listen_to(m->signals, ALL_SIGNALS);
	return *done;
}

int monitor_exit_code(int status)
{
	return WIFSIGNALED(status) ? 128 + WTERMSIG(status) : WEXITSTATUS(status);
}
