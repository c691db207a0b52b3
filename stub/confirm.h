/* The question that comes before a writable directory outside the workdir is handed over, or
 * something that holds secrets is shown. */
#ifndef STUB_CONFIRM_H
#define STUB_CONFIRM_H

#include <stdbool.h>

#include "log.h"
#include "plan.h"

/* Has the user asked. Returns 0, or -1 with *t filled: too many questions. */
int confirm_add(
	struct plan *p, const char *path, const char *what, bool writable, struct error *t);
/* The same about a writable path, where it is outside the workdir. */
int confirm_outside(struct plan *p, const char *path, const char *what, struct error *t);

/* Has the user asked about something read-only that is of use, and no more. */
int confirm_optional(struct plan *p, const char *path, const char *what, struct error *t);

/* Asks for each, unless yes was said beforehand. Returns 0, or -1 with *t filled: the answer
 * was no, or there is nobody to ask (stdin or stderr is no terminal). For an optional one
 * p->declined is set instead. */
int confirm_questions(struct plan *p, bool yes, struct error *t);

#endif
