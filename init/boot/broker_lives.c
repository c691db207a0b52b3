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
#include "../lib/worker.h"

#define LONGEST_PATH 128
#define NUMBER       12

/* What a process is started with. */
struct given {
	int channel, web, credential;
	const char *gate, *roots;
};

/* Nobody but root can replace this path, or what is above it. */
static bool only_roots(const char *path)
{
	char part[LONGEST_PATH];
	struct stat st;

	for (const char *at = path; at; at = strchr(at + 1, '/')) {
		const char *end = strchr(at + 1, '/');
		size_t n = end ? (size_t)(end - path) : strlen(path);

		snprintf(part, sizeof(part), "%.*s", (int)n, path);
		if (n >= sizeof(part) || lstat(part, &st) < 0 || st.st_uid != 0)
			return false;
		if (!S_ISLNK(st.st_mode) && (st.st_mode & (S_IWGRP | S_IWOTH)))
			return false;
	}
	return S_ISREG(st.st_mode) || S_ISLNK(st.st_mode);
}

bool broker_lives_program(const char *path)
{
	char real[PATH_MAX];

	return only_roots(path) && realpath(path, real) && only_roots(real) &&
	       access(real, X_OK) == 0;
}

/* Still with the rights of the process that is to become it. */
static void *prepare(void *context, int channel)
{
	struct given *g = context;

	g->channel = channel;
	if (fcntl(channel, F_SETFL, 0) < 0) /* it waits there */
		return NULL;
	for (int i = 0; i < 3; i++)
		if (fcntl((const int[]){channel, g->web, g->credential}[i], F_SETFD, 0) < 0)
			return NULL;
	return g;
}

static void become_broker(void *prepared)
{
	const struct given *g = prepared;
	char name[] = "codex-broker", number[3][NUMBER];
	char *argv[] = {name, number[0], number[1], number[2], (char *)(uintptr_t)g->gate,
		(char *)(uintptr_t)g->roots, NULL};
	char *envp[] = {NULL};

	snprintf(number[0], NUMBER, "%d", g->channel);
	snprintf(number[1], NUMBER, "%d", g->web);
	snprintf(number[2], NUMBER, "%d", g->credential);
	execve(BROKER_PROGRAM, argv, envp);
}

/* A file in memory, which only they have open. */
static int put_credential(const char *credential, struct failure *f)
{
	const size_t size = strlen(credential);
	int fd = memfd_create("credential", MFD_CLOEXEC);

	if (fd >= 0 && write(fd, credential, size) == (ssize_t)size)
		return fd;
	fail_errno(f, "keep the credential", "");
	if (fd >= 0)
		close(fd);
	return -1;
}

int broker_lives_begin(struct broker_lives *l, int web, const char *credential,
	const char *gate, const char *roots, struct failure *f)
{
	struct given g = {.web = web,
		.credential = put_credential(credential, f),
		.gate = gate,
		.roots = roots};
	const struct worker_config self = {.name = "codex-broker",
		.uid = UID_BROKER,
		.filter = FILTER_PAYLOAD,
		.keep = {web, g.credential},
		.keep_count = 2,
		.prepare = prepare,
		.serve = become_broker};
	int done = g.credential < 0 ? -1 : 0;

	for (int i = 0; done == 0 && i < BROKER_LIVES; i++) {
		l->life[i].pid = worker_start(&self, &g, &l->life[i].channel, f);
		done = l->life[i].pid < 0 ? -1 : 0;
	}
	if (g.credential >= 0)
		close(g.credential);
	return done;
}

pid_t broker_lives_next(struct broker_lives *l, int *channel, struct failure *f)
{
	static const char turn[BROKER_TURN] = "";

	while (l->next < BROKER_LIVES) {
		struct broker_life *life = &l->life[l->next++];

		/* Who is gone has closed the channel; its pid may be another's by now. */
		if (send(life->channel, turn, sizeof(turn), MSG_NOSIGNAL) == sizeof(turn)) {
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
