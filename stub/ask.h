/*
 * Queries to the engine through its own client. A client takes longer to start than to
 * answer, so independent queries run in parallel.
 */
#ifndef STUB_ASK_H
#define STUB_ASK_H

#include <stdbool.h>
#include <stddef.h>
#include <sys/types.h>

#include "arena.h"
#include "bounds.h"

struct ask {
	pid_t child; /* below 0: it couldn't be started */
	int fd;
	char line[BOUND_COMPLAINT]; /* the first line of the answer, after ask_end() */
};

/* Starts the program with these arguments and an empty stdin. The answer is its stdout or,
 * if complaint is set, its stderr. */
void ask_begin(struct ask *a, const char *program, const char *const *argv, bool complaint);

/* Waits for it to exit and fills a->line. Returns its exit status, or -1 if it couldn't be
 * run or was killed. Required after each ask_begin(). */
int ask_end(struct ask *a);

/* Both in one call. */
int ask(struct ask *a, const char *program, const char *const *argv, bool complaint);

/* The whole answer (stdout), up to BOUND_ANSWERS bytes. *status becomes what ask_end() returns.
 */
char *ask_all(struct arena *p, const char *program, const char *const *argv, int *status);

#endif
