/*
 * The end: what the program left behind is asked to go, then made to.
 *
 * As PID 1 that is everything else in the namespace. As a subreaper it is our descendants, and
 * the rest of the machine must not be touched. With nobody to spare and as PID 1, kill(-1)
 * does it in one call; else /proc is read, which is also right while workers are to live on.
 */
#include "monitor.h"

#include <ctype.h>
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/signalfd.h>
#include <sys/wait.h>
#include <unistd.h>

#include "../clock.h"
#include "../limits.h"
#include "stat.h"
#include "terminal.h"

struct process {
	pid_t pid, parent;
	bool ours;
};

/* Not on the stack, and not from the heap: pages that aren't used cost nothing. */
static struct process seen[LIMIT_PROCESSES];

struct hunt {
	struct monitor *m;
	const pid_t *keep;
	size_t keep_count;
	bool listing; /* /proc shows our namespace: it can be gone by */
	bool denied;  /* somebody could not be signalled */
};

static bool kept(const struct hunt *h, pid_t pid)
{
	for (size_t i = 0; i < h->keep_count; i++)
		if (h->keep[i] == pid)
			return true;
	return false;
}

/* /proc may be another namespace's (unshare without --mount-proc): its numbers would be
 * somebody else's. */
static bool proc_is_ours(pid_t self)
{
	char text[24] = "";

	return readlink("/proc/self", text, sizeof(text) - 1) > 0 && atoi(text) == self;
}

static bool read_process(int proc, const char *pid, struct process *p)
{
	char name[32], text[512], state;
	ssize_t n;
	int fd;

	snprintf(name, sizeof(name), "%.20s/stat", pid);
	fd = openat(proc, name, O_RDONLY | O_CLOEXEC);
	if (fd < 0)
		return false;
	n = read(fd, text, sizeof(text) - 1);
	close(fd);
	if (n <= 0)
		return false;
	text[n] = '\0';
	if (!stat_read(text, &state, &p->parent))
		return false;
	p->pid = atoi(pid);
	p->ours = false;
	/* A zombie is gone already; its parent has yet to notice. */
	return state != 'Z' && state != 'X';
}

static size_t read_processes(void)
{
	DIR *d = opendir("/proc");
	struct dirent *e;
	size_t n = 0;

	if (!d)
		return 0;
	while (n < LIMIT_PROCESSES && (e = readdir(d)) != NULL)
		if (isdigit((unsigned char)e->d_name[0]) &&
			read_process(dirfd(d), e->d_name, &seen[n]))
			n++;
	closedir(d);
	return n;
}

/* Marks descendants: a child of ours, or of a marked one, until a pass finds no more. Each
 * pass marks one at least, which bounds it. */
static void mark_descendants(const struct hunt *h, size_t n)
{
	for (bool more = true; more;) {
		more = false;
		for (size_t i = 0; i < n; i++) {
			if (seen[i].ours || kept(h, seen[i].pid))
				continue;
			seen[i].ours = seen[i].parent == h->m->self;
			for (size_t j = 0; j < n && !seen[i].ours; j++)
				seen[i].ours = seen[j].ours && seen[j].pid == seen[i].parent;
			more |= seen[i].ours;
		}
	}
}

/* Signals whom it finds (0: only looks); returns how many there are. */
static size_t signal_left(struct hunt *h, int signal)
{
	size_t n, found = 0;

	if (h->m->self == 1 && (h->keep_count == 0 || !h->listing)) {
		if (kill(-1, signal) < 0)
			return 0;
		if (signal == SIGTERM)
			kill(-1, SIGCONT);
		return 1;
	}
	if (!h->listing)
		return 0;
	n = read_processes();
	if (h->m->self != 1)
		mark_descendants(h, n);
	for (size_t i = 0; i < n; i++) {
		pid_t pid = seen[i].pid;

		if (pid == h->m->self || kept(h, pid) || (h->m->self != 1 && !seen[i].ours))
			continue;
		found++;
		if (kill(pid, signal) < 0 && errno == EPERM)
			h->denied = true;
		/* A stopped process acts on TERM when it goes on. */
		if (signal == SIGTERM)
			kill(pid, SIGCONT);
	}
	return found;
}

/* Reaps what there is. False when there is no child at all any more. */
static bool reap_ended(void)
{
	pid_t pid = 1;

	for (int i = 0; i < LIMIT_REAP && pid > 0; i++)
		pid = waitpid(-1, NULL, WNOHANG | __WALL);
	return pid >= 0;
}

/* True when nobody is left but those to keep. */
static bool all_gone(struct hunt *h)
{
	const bool children = reap_ended();

	/* An orphan becomes our child: without children we have no descendants at all. */
	if (h->m->self != 1 && !children)
		return true;
	if (h->m->self != 1 && h->keep_count == 0)
		return false;
	if (signal_left(h, 0) > 0)
		return false;
	/* The look passed over those that had ended since. */
	reap_ended();
	return true;
}

/* Somebody asks us to end: there is no more time for grace. */
static bool hurried(const struct monitor *m)
{
	struct signalfd_siginfo s;
	bool hurry = false;

	for (int i = 0; i < LIMIT_REAP && read(m->signals, &s, sizeof(s)) == sizeof(s); i++)
		hurry |= s.ssi_signo == SIGTERM || s.ssi_signo == SIGINT ||
			 s.ssi_signo == SIGHUP || s.ssi_signo == SIGQUIT;
	return hurry;
}

/* Sends the signal, waits for everybody to be gone. again: to newcomers too, at every look. */
static bool end_by(struct hunt *h, int signal, bool again, int milliseconds)
{
	const int64_t end = clock_ms() + milliseconds;
	struct pollfd p = {.fd = h->m->signals, .events = POLLIN};
	int64_t left = milliseconds;

	if (signal_left(h, signal) == 0)
		return true;
	while (!all_gone(h)) {
		if (left <= 0)
			return false;
		if (poll(&p, 1, left < LIMIT_LOOK_MS ? (int)left : LIMIT_LOOK_MS) > 0 &&
			hurried(h->m) && !again)
			return false;
		if (again)
			signal_left(h, signal);
		left = end - clock_ms();
	}
	return true;
}

void monitor_end_stragglers(
	struct monitor *m, const pid_t *keep, size_t keep_count, bool by_signal)
{
	struct hunt h = {.m = m, .keep = keep, .keep_count = keep_count};
	siginfo_t any;

	/* The usual case, in one call: nothing is left. */
	if (m->self == 1 || waitid(P_ALL, 0, &any, WEXITED | WNOHANG | WNOWAIT | __WALL) == 0) {
		h.listing = (m->self == 1 && keep_count == 0) || proc_is_ours(m->self);
		if (!end_by(&h, SIGTERM, false, LIMIT_GRACE_MS))
			end_by(&h, SIGKILL, true, LIMIT_KILL_MS);
	}
	if (by_signal)
		terminal_restore(m);
	/* The program shares it and may have set this; then a slow reader would lose what is
	 * yet to be said. */
	fcntl(STDERR_FILENO, F_SETFL, fcntl(STDERR_FILENO, F_GETFL) & ~O_NONBLOCK);
	if (h.denied || m->unreachable) {
		say_warning("payload", "some of its processes could not be signalled");
		say_hint("give the container --cap-add=KILL");
	}
}
