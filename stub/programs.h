/*
 * Which programs of the host's may be run. The launcher runs the container engine's client,
 * with the rights of whoever started it; so it must be nobody else's: not the sandbox's, which
 * can write to the workdir (a project's own .venv/bin is often the first in PATH), and not
 * another user's. What decides is the whole way to it: each directory, each symbolic link, the
 * file.
 */
#ifndef STUB_PROGRAMS_H
#define STUB_PROGRAMS_H

#include <stdbool.h>

#include "log.h"
#include "plan.h"

/*
 * The first executable of that name in PATH that may be run, or NULL. One that may not is
 * passed over, with a warning, and *passed_over is set: it lies where the sandbox can write, it
 * or something on the way to it belongs to a user who is neither root nor us, or others may
 * write to it. Relative entries of PATH don't count.
 */
const char *programs_find(struct plan *p, const char *name, bool *passed_over);

/* Holds what the engine's client starts by itself (helpers for credentials, ssh, a runtime) and
 * the libraries that it loads to the same: takes out of PATH, LD_LIBRARY_PATH, LD_PRELOAD and
 * LD_AUDIT what is not to be searched. Returns 0, or -1 with *t filled. */
int programs_clean_environment(struct plan *p, struct error *t);

/* Refuses an engine whose settings, or whose socket, lie where the sandbox can write: they name
 * programs to run. Returns 0, or -1 with *t filled. */
int programs_check_settings(struct plan *p, const char *engine, struct error *t);

#endif
