#include "ask.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdint.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

/* In the child. */
static void become_question(const char *program, const char *const *argv, int out, int err)
{
	int null = open("/dev/null", O_RDWR | O_CLOEXEC);
	sigset_t none;

	/* What we hold back must still be able to end it: it may hang. */
	sigemptyset(&none);
	sigprocmask(SIG_SETMASK, &none, NULL);
	signal(SIGPIPE, SIG_DFL);
	if (null < 0 || dup2(null, STDIN_FILENO) < 0 ||
		dup2(out >= 0 ? out : null, STDOUT_FILENO) < 0 ||
		dup2(err >= 0 ? err : null, STDERR_FILENO) < 0)
		_exit(127);
	execv(program, (char *const *)(uintptr_t)argv);
	_exit(127);
}

/* Reads a pipe to its end and keeps what fits. */
static void keep(int fd, char *kept, size_t size)
{
	char rest[512];
	size_t n = 0;

	for (;;) {
		bool full = n == size - 1;
		ssize_t got =
			full ? read(fd, rest, sizeof(rest)) : read(fd, kept + n, size - 1 - n);

		if (got < 0 && errno == EINTR)
			continue;
		if (got <= 0)
			break;
		n += full ? 0 : (size_t)got;
	}
	kept[n] = '\0';
}

void ask_begin(struct ask *a, const char *program, const char *const *argv, bool complaint)
{
	int pipes[2];

	*a = (struct ask){.child = -1, .fd = -1};
	if (pipe2(pipes, O_CLOEXEC) < 0)
		return;
	a->child = fork();
	if (a->child == 0)
		become_question(
			program, argv, complaint ? -1 : pipes[1], complaint ? pipes[1] : -1);
	close(pipes[1]);
	a->fd = pipes[0];
}

/* Keeps the answer in text, and returns as ask_end() does. */
static int end(struct ask *a, char *text, size_t size)
{
	int status;

	text[0] = '\0';
	if (a->child > 0)
		keep(a->fd, text, size);
	if (a->fd >= 0)
		close(a->fd);
	if (a->child < 0)
		return -1;
	while (waitpid(a->child, &status, 0) < 0)
		if (errno != EINTR)
			return -1;
	return WIFEXITED(status) ? WEXITSTATUS(status) : -1;
}

int ask_end(struct ask *a)
{
	int status = end(a, a->line, sizeof(a->line));

	a->line[strcspn(a->line, "\n")] = '\0';
	return status;
}

char *ask_all(struct arena *p, const char *program, const char *const *argv, int *status)
{
	char *text = arena_bytes(p, BOUND_ANSWERS);
	struct ask a;

	ask_begin(&a, program, argv, false);
	*status = end(&a, text, BOUND_ANSWERS);
	return text;
}

int ask(struct ask *a, const char *program, const char *const *argv, bool complaint)
{
	ask_begin(a, program, argv, complaint);
	return ask_end(a);
}
