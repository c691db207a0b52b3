/* See broker_lives.h. */
#include "broker_lives.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <unistd.h>

#include "../broker/broker_ipc.h"
#include "../lib/descriptor.h"
#include "../lib/worker.h"

#define NUMBER 12
/* Directories and links on the way to a program. */
#define STEPS 64

/* In the order of the arguments; the first is the channel. */
enum { CHANNEL, WEB, CREDENTIAL, LEAF, DESCRIPTORS };

struct start {
	const struct broker_given *given;
	int fd[DESCRIPTORS];
};

/* What is left of the way to a program, and what the last step met. */
struct way {
	char left[PATH_MAX];
	struct stat met;
};

/* Puts where the link leads to before what is left. Returns where to go on from. */
static int follow_link(int in, const char *link, struct way *w)
{
	char rest[PATH_MAX];
	ssize_t n = readlinkat(in, link, rest, sizeof(rest));

	if (n <= 0 || n + strlen(w->left) >= sizeof(rest))
		return -1;
	strcpy(rest + n, w->left);
	strcpy(w->left, rest);
	return w->left[0] == '/' ? open("/", O_PATH) : dup(in);
}

/* Takes a step from `in`, which it closes. Returns where it leads to; -1: to nothing, or
 * somebody else than root can replace it. */
static int take_step(int in, struct way *w)
{
	char *at = w->left + strspn(w->left, "/"), name[PATH_MAX];
	const size_t size = strcspn(at, "/");
	int next = -1;

	snprintf(name, sizeof(name), "%.*s", (int)size, at);
	memmove(w->left, at + size, strlen(at + size) + 1);
	if (fstatat(in, name, &w->met, AT_SYMLINK_NOFOLLOW) == 0 && w->met.st_uid == 0) {
		if (S_ISLNK(w->met.st_mode))
			next = follow_link(in, name, w);
		else if (!(w->met.st_mode & (S_IWGRP | S_IWOTH)))
			next = openat(in, name, O_PATH | O_NOFOLLOW);
	}
	close(in);
	return next;
}

bool broker_lives_program(const char *path)
{
	static struct way w;
	int at = open("/", O_PATH);

	/* The dot has the root judged as well. */
	snprintf(w.left, sizeof(w.left), "/.%s", path);
	for (int steps = 0; at >= 0 && w.left[0] && steps < STEPS; steps++)
		at = take_step(at, &w);
	close(at);
	return at >= 0 && !w.left[0] &&
	       (w.met.st_mode & (S_IFMT | S_IXOTH)) == (S_IFREG | S_IXOTH);
}

/* They are to outlive the execution, and it waits at the channel. Where one of these calls
 * fails, codex-broker ends at once. */
static void *prepare(void *context, int channel)
{
	struct start *s = context;

	s->fd[CHANNEL] = channel;
	fcntl(channel, F_SETFL, 0);
	for (int i = 0; i < DESCRIPTORS; i++)
		fcntl(s->fd[i], F_SETFD, 0);
	return s;
}

static void become_broker(void *prepared)
{
	const struct start *s = prepared;
	char name[] = "codex-broker", number[DESCRIPTORS][NUMBER];
	char *argv[DESCRIPTORS + 4] = {name}, *envp[] = {NULL};

	for (int i = 0; i < DESCRIPTORS; i++) {
		snprintf(number[i], NUMBER, "%d", s->fd[i]);
		argv[i + 1] = number[i];
	}
	argv[DESCRIPTORS + 1] = (char *)(uintptr_t)s->given->gate;
	argv[DESCRIPTORS + 2] = (char *)(uintptr_t)s->given->roots;
	execve(BROKER_PROGRAM, argv, envp);
}

/* Into a file in memory, which only they have open. */
static int put_credential(const struct broker_given *g)
{
	static struct broker_credential c;
	int fd = memfd_create("credential", MFD_CLOEXEC);
	bool done;

	strcpy(c.token, g->token); /* they are valid, so they fit */
	if (g->account)
		strcpy(c.account, g->account);
	done = fd >= 0 && write(fd, &c, sizeof(c)) == sizeof(c);
	explicit_bzero(&c, sizeof(c));
	return done ? fd : -1; /* without one the start ends */
}

int broker_lives_begin(struct broker_lives *l, const struct broker_given *g, struct failure *f)
{
	struct start s = {g, {-1, g->web, put_credential(g),
				     memfd_create("leaf", MFD_CLOEXEC | MFD_ALLOW_SEALING)}};
	struct worker_config self = {.name = "codex-broker",
		.uid = UID_BROKER,
		.filter = FILTER_PAYLOAD,
		.keep = {s.fd[WEB], s.fd[CREDENTIAL], s.fd[LEAF]},
		.keep_count = DESCRIPTORS - 1,
		.prepare = prepare,
		.serve = become_broker};
	int done = 0;

	if ((s.fd[CREDENTIAL] | s.fd[LEAF]) < 0)
		done = fail_errno(f, "keep the credential", "");
	for (int i = 0; done == 0 && i < BROKER_LIVES; i++) {
		l->life[i].pid = worker_start(&self, &s, &l->life[i].channel, f);
		done = l->life[i].pid < 0 ? -1 : 0;
	}
	close(s.fd[CREDENTIAL]);
	close(s.fd[LEAF]);
	return done;
}

pid_t broker_lives_next(struct broker_lives *l, int bundle, int *channel, struct failure *f)
{
	static const char turn[BROKER_TURN] = "";

	while (l->next < BROKER_LIVES) {
		struct broker_life *life = &l->life[l->next++];

		/* One that is gone has closed the channel; its pid may be another's by now. */
		if (descriptor_send(life->channel, turn, sizeof(turn), bundle) == 0) {
			*channel = life->channel;
			return life->pid;
		}
		close(life->channel);
	}
	return fail(f, "start the broker", "", "none of its processes is left");
}

void broker_lives_end(struct broker_lives *l)
{
	for (; l->next < BROKER_LIVES; l->next++)
		if (l->life[l->next].pid > 0)
			close(l->life[l->next].channel);
}
