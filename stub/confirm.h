/* The question that comes before a writable directory outside the workdir is handed over, or
 * something that holds secrets is shown. */
#ifndef STUB_CONFIRM_H
#define STUB_CONFIRM_H

#include <stdbool.h>

#include "note.h"
#include "plan.h"

/* Asks for each, unless yes was said beforehand. Returns 0, or -1 with *t filled: the answer
 * was no, or there is nobody to ask (stdin or stderr is no terminal). */
int confirm_questions(const struct plan *p, bool yes, struct trouble *t);

#endif
