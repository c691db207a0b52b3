/*
 * What programs on the host run or obey, and Codex must therefore not write: the project's
 * .codex (but for the home in it), .git/hooks and .git/config. Codex's own protection of them
 * is off in the sandbox, so read-only mounts over the writable workdir take its place.
 */
#ifndef STUB_PROTECT_H
#define STUB_PROTECT_H

#include "plan.h"

/* Adds the mounts for what exists; in a workdir that is read-only, only the home's. Returns 0,
 * or -1 with *t filled. */
int protect_add(struct plan *p, struct error *t);

#endif
