/*
 * Questions to the engine, by its own client. Each is a program that takes longer to start than
 * to answer, so those that don't wait for one another run side by side.
 */
#ifndef STUB_ASK_H
#define STUB_ASK_H

#include <stdbool.h>
#include <stddef.h>
#include <sys/types.h>

#include "bounds.h"

struct ask {
	pid_t child; /* below 0: it couldn't be started */
	int fd;
	char line[BOUND_COMPLAINT]; /* the first line of the answer, once it has ended */
};

/* Starts the program with these arguments and nothing on its stdin. The answer is what it says
 * on stdout or, with complaint set, on stderr. */
void ask_begin(struct ask *a, const char *program, const char *const *argv, bool complaint);

/* Waits for its end and fills a->line. Returns its exit status, or -1 where it couldn't be run
 * or was killed. Each ask_begin() needs one. */
int ask_end(struct ask *a);

/* Both at once. */
int ask(struct ask *a, const char *program, const char *const *argv, bool complaint);

#endif
