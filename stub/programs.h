/*
 * Which programs of the host may be run. The launcher runs the container engine's client
 * with the caller's rights, so nobody else must control that program: not the sandbox, which
 * can write to the workdir (a project's own .venv/bin is often the first in PATH), nor
 * another user. The check covers the whole path: each directory, each symbolic link, the
 * file.
 */
#ifndef STUB_PROGRAMS_H
#define STUB_PROGRAMS_H

#include <stdbool.h>

#include "log.h"
#include "plan.h"

/* True if the absolute path, and everything it leads through, is root's or ours, closed to
 * other users, and not where p's sandbox can write; otherwise *why is the reason. */
bool programs_ours(const struct plan *p, const char *path, char *why, size_t size);

/*
 * The first executable of that name in PATH that may be run, or NULL. One that may not is
 * skipped with a warning, and *passed_over is set: it is where the sandbox can write, it or
 * a component of its path belongs to a user who is neither root nor us, or others may write
 * to it. Relative entries of PATH are ignored.
 */
const char *programs_find(struct plan *p, const char *name, bool *passed_over);

/*
 * Applies the same rules to what the engine's client starts itself (credential helpers, ssh,
 * a runtime) and to the libraries that it loads: removes from PATH, LD_LIBRARY_PATH,
 * LD_PRELOAD and LD_AUDIT what must not be searched. Returns 0, or -1 with *t filled.
 */
int programs_clean_environment(struct plan *p, struct error *t);

/* Fails if the engine's settings or its socket are where the sandbox can write, since they
 * name programs to run. Returns 0, or -1 with *t filled. */
int programs_check_settings(struct plan *p, const char *engine, struct error *t);

#endif
