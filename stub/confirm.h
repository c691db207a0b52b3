/* Questions before a writable directory outside the workdir is mounted, or something that
 * contains secrets. */
#ifndef STUB_CONFIRM_H
#define STUB_CONFIRM_H

#include <stdbool.h>

#include "log.h"
#include "plan.h"

/* Adds a question. Returns 0, or -1 with *t filled if there are too many. */
int confirm_add(
	struct plan *p, const char *path, const char *what, bool writable, struct error *t);
/* The same about a writable path, if it is outside the workdir. */
int confirm_outside(struct plan *p, const char *path, const char *what, struct error *t);

/* Adds a question about a read-only mount that is useful but not required. */
int confirm_optional(struct plan *p, const char *path, const char *what, struct error *t);

/*
 * Asks all questions, unless yes is set. Returns 0, or -1 with *t filled if the answer was
 * no or nobody can be asked (stdin or stderr is no terminal). For an optional one,
 * p->declined is set instead.
 */
int confirm_questions(struct plan *p, bool yes, struct error *t);

/* Prints a question, and reads a line from stdin. True if that is a yes. */
bool confirm_yes(const char *question);

#endif
