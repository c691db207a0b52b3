/*
 * Files of the project that programs on the user's machine execute or take instructions from
 * without being asked: git's hooks and settings, editor tasks, .envrc, the host's own Codex
 * settings. The payload can write anywhere in the project, so changes to these are reported
 * at the end.
 */
#ifndef INIT_HOME_HOST_EXEC_H
#define INIT_HOME_HOST_EXEC_H

#include <stdio.h>
#include <sys/types.h>

#include "../lib/say.h"

struct host_exec; /* their state before init script and payload ran */

/*
 * Scans workdir (host_exec_walk.h has the rules and limits) in a child with the payload's
 * rights, because root in the container can't read a directory of mode 0700. A file is
 * identified by type, mode, size, times and inode; an unprivileged program can't set the time
 * of change. No contents are read except a repository's config. git is the project's git
 * directory if that is outside workdir, or NULL; it is scanned as well. Returns 0 with *out, to
 * be freed by the caller, or -1 with *f filled. guarded is a git directory whose config is
 * left out here, because git_guard.h reports on it, or NULL. The strings must outlive *out.
 */
int host_exec_begin(struct host_exec **out, const char *workdir, const char *git,
	const char *guarded, uid_t uid, gid_t gid, struct failure *f);

/*
 * Scans again and prints to `to` what is new, changed or removed, or nothing if there are no
 * changes. Says so if a scan was incomplete. Returns 0, or -1 with *f filled and nothing
 * printed.
 */
int host_exec_report(const struct host_exec *o, FILE *to, struct failure *f);

/* What the report calls the directory, instead of "the project"; must live as long as *o. */
void host_exec_name(struct host_exec *o, const char *name);

void host_exec_free(struct host_exec *o);

/* Writes a path for printing: a backslash, and what isn't printable ASCII, becomes \ooo, as
 * in git. Truncated if out is full. Pure. */
void host_exec_quote(const char *path, char *out, size_t size);

#endif
