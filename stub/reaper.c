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
#include "ask.h"

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

/* Usually the container has ended and is gone; then there is nothing to do. */
static void reap(const struct engine *e, const char *name, const char *format, int pidfd)
{
	const char *const find[] = {
		e->name, "container", "inspect", "--format", format, name, NULL};
	struct ask a;
	char *mark;

	reaper_close_inherited();
	reaper_wait_for(pidfd);
	if (ask(&a, e->program, find, false) != 0 || !(mark = strchr(a.line, ' ')))
		return;
	*mark = '\0';
	end_container(e, a.line);
}

int reaper_start(const struct engine *e, const char *name, struct arena *p, struct error *t)
{
	const char *run, *format;
	uint64_t number;
	int pidfd;
	pid_t child;

	if (getentropy(&number, sizeof(number)) < 0)
		return refuse_errno(t, "get a number for this run", "getentropy");
	run = arena_format(p, "%016llx", (unsigned long long)number);
	/* Its id, followed by a word if it is ours. podman accepts .Id in this spelling. */
	format = arena_format(p,
		"{{.Id}}{{range .Config.Env}}{{if eq . \"" ARGV_RUN
		"=%s\"}} ours{{end}}{{end}}",
		run);
	if (setenv(ARGV_RUN, run, 1) < 0)
		return refuse_errno(t, "set", ARGV_RUN);
	pidfd = (int)syscall(SYS_pidfd_open, getpid(), 0);
	if (pidfd < 0)
		return 0;
	child = fork();
	if (child == 0) {
		reap(e, name, format, pidfd);
		_exit(0);
	}
	close(pidfd);
	return child < 0 ? refuse_errno(t, "start a process", "fork") : 0;
}
