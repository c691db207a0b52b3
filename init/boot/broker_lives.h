/*
 * codex-broker's processes. PID 1 executes nothing once the payload runs, so the boot starts as
 * many as the session may need: one serves, the others wait, and the next one takes over where
 * that ends. They have the listening socket and the credential, which PID 1 then gives up.
 */
#ifndef INIT_BOOT_BROKER_LIVES_H
#define INIT_BOOT_BROKER_LIVES_H

#include <stdbool.h>
#include <sys/types.h>

#include "../lib/say.h"

#define BROKER_PROGRAM "/usr/lib/codex-sandbox/codex-broker"
/* What waits takes 100 KB. Nothing but the end of memory, or root, kills one that works. */
#define BROKER_LIVES 4

struct broker_lives {
	struct broker_life {
		pid_t pid;
		int channel;
	} life[BROKER_LIVES];
	unsigned next;
};

/* True if the program is there, and only root can replace it: each directory and link on the
 * way is root's, those that a link leads through as well, and nobody else can write there. */
bool broker_lives_program(const char *path);

/* What they are started with: init/broker/main.c. */
struct broker_given {
	const char *token, *account; /* account NULL: it is an API key */
	const char *gate, *roots;
	int web;
};

/* Starts them. Returns 0, or -1 with *f filled. */
int broker_lives_begin(struct broker_lives *l, const struct broker_given *g, struct failure *f);

/* Has the next one serve, and gives it the file for the session's authority; bundle -1: that is
 * made, or there is to be none. Returns its pid, *channel being PID 1's end, or -1 with *f
 * filled if none is left. */
pid_t broker_lives_next(struct broker_lives *l, int bundle, int *channel, struct failure *f);

/* Ends those that wait, as at the end of the session: they block TERM, like all workers. */
void broker_lives_end(struct broker_lives *l);

#endif
