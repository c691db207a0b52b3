/*
 * The end: what the program left behind is asked to go, then killed.
 *
 * As PID 1 that is everything else in the namespace, and kill(2) with -1 signals all of it at
 * once: a fork that is under way either has its child signalled as well or fails. Only that
 * ends chains of processes that fork a successor and exit before anybody could signal them by
 * number. The workers get these signals too. Like us they have every signal blocked, so TERM
 * and CONT pass them by. KILL doesn't: it comes when they have told what they have counted, and
 * by then the killer (killer.h) has killed what is the payload's.
 *
 * As a subreaper (started by a shell, or by another init) it is our descendants, and other
 * processes must not be touched. They are looked up in /proc.
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

#include "../lib/clock.h"
#include "../lib/limits.h"
#include "killer.h"
#include "proc_stat.h"

struct process {
	pid_t pid, parent;
	bool ours;
	bool deaf; /* it ignores TERM */
};

/* Not on the stack, and not from the heap: pages that aren't used cost nothing. */
static struct process seen[LIMIT_PROCESSES];

struct remaining {
	struct monitor *m;
	const pid_t *keep; /* workers */
	size_t keep_count;
	bool gently;   /* there is time for who acts on TERM, and nobody else is waited for */
	size_t listed; /* in seen[], where we are a subreaper */
};

static bool kept(const struct remaining *r, pid_t pid)
{
	for (size_t i = 0; i < r->keep_count; i++)
		if (r->keep[i] == pid)
			return true;
	return pid == r->m->killer;
}

static bool read_process(int proc, const char *pid, struct process *p)
{
	char name[32], text[512];
	struct stat_process found;
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
	if (!proc_stat_read(text, &found))
		return false;
	*p = (struct process){
		.pid = atoi(pid), .parent = found.parent, .deaf = found.ignores_term};
	/* A zombie is gone already; its parent has yet to notice. */
	return found.state != 'Z' && found.state != 'X';
}

/* Lists who lives but us and the workers into seen[], `enough` at most; who is deaf as well,
 * unless only those who aren't matter. */
static size_t list(const struct remaining *r, size_t enough, bool deaf)
{
	DIR *d = opendir("/proc");
	struct dirent *e;
	size_t n = 0;

	if (!d)
		return 0;
	while (n < enough && (e = readdir(d)) != NULL)
		if (isdigit((unsigned char)e->d_name[0]) &&
			read_process(dirfd(d), e->d_name, &seen[n]) &&
			seen[n].pid != r->m->self && !kept(r, seen[n].pid) &&
			(deaf || !seen[n].deaf))
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
			any |= seen[i].ours && !(r->gently && seen[i].deaf);
		}
	}
	return any;
}

/* Is anybody left to be ended? To be asked once what has ended is reaped. */
static bool anybody(struct remaining *r)
{
	const bool alone = r->keep_count == 0 && !r->m->killer;
	siginfo_t any;

	if (r->m->self == 1 && alone && kill(-1, 0) < 0)
		return false;
	if (r->m->self == 1) /* if we can't see, we must suppose so */
		return (alone && !r->gently) || !stat_shows(1) || list(r, 1, !r->gently) > 0;
	r->listed = 0;
	/* An orphan becomes our child: without children we have no descendants at all. */
	if (waitid(P_ALL, 0, &any, WEXITED | WNOHANG | WNOWAIT | __WALL) < 0 ||
		!stat_shows(r->m->self))
		return false;
	r->listed = list(r, LIMIT_PROCESSES, true);
	return mark_descendants(r);
}

/*
 * A session other than ours was begun by a descendant and has descendants only, so its process
 * groups are signalled as a whole, newcomers included.
 */
static void signal_descendant(pid_t pid, int signal)
{
	const pid_t session = getsid(pid), group = getpgid(pid);

	if (session > 0 && session != getsid(0) && group > 1)
		kill(-group, signal);
	else
		kill(pid, signal);
}

/* Signals whom anybody() has found. */
static void signal_them(const struct remaining *r, int signal)
{
	if (r->m->self == 1)
		kill(-1, signal);
	for (size_t i = 0; i < r->listed; i++)
		if (seen[i].ours)
			signal_descendant(seen[i].pid, signal);
}

/*
 * Reaps, and waits a moment if there is nothing more to reap, less if a child ends. No more
 * than monitor_reap() takes at once: a storm makes zombies faster than we can take them. True:
 * somebody asks us to end.
 */
static bool look_around(struct monitor *m)
{
	struct pollfd p = {.fd = m->signals, .events = POLLIN};
	struct signalfd_siginfo s;
	bool hurry = false;

	if (!monitor_reap(m))
		poll(&p, 1, LIMIT_LOOK_MS);
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

	if (anybody(&r) && !m->killer) {
		signal_them(&r, SIGTERM);
		signal_them(&r, SIGCONT);
	}
	r.gently = m->plain;
	while (!hurry && clock_ms() < end && anybody(&r))
		hurry = look_around(m);
	killer_end(m);
	/* The last look passes over those that have ended since. */
	monitor_reap(m);
}

void monitor_kill_remaining(struct monitor *m)
{
	struct remaining r = {.m = m};
	const int64_t end = clock_ms() + LIMIT_KILL_MS;

	while (anybody(&r)) {
		if (clock_ms() >= end) {
			say_warning("payload", "end its processes: some can't be signalled, or "
					       "the kernel doesn't let go of them");
			break;
		}
		signal_them(&r, SIGKILL);
		look_around(m);
	}
	monitor_reap(m);
	if (m->unreachable) {
		say_warning("payload", "a signal could not be passed on to it");
		say_hint("give the container --cap-add=KILL");
	}
}
