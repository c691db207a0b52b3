#include "client.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include "../argv.h"

/* How long the client may take to end after the end of its input, in milliseconds. */
#define PATIENCE 1000
#define STEP     20

/* In the child. */
static void become(
	const char *program, const char *const *argv, int in, int out, int complaints)
{
	sigset_t none;

	sigemptyset(&none);
	sigprocmask(SIG_SETMASK, &none, NULL);
	signal(SIGPIPE, SIG_DFL);
	setsid();
	if (dup2(in, STDIN_FILENO) >= 0 && dup2(out, STDOUT_FILENO) >= 0 &&
		dup2(complaints, STDERR_FILENO) >= 0)
		execv(program, (char *const *)(uintptr_t)argv);
	_exit(127);
}

static void close_both(int pipes[2])
{
	if (pipes[0] >= 0)
		close(pipes[0]);
	if (pipes[1] >= 0)
		close(pipes[1]);
}

/* Our ends don't block: it may hang, and we must not. */
static bool make_pipes(int pipes[3][2])
{
	return pipe2(pipes[0], O_CLOEXEC) == 0 && pipe2(pipes[1], O_CLOEXEC) == 0 &&
	       pipe2(pipes[2], O_CLOEXEC) == 0 &&
	       fcntl(pipes[0][1], F_SETFL, O_NONBLOCK) == 0 &&
	       fcntl(pipes[1][0], F_SETFL, O_NONBLOCK) == 0 &&
	       fcntl(pipes[2][0], F_SETFL, O_NONBLOCK) == 0;
}

int client_start(struct client *c, const struct engine *e, const char *id, const char *by)
{
	const char *const argv[] = {e->name, "exec", "-i", "--user=0:0", id, ARGV_EGRESS,
		by ? "--by" : "follow", by, "watch", NULL};
	int pipes[3][2] = {{-1, -1}, {-1, -1}, {-1, -1}}, error;

	memset(c, 0, sizeof(*c));
	c->in = c->out = c->complaints = -1;
	c->child = make_pipes(pipes) ? fork() : -1;
	if (c->child == 0)
		become(e->program, argv, pipes[0][0], pipes[1][1], pipes[2][1]);
	if (c->child < 0) {
		error = errno;
		for (int i = 0; i < 3; i++)
			close_both(pipes[i]);
		c->child = 0;
		errno = error;
		return -1;
	}
	close(pipes[0][0]);
	close(pipes[1][1]);
	close(pipes[2][1]);
	c->in = pipes[0][1];
	c->out = pipes[1][0];
	c->complaints = pipes[2][0];
	return 0;
}

/* A line is shorter than PIPE_BUF, so all of it is written or nothing (pipe(7)). */
bool client_send(struct client *c, const char *line)
{
	char text[2 * BOUND_WATCH_STRING];
	int n = snprintf(text, sizeof(text), "%s\n", line);

	return n > 0 && (size_t)n < sizeof(text) && write(c->in, text, (size_t)n) == n;
}

bool client_read(struct client *c)
{
	size_t size;
	char *room = lines_room(&c->lines, &size);
	ssize_t n = read(c->out, room, size);

	if (n < 0)
		return errno == EAGAIN || errno == EINTR;
	lines_added(&c->lines, (size_t)n);
	return n > 0;
}

void client_complain(struct client *c)
{
	char rest[512];
	const size_t room = sizeof(c->complaint) - 1 - c->complaint_size;
	ssize_t n = room ? read(c->complaints, c->complaint + c->complaint_size, room)
			 : read(c->complaints, rest, sizeof(rest));

	if (n > 0 && room)
		c->complaint_size += (size_t)n;
	if (n == 0 || (n < 0 && errno != EAGAIN && errno != EINTR)) {
		close(c->complaints);
		c->complaints = -1;
	}
}

static void close_end(int *fd)
{
	if (*fd >= 0)
		close(*fd);
	*fd = -1;
}

/* Waits for a moment; what it still writes is of no interest. */
static void let_it_write(struct client *c)
{
	struct pollfd pipes[] = {
		{.fd = c->out, .events = POLLIN}, {.fd = c->complaints, .events = POLLIN}};
	char rest[4096];

	poll(pipes, 2, STEP);
	if (pipes[0].revents && read(c->out, rest, sizeof(rest)) <= 0)
		close_end(&c->out);
	if (pipes[1].revents)
		client_complain(c);
}

int client_end(struct client *c)
{
	int status = 0, left = PATIENCE / STEP;
	pid_t got;

	if (c->child <= 0)
		return -1;
	close_end(&c->in);
	while ((got = waitpid(c->child, &status, WNOHANG)) == 0 && left-- > 0)
		let_it_write(c);
	if (got == 0) {
		kill(-c->child, SIGKILL);
		while ((got = waitpid(c->child, &status, 0)) < 0 && errno == EINTR)
			;
	}
	let_it_write(c);
	close_end(&c->out);
	close_end(&c->complaints);
	c->complaint[strcspn(c->complaint, "\n")] = '\0';
	c->child = 0;
	return got > 0 && WIFEXITED(status) ? WEXITSTATUS(status) : -1;
}
