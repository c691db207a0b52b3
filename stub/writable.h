/* --mount: further directories that the container may write, beside the workdir. */
#ifndef STUB_WRITABLE_H
#define STUB_WRITABLE_H

#include "cli.h"
#include "plan.h"

/*
 * Adds each of them at /appDIR, writable, with a question for the user. Unless --no-protect is
 * given, what programs on the host obey in them (.codex, git's hooks and settings) is mounted
 * read-only on top, as in the workdir. codex-init is told to report changes of other such files
 * at the end. Returns 0, or -1 with *t filled.
 */
int writable_add(struct plan *p, const struct cli *c, struct error *t);

#endif
