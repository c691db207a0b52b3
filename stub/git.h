/*
 * What of a git repository is mounted, and how: its git directory where it isn't in the
 * workdir, so that git works inside, and over it, read-only, what the host's git obeys.
 */
#ifndef STUB_GIT_H
#define STUB_GIT_H

#include "plan.h"

/*
 * Finds the repository (repository.h) and adds its mounts; without protect, only those that git
 * needs. One that can't be had is told in a line, and is no error; for the rest of a repository
 * around the workdir the user is asked. Returns 0, or -1 with *t filled.
 */
int git_add(struct plan *p, bool protect, struct error *t);

/* The user doesn't want the rest of the repository to be seen: git won't work, which is told.
 */
void git_decline(struct plan *p);

#endif
