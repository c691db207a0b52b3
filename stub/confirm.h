/* The question that comes before a writable directory outside the workdir is handed over. */
#ifndef STUB_CONFIRM_H
#define STUB_CONFIRM_H

#include <stdbool.h>

#include "note.h"
#include "plan.h"

/* Asks for each directory, unless yes was said beforehand. Returns 0, or -1 with *t filled: the
 * answer was no, or there is nobody to ask (stdin or stderr is no terminal). */
int confirm_outside(const struct plan *p, bool yes, struct trouble *t);

#endif
