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

/* In the order of the arguments; the first is the channel. */
enum { CHANNEL, WEB, CREDENTIAL, LEAF, DESCRIPTORS };

struct start {
	const struct broker_given *given;
	int fd[DESCRIPTORS];
};

/* Nobody but root can replace this path, or what is above it. */
static bool only_roots(const char *path)
{
	static char part[PATH_MAX];
	struct stat st;

	snprintf(part, sizeof(part), "%s", path);
	do {
		if (lstat(part, &st) < 0 || st.st_uid != 0 ||
			(!S_ISLNK(st.st_mode) && (st.st_mode & (S_IWGRP | S_IWOTH))))
			return false;
		*strrchr(part, '/') = '\0';
	} while (part[0]);
	return true;
}

bool broker_lives_program(const char *path)
{
	static char real[PATH_MAX];
	struct stat st;

	return only_roots(path) && realpath(path, real) && only_roots(real) &&
	       stat(real, &st) == 0 && (st.st_mode & (S_IFMT | S_IXOTH)) == (S_IFREG | S_IXOTH);
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

		/* Who is gone has closed the channel; its pid may be another's by now. */
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
