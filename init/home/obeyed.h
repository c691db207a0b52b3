/*
 * Files of the project that programs on the user's own machine run or obey without being asked:
 * git's hooks and settings, an editor's tasks, .envrc, the host's own Codex settings. The
 * payload may write anywhere in the project, so what of these has changed is told at the end.
 */
#ifndef INIT_HOME_OBEYED_H
#define INIT_HOME_OBEYED_H

#include <stdio.h>
#include <sys/types.h>

#include "../lib/say.h"

struct obeyed; /* what there was before hook and payload ran */

/*
 * Looks through workdir (see obeyed_walk.h for what counts and where it ends) in a child with
 * the payload's rights: root in the container can't read a directory of mode 0700. A file is
 * known by its kind, mode, size, times and inode, of which a program without privilege can't
 * set the time of change; of contents, only a repository's config is read. Returns 0 with *out,
 * to be freed by the caller, or -1. workdir must live as long as *out.
 */
int obeyed_begin(
	struct obeyed **out, const char *workdir, uid_t uid, gid_t gid, struct failure *f);

/* Looks again, likewise, and prints to `to` what is new, changed or gone; nothing where nothing
 * is. Where either look had to end early it says so. Returns 0, or -1 with nothing printed. */
int obeyed_report(const struct obeyed *o, FILE *to, struct failure *f);

void obeyed_free(struct obeyed *o);

/* A path as it may be printed: what isn't printable ASCII, and the backslash, as \ooo, the way
 * git does it. Cut where out is full. Pure. */
void obeyed_quote(const char *path, char *out, size_t size);

#endif
