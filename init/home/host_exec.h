/*
 * Files of the project that programs on the user's own machine run or obey without being asked:
 * git's hooks and settings, an editor's tasks, .envrc, the host's own Codex settings. The
 * payload may write anywhere in the project, so what of these has changed is told at the end.
 */
#ifndef INIT_HOME_HOST_EXEC_H
#define INIT_HOME_HOST_EXEC_H

#include <stdio.h>
#include <sys/types.h>

#include "../lib/say.h"

struct host_exec; /* what there was before hook and payload ran */

/*
 * Looks through workdir (see host_exec_walk.h for what counts and where it ends) in a child
 * with the payload's rights: root in the container can't read a directory of mode 0700. A file
 * is known by its kind, mode, size, times and inode, of which a program without privilege can't
 * set the time of change; of contents, only a repository's config is read. Returns 0 with *out,
 * to be freed by the caller, or -1. git is the project's git directory where that lies
 * elsewhere, or NULL: it is looked through as well. Both strings must live as long as *out.
 */
int host_exec_begin(struct host_exec **out, const char *workdir, const char *git, uid_t uid,
	gid_t gid, struct failure *f);

/* Looks again, likewise, and prints to `to` what is new, changed or gone; nothing where nothing
 * is. Where either look had to end early it says so. Returns 0, or -1 with nothing printed. */
int host_exec_report(const struct host_exec *o, FILE *to, struct failure *f);

void host_exec_free(struct host_exec *o);

/* A path as it may be printed: what isn't printable ASCII, and the backslash, as \ooo, the way
 * git does it. Cut where out is full. Pure. */
void host_exec_quote(const char *path, char *out, size_t size);

#endif
