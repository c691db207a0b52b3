/*
 * Which parts of a git repository are mounted, and how: its git directory if that is outside
 * the workdir, so that git works inside, and on top of it, read-only, the files that git on
 * the host takes instructions from.
 */
#ifndef STUB_GIT_H
#define STUB_GIT_H

#include "plan.h"

/*
 * Finds the repository (repository.h) and adds its mounts; without protect, only those that
 * git needs. If it can't be mounted, a warning says so, which isn't an error. Adds a
 * question about the rest of a repository around the workdir. Returns 0, or -1 with *t
 * filled.
 */
int git_add(struct plan *p, bool protect, struct error *t);

/* The user doesn't want the rest of the repository to be mounted: warns that git won't work. */
void git_decline(struct plan *p);

#endif
