/* The process of --notify, which remains while the sandbox runs. See notify.h. */
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "client.h"
#include "notify.h"

/* How long to wait before the container is looked for again, in milliseconds: at first, as it
 * is just about to start, and at most. */
#define SEARCH 200
#define MOST   5000
/* How long a command waits, in milliseconds, until it is known who asks. That takes a few where
 * it can be found out at all. */
#define WHO 30

/* A command that runs. */
struct job {
	uint64_t id; /* its question's; 0: the place is free */
	pid_t child;
	int pidfd, out;
	char said[BOUND_NOTIFY_ANSWER];
	size_t size;
};

struct notifier {
	const struct notify *n;
	const struct reaper *r;
	struct string_list environment; /* of its commands */
	struct client client;
	struct questions questions;
	struct job jobs[BOUND_NOTIFY_JOBS];
	bool greeted; /* the sandbox has answered */
	bool deaf;    /* it doesn't ask */
};

static int64_t now_ms(void)
{
	struct timespec now;

	clock_gettime(CLOCK_MONOTONIC, &now);
	return (int64_t)now.tv_sec * 1000 + now.tv_nsec / 1000000;
}

/* ---- Commands -------------------------------------------------------------------------- */

static struct job *job_of(struct notifier *s, uint64_t id)
{
	for (size_t i = 0; i < BOUND_NOTIFY_JOBS; i++)
		if (s->jobs[i].id == id)
			return &s->jobs[i];
	return NULL;
}

/* In the child. Its standard error is /dev/null already, and it is in /. */
static void become_command(const struct notifier *s, int in, int out)
{
	setsid();
	signal(SIGPIPE, SIG_DFL);
	if (dup2(in, STDIN_FILENO) >= 0 && dup2(out, STDOUT_FILENO) >= 0)
		execve(s->n->program, (char *const *)(uintptr_t)s->n->argv.word,
			(char *const *)(uintptr_t)s->environment.word);
	_exit(127);
}

static void close_pipe(int pipes[2])
{
	for (int i = 0; i < 2; i++)
		if (pipes[i] >= 0)
			close(pipes[i]);
}

/* Ends what still runs of it. Returns the wait status. */
static int end_job(struct job *j)
{
	int status = 0;

	kill(-j->child, SIGKILL);
	kill(j->child, SIGKILL);
	while (waitpid(j->child, &status, 0) < 0 && errno == EINTR)
		;
	if (j->pidfd >= 0)
		close(j->pidfd);
	if (j->out >= 0)
		close(j->out);
	j->id = 0;
	return status;
}

/* The question fits into the pipe, so that nobody has to wait until the command reads it. */
static void begin_job(struct notifier *s, struct job *j, struct question *q)
{
	struct arena arena = {0};
	const char *line = notify_question(s->n, q, now_ms(), &arena);
	int in[2] = {-1, -1}, out[2] = {-1, -1};

	*j = (struct job){.child = -1, .pidfd = -1, .out = -1};
	if (pipe2(in, O_CLOEXEC | O_NONBLOCK) == 0 && pipe2(out, O_CLOEXEC) == 0 &&
		write(in[1], line, strlen(line)) == (ssize_t)strlen(line) &&
		fcntl(in[0], F_SETFL, 0) == 0 && fcntl(out[0], F_SETFL, O_NONBLOCK) == 0)
		j->child = fork();
	if (j->child == 0)
		become_command(s, in[0], out[1]);
	arena_free(&arena);
	if (j->child > 0) {
		j->id = q->id;
		q->notified = true;
		j->pidfd = (int)syscall(SYS_pidfd_open, j->child, 0);
		j->out = out[0];
		out[0] = -1;
	}
	close_pipe(in);
	close_pipe(out);
	if (j->child > 0 && j->pidfd < 0)
		end_job(j);
}

/* Reads what there is. What is too long fills the room, and is no answer. Returns false if
 * there is no more for now. */
static bool read_job(struct job *j)
{
	char piece[BOUND_NOTIFY_ANSWER];
	const size_t room = sizeof(j->said) - j->size;
	ssize_t n = j->out < 0 ? -1 : read(j->out, piece, sizeof(piece));

	if (n == 0) {
		close(j->out);
		j->out = -1;
	}
	if (n <= 0)
		return false;
	memcpy(j->said + j->size, piece, (size_t)n < room ? (size_t)n : room);
	j->size += (size_t)n < room ? (size_t)n : room;
	return j->size < sizeof(j->said);
}

/* A command has ended. */
static void take_answer(struct notifier *s, struct job *j)
{
	enum notify_answer answer = NOTIFY_NONE;
	const uint64_t id = j->id;
	char line[64];
	int status;

	while (read_job(j))
		;
	status = end_job(j);
	if (j->size < sizeof(j->said) && WIFEXITED(status) && WEXITSTATUS(status) == 0)
		answer = notify_answer(j->said, j->size);
	if (!questions_find(&s->questions, id) || answer == NOTIFY_NONE)
		return;
	snprintf(line, sizeof(line), "answer %llu %s", (unsigned long long)id,
		answer == NOTIFY_ALLOW ? "allow" : "deny");
	client_send(&s->client, line);
}

/* How much longer a question's command has to wait. */
static int64_t early(const struct question *q, int64_t now)
{
	return q->who[0] || now >= q->asked + WHO ? 0 : q->asked + WHO - now;
}

/* For each question that has had none, while there is a place. */
static void begin_jobs(struct notifier *s)
{
	const int64_t now = now_ms();
	struct job *place;

	for (size_t i = 0; i < s->questions.count && (place = job_of(s, 0)); i++) {
		struct question *q = &s->questions.question[i];

		if (!q->notified && early(q, now) == 0)
			begin_job(s, place, q);
	}
}

/* ---- The sandbox ----------------------------------------------------------------------- */

static void forget(struct notifier *s, uint64_t id)
{
	struct job *j = id ? job_of(s, id) : NULL;

	if (j)
		end_job(j);
	questions_remove(&s->questions, id, NULL);
}

static void take_line(struct notifier *s, const char *line, size_t size)
{
	static struct message m;
	struct question *q;

	if (!message_read(line, size, &m))
		return;
	if (m.kind == MESSAGE_HELLO) {
		s->greeted = true;
		s->deaf = m.ask == 0;
	}
	if (m.kind == MESSAGE_QUESTION)
		questions_add(&s->questions, &m, now_ms());
	else if (m.kind == MESSAGE_WHO && (q = questions_find(&s->questions, m.id)))
		snprintf(q->who, sizeof(q->who), "%s", m.who);
	else if (m.kind == MESSAGE_ANSWERED)
		forget(s, m.id);
}

static bool take_lines(struct notifier *s)
{
	const char *line;
	size_t size;
	bool more = client_read(&s->client);

	while ((line = lines_next(&s->client.lines, &size)))
		take_line(s, line, size);
	return more && !s->deaf;
}

static void expire(struct notifier *s)
{
	struct question q;

	while (questions_expire(&s->questions, now_ms(), &q))
		forget(s, q.id);
}

/* How long until a question's time is over, or its command can begin; -1: there is none. */
static int patience(const struct notifier *s)
{
	int64_t next = INT64_MAX, now = now_ms();

	for (size_t i = 0; i < s->questions.count; i++) {
		const struct question *q = &s->questions.question[i];
		const int64_t wait = q->notified ? 0 : early(q, now);

		if (q->deadline < next)
			next = q->deadline;
		if (wait && now + wait < next)
			next = now + wait;
	}
	if (next == INT64_MAX)
		return -1;
	return next <= now ? 0 : (int)(next - now < 60000 ? next - now : 60000);
}

enum { OF_LAUNCHER, OF_CLIENT, OF_COMPLAINTS, OF_JOBS };
#define POLLED (OF_JOBS + 2 * BOUND_NOTIFY_JOBS)

static void gather(const struct notifier *s, struct pollfd polled[POLLED])
{
	for (size_t i = 0; i < POLLED; i++)
		polled[i] = (struct pollfd){.fd = -1, .events = POLLIN};
	polled[OF_LAUNCHER].fd = s->r->pidfd;
	polled[OF_CLIENT].fd = s->client.out;
	polled[OF_COMPLAINTS].fd = s->client.complaints;
	for (size_t i = 0; i < BOUND_NOTIFY_JOBS; i++)
		if (s->jobs[i].id) {
			polled[OF_JOBS + 2 * i].fd = s->jobs[i].pidfd;
			polled[OF_JOBS + 2 * i + 1].fd = s->jobs[i].out;
		}
}

/* Returns false when the session, or the connection, has ended. */
static bool serve_once(struct notifier *s)
{
	struct pollfd polled[POLLED];

	gather(s, polled);
	if (poll(polled, POLLED, patience(s)) < 0)
		return errno == EINTR;
	for (size_t i = 0; i < BOUND_NOTIFY_JOBS; i++) {
		if (polled[OF_JOBS + 2 * i].revents)
			take_answer(s, &s->jobs[i]);
		else if (polled[OF_JOBS + 2 * i + 1].revents)
			read_job(&s->jobs[i]);
	}
	if (polled[OF_COMPLAINTS].revents)
		client_complain(&s->client);
	if (polled[OF_CLIENT].revents && !take_lines(s))
		return false;
	expire(s);
	begin_jobs(s);
	return !polled[OF_LAUNCHER].revents;
}

static void end_jobs(struct notifier *s)
{
	for (size_t i = 0; i < BOUND_NOTIFY_JOBS; i++)
		if (s->jobs[i].id)
			end_job(&s->jobs[i]);
	s->questions.count = 0;
}

static bool launcher_ended(const struct notifier *s, int wait)
{
	struct pollfd end = {.fd = s->r->pidfd, .events = POLLIN};

	return poll(&end, 1, wait) > 0;
}

/* Returns whether the sandbox was there. */
static bool serve(struct notifier *s, const char *id)
{
	const bool begun = client_start(&s->client, s->r->engine, id, "--notify") == 0;

	s->greeted = false;
	while (begun && serve_once(s))
		;
	end_jobs(s);
	client_end(&s->client);
	return s->greeted;
}

static void run(struct notifier *s)
{
	int wait = SEARCH;
	struct ask a;

	while (!s->deaf && !launcher_ended(s, 0)) {
		if (reaper_find(s->r, &a) && serve(s, a.line))
			wait = SEARCH;
		if (launcher_ended(s, wait))
			break;
		wait = wait < MOST / 2 ? 2 * wait : MOST;
	}
}

/* Among what the launcher has open may be a file with secrets (variables.h), which the commands
 * must not get. */
static void close_others(int kept)
{
	for (int fd = STDERR_FILENO + 1; fd < BOUND_DESCRIPTORS; fd++)
		if (fd != kept)
			close(fd);
}

int notify_start(void *state, const struct reaper *r, struct error *t)
{
	const struct notify *n = state;
	pid_t child = !n->program || r->pidfd < 0 ? 1 : fork();

	if (child == 0) {
		static struct notifier s;

		s = (struct notifier){.n = n, .r = r};
		notify_environment(environ, &s.environment);
		reaper_close_inherited();
		close_others(r->pidfd);
		signal(SIGPIPE, SIG_IGN);
		run(&s);
		_exit(0);
	}
	return child < 0 ? refuse_errno(t, "start a process", "fork") : 0;
}
