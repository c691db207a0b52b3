#include "reaper.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <sys/random.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "argv.h"

/* Closes what was inherited from the client: whoever waits for the end of its output must
 * not wait for us. */
void reaper_close_inherited(void)
{
	int null = open("/dev/null", O_RDWR | O_CLOEXEC);

	setsid();
	if (null < 0 || dup2(null, STDIN_FILENO) < 0 || dup2(null, STDOUT_FILENO) < 0 ||
		dup2(null, STDERR_FILENO) < 0 || chdir("/") < 0)
		_exit(1);
}

void reaper_wait_for(int pidfd)
{
	struct pollfd end = {.fd = pidfd, .events = POLLIN};

	while (poll(&end, 1, -1) < 0 && errno == EINTR)
		;
}

/* codex-init gets time to end what is left and to report. A container that was created and
 * never started can only be removed. */
static void end_container(const struct engine *e, const char *id)
{
	const char *const stop[] = {e->name, "stop", id, NULL};
	const char *const remove[] = {e->name, "rm", "--force", id, NULL};
	struct ask a;

	ask(&a, e->program, stop, false);
	ask(&a, e->program, remove, false);
}

bool reaper_find(const struct reaper *r, struct ask *a)
{
	const char *const find[] = {
		r->engine->name, "container", "inspect", "--format", r->format, r->name, NULL};
	char *mark;

	if (ask(a, r->engine->program, find, false) != 0 || !(mark = strchr(a->line, ' ')))
		return false;
	*mark = '\0';
	return true;
}

/* Usually the container has ended and is gone; then there is nothing to do. */
static void reap(const struct reaper *r)
{
	struct ask a;

	reaper_close_inherited();
	reaper_wait_for(r->pidfd);
	/* The next start need not wait for the engine's answer. */
	if (r->lock >= 0)
		close(r->lock);
	if (reaper_find(r, &a))
		end_container(r->engine, a.line);
}

int reaper_prepare(struct reaper *r, const struct engine *e, const char *name, struct arena *p,
	struct error *t)
{
	const char *run;
	uint64_t number;

	if (getentropy(&number, sizeof(number)) < 0)
		return refuse_errno(t, "get a number for this run", "getentropy");
	run = arena_format(p, "%016llx", (unsigned long long)number);
	*r = (struct reaper){.engine = e, .name = name, .lock = -1};
	/* Its id, followed by a word if it is ours. podman accepts .Id in this spelling. */
	r->format = arena_format(p,
		"{{.Id}}{{range .Config.Env}}{{if eq . \"" ARGV_RUN
		"=%s\"}} ours{{end}}{{end}}",
		run);
	if (setenv(ARGV_RUN, run, 1) < 0)
		return refuse_errno(t, "set", ARGV_RUN);
	r->pidfd = (int)syscall(SYS_pidfd_open, getpid(), 0);
	return 0;
}

int reaper_start(const struct reaper *r, struct error *t)
{
	pid_t child = r->pidfd < 0 ? 1 : fork();

	if (child == 0) {
		reap(r);
		_exit(0);
	}
	return child < 0 ? refuse_errno(t, "start a process", "fork") : 0;
}
