/*
 * Ends the processes that the program left behind: SIGTERM, then SIGKILL.
 *
 * As PID 1 these are all others in the namespace, and kill(2) with -1 signals all at once:
 * for a concurrent fork either the child is signalled as well or the fork fails. Nothing
 * else ends chains of processes that fork a successor and exit before they can be signalled
 * by number. The workers get these signals too. Like us they block all signals, so TERM and
 * CONT have no effect on them. KILL has: it is sent after they have reported their counts,
 * and by then the killer (killer.h) has killed the payload's processes.
 *
 * As a subreaper (started by a shell, or by another init) these are our descendants, found
 * in /proc; other processes must not be touched.
 */
#include "monitor.h"

#include <ctype.h>
#include <dirent.h>
#include <fcntl.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/signalfd.h>
#include <sys/wait.h>
#include <unistd.h>

#include "../lib/clock.h"
#include "../lib/file.h"
#include "../lib/limits.h"
#include "../lib/num.h"
#include "killer.h"
#include "proc_stat.h"

struct process {
	pid_t pid, parent;
	bool ours;
	bool deaf; /* ignores TERM */
};

/* Not on the stack, and not on the heap: unused pages cost nothing. */
static struct process seen[LIMIT_PROCESSES];

struct remaining {
	struct monitor *m;
	const pid_t *keep; /* workers */
	size_t keep_count;
	bool skip_deaf; /* don't wait for processes that ignore TERM */
	size_t listed;  /* entries in seen[] if we are a subreaper */
};

static bool kept(const struct remaining *r, pid_t pid)
{
	for (size_t i = 0; i < r->keep_count; i++)
		if (r->keep[i] == pid)
			return true;
	return pid == r->m->killer;
}

/* False if the entry of /proc isn't a process, or one that has ended. */
static bool read_process(int proc, const char *entry, struct process *p)
{
	uint64_t pid;
	char name[32], text[512];
	struct stat_process found;
	ssize_t n;

	if (!num_read(entry, &pid))
		return false;
	snprintf(name, sizeof(name), "%.20s/stat", entry);
	n = file_take(openat(proc, name, O_RDONLY | O_CLOEXEC), text, sizeof(text) - 1);
	if (n <= 0)
		return false;
	text[n] = '\0';
	if (!proc_stat_read(text, &found))
		return false;
	*p = (struct process){
		.pid = (pid_t)pid, .parent = found.parent, .deaf = found.ignores_term};
	return found.state != 'Z' && found.state != 'X';
}

/* Lists live processes other than us and the workers in seen[], at most max. Those that ignore
 * TERM are included if deaf is set. */
static size_t list(const struct remaining *r, size_t max, bool deaf)
{
	DIR *d = opendir("/proc");
	struct dirent *e;
	size_t n = 0;

	if (!d)
		return 0;
	while (n < max && (e = readdir(d)) != NULL)
		if (read_process(dirfd(d), e->d_name, &seen[n]) && seen[n].pid != r->m->self &&
			!kept(r, seen[n].pid) && (deaf || !seen[n].deaf))
			n++;
	closedir(d);
	return n;
}

/* Marks descendants: a child of ours, or of a marked one, until a pass finds no more. Each
 * pass marks one at least, which bounds it. Returns whether there are any that matter. */
static bool mark_descendants(const struct remaining *r)
{
	bool any = false;

	for (bool more = true; more;) {
		more = false;
		for (size_t i = 0; i < r->listed; i++) {
			if (seen[i].ours)
				continue;
			seen[i].ours = seen[i].parent == r->m->self;
			for (size_t j = 0; j < r->listed && !seen[i].ours; j++)
				seen[i].ours = seen[j].ours && seen[j].pid == seen[i].parent;
			more |= seen[i].ours;
			any |= seen[i].ours && !(r->skip_deaf && seen[i].deaf);
		}
	}
	return any;
}

/* True if there are processes left to end. Call after reaping. */
static bool any_left(struct remaining *r)
{
	const bool alone = r->keep_count == 0 && !r->m->killer;
	siginfo_t any;

	if (r->m->self == 1 && alone && kill(-1, 0) < 0)
		return false;
	if (r->m->self == 1) /* if /proc is of no use, assume that there are */
		return (alone && !r->skip_deaf) || !proc_stat_is_ours(1) ||
		       list(r, 1, !r->skip_deaf) > 0;
	r->listed = 0;
	/* Orphans become our children: without children there are no descendants. */
	if (waitid(P_ALL, 0, &any, WEXITED | WNOHANG | WNOWAIT | __WALL) < 0 ||
		!proc_stat_is_ours(r->m->self))
		return false;
	r->listed = list(r, LIMIT_PROCESSES, true);
	return mark_descendants(r);
}

/*
 * A session other than ours was created by a descendant and consists of descendants, so its
 * process groups can be signalled as a whole, including new members.
 */
static void signal_descendant(pid_t pid, int signal)
{
	const pid_t session = getsid(pid), group = getpgid(pid);

	if (session > 0 && session != getsid(0) && group > 1)
		kill(-group, signal);
	else
		kill(pid, signal);
}

/* Signals the processes that anybody() found. */
static void signal_them(const struct remaining *r, int signal)
{
	if (r->m->self == 1)
		kill(-1, signal);
	for (size_t i = 0; i < r->listed; i++)
		if (seen[i].ours)
			signal_descendant(seen[i].pid, signal);
}

/*
 * Reaps, and waits a moment if there is nothing more to reap, or until a child ends. Like
 * monitor_reap() it is limited: a fork storm makes zombies faster than we can reap them.
 * Returns true if we are asked to end.
 */
static bool wait_briefly(struct monitor *m)
{
	struct pollfd p = {.fd = m->signals, .events = POLLIN};
	struct signalfd_siginfo s;
	bool hurry = false;

	if (!monitor_reap(m))
		poll(&p, 1, LIMIT_POLL_MS);
	for (int i = 0; i < LIMIT_REAP && read(m->signals, &s, sizeof(s)) == sizeof(s); i++)
		hurry |= s.ssi_signo == SIGTERM || s.ssi_signo == SIGINT ||
			 s.ssi_signo == SIGHUP || s.ssi_signo == SIGQUIT;
	return hurry;
}

void monitor_end_remaining(struct monitor *m, const pid_t *keep, size_t keep_count)
{
	struct remaining r = {.m = m, .keep = keep, .keep_count = keep_count};
	const int64_t end = clock_ms() + LIMIT_GRACE_MS;
	bool hurry = false;

	if (any_left(&r) && !m->killer) {
		signal_them(&r, SIGTERM);
		signal_them(&r, SIGCONT);
	}
	r.skip_deaf = m->plain;
	while (!hurry && clock_ms() < end && any_left(&r))
		hurry = wait_briefly(m);
	killer_end(m);
	/* The last check doesn't see those that have ended since. */
	monitor_reap(m);
}

void monitor_kill_remaining(struct monitor *m)
{
	struct remaining r = {.m = m};
	const int64_t end = clock_ms() + LIMIT_KILL_MS;

	while (any_left(&r)) {
		if (clock_ms() >= end) {
			say_warning("payload",
				"end its processes: some can't be signalled, or don't end");
			break;
		}
		signal_them(&r, SIGKILL);
		wait_briefly(m);
	}
	monitor_reap(m);
	if (m->unreachable) {
		say_warning("payload", "a signal could not be passed on to it");
		say_hint("give the container --cap-add=KILL");
	}
}
