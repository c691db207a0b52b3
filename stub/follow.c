#include "follow.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <poll.h>
#include <signal.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <sys/inotify.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include "../init/lib/clock.h"
#include "argv.h"
#include "find.h"

/* How long to wait before a container that doesn't take it is tried again, in milliseconds: at
 * first, as it may be just about to start, and at most. */
#define AGAIN 100
#define MOST  5000
/* ... and how often, until the file changes again: 5 minutes. */
#define TRIES 64
/* An engine that doesn't answer is given up, and asked again. */
#define PATIENCE 30000

struct follower {
	const struct plan *plan;
	const struct reaper *reaper;
	struct auth_facts found;
	char given[BOUND_CREDENTIAL + 1]; /* what the broker has */
	int64_t due; /* when it is given the next; INT64_MAX: there is none */
	int wait, tries;
};

/* Codex writes another file and renames it, so what is watched is the directory. */
static int watch(const char *path)
{
	char directory[PATH_MAX];
	const char *slash = strrchr(path, '/');
	int fd = inotify_init1(IN_CLOEXEC | IN_NONBLOCK);

	snprintf(directory, sizeof(directory), "%.*s", (int)(slash - path) + 1, path);
	if (fd >= 0 && inotify_add_watch(fd, directory, IN_MOVED_TO | IN_CLOSE_WRITE) < 0) {
		close(fd);
		return -1;
	}
	return fd;
}

/* Reads the events. True if the file is among them, or some are lost (inotify(7)): most tell of
 * what Codex keeps beside it. */
static bool concerns(int fd, const char *path)
{
	_Alignas(struct inotify_event) char events[4096];
	const char *name = strrchr(path, '/') + 1;
	const struct inotify_event *e;
	bool found = false;
	ssize_t n;

	while ((n = read(fd, events, sizeof(events))) > 0)
		for (ssize_t at = 0; at < n; at += (ssize_t)(sizeof(*e) + e->len)) {
			e = (const struct inotify_event *)(const void *)(events + at);
			found |= e->mask & IN_Q_OVERFLOW ||
				 (e->len && strcmp(e->name, name) == 0);
		}
	return found;
}

/* True if there is a token of the same account that the broker doesn't have. A file that is
 * being written is looked at again when it is closed. */
static bool look(struct follower *s)
{
	const char *account = s->plan->follow_account;
	struct error ignored;

	return find_look(s->plan, s->plan->follow, &s->found, &ignored) == AUTH_GOOD &&
	       s->found.chatgpt.token[0] && strcmp(s->found.chatgpt.account, account) == 0 &&
	       strcmp(s->found.chatgpt.token, s->given) != 0;
}

/* In a child: codex-egress, as root in the container, reads the token from its standard input,
 * where nobody else sees it. A pipe holds it until then. */
static void become_client(const struct follower *s, const char *id)
{
	const struct engine *e = s->reaper->engine;
	const char *const argv[] = {
		e->name, "exec", "-i", "--user=0:0", id, ARGV_EGRESS, "credential", NULL};
	const size_t size = strlen(s->found.chatgpt.token);
	int pipes[2];

	/* A pipe without room for it (pipe(7)) fails, and it is tried again. */
	if (prctl(PR_SET_PDEATHSIG, SIGKILL) == 0 && pipe2(pipes, O_CLOEXEC) == 0 &&
		fcntl(pipes[1], F_SETFL, O_NONBLOCK) == 0 &&
		write(pipes[1], s->found.chatgpt.token, size) == (ssize_t)size &&
		dup2(pipes[0], STDIN_FILENO) == STDIN_FILENO)
		execv(e->program, (char *const *)(uintptr_t)argv);
	_exit(127);
}

/* Waits for the engine's client, no longer than the session lasts. Returns its status. */
static int wait_for(pid_t child, int session)
{
	const int fd = (int)syscall(SYS_pidfd_open, child, 0);
	struct pollfd p[] = {{.fd = fd, .events = POLLIN}, {.fd = session, .events = POLLIN}};
	int status = -1;

	if (fd < 0 || poll(p, 2, PATIENCE) <= 0 || !p[0].revents)
		kill(child, SIGKILL);
	if (fd >= 0)
		close(fd);
	while (waitpid(child, &status, 0) < 0 && errno == EINTR)
		;
	return status;
}

static bool give(struct follower *s)
{
	struct ask a;
	pid_t child;

	if (!reaper_find(s->reaper, &a))
		return false;
	child = fork();
	if (child == 0)
		become_client(s, a.line);
	if (child < 0 || wait_for(child, s->reaper->pidfd) != 0)
		return false;
	memcpy(s->given, s->found.chatgpt.token, sizeof(s->given));
	return true;
}

/* Sets when it is given to the broker: at once where there is something new, later where it
 * wasn't taken. */
static void schedule(struct follower *s, bool fresh)
{
	if (fresh) {
		s->due = look(s) ? 0 : INT64_MAX;
		s->wait = AGAIN;
		s->tries = 0;
		return;
	}
	s->due = s->tries++ < TRIES ? clock_ms() + s->wait : INT64_MAX;
	s->wait = 2 * s->wait < MOST ? 2 * s->wait : MOST;
}

static void follow(struct follower *s, int events)
{
	struct pollfd p[] = {
		{.fd = s->reaper->pidfd, .events = POLLIN}, {.fd = events, .events = POLLIN}};

	schedule(s, true);
	for (;;) {
		const int64_t left = s->due == INT64_MAX ? -1 : s->due - clock_ms();

		if (s->due != INT64_MAX && left <= 0) {
			schedule(s, give(s));
			continue;
		}
		if ((poll(p, 2, (int)left) < 0 && errno != EINTR) || p[0].revents)
			return;
		if (p[1].revents && concerns(events, s->plan->follow))
			schedule(s, true);
	}
}

int follow_start(const struct plan *p, const struct reaper *r, struct error *t)
{
	static struct follower s;
	int events;
	pid_t child;

	if (!p->follow || r->pidfd < 0)
		return 0;
	/* Before the file is read again, so that no renewal is missed. */
	events = watch(p->follow);
	if (events < 0) {
		log_warning("%s can't be watched: %s: a renewed login won't reach this session",
			p->follow, strerror(errno));
		return 0;
	}
	child = fork();
	if (child == 0) {
		s = (struct follower){.plan = p, .reaper = r};
		memcpy(s.given, p->follow_token, strlen(p->follow_token));
		reaper_close_inherited();
		if (r->lock >= 0)
			close(r->lock);
		follow(&s, events);
		_exit(0);
	}
	close(events);
	return child < 0 ? refuse_errno(t, "start a process", "fork") : 0;
}
