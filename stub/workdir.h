/*
 * The workdir is untrusted: an earlier Codex, or one that is running right now, may have put
 * anything there, and may change it during our checks. What is used from it is opened
 * without following links, checked through the descriptor, and recorded by device and inode,
 * by which codex-init later verifies that the engine has mounted the same
 * (init/home/mountcheck.h).
 */
#ifndef STUB_WORKDIR_H
#define STUB_WORKDIR_H

#include <stdbool.h>
#include <sys/stat.h>

#include "plan.h"

/* open(2) for a path that was resolved earlier: fails with ELOOP if it contains a symbolic
 * link by now. Returns a descriptor, or -1 with errno set. */
int workdir_open(const struct plan *p, const char *real, int flags);

/*
 * Records device and inode of every mount whose source is in the workdir or whose target is
 * in Codex's home. Fails for what is neither file nor directory, what has been replaced
 * since an earlier call, and files to be copied that aren't plainly the project's own: with
 * several links, somebody else's, or (if PID 1 copies them, as root) too big or unreadable
 * for Codex's user. If all is unset, the home and its parent may still be missing. Returns
 * 0, or -1 with *t filled.
 */
int workdir_settle(struct plan *p, bool all, struct error *t);

/* Checks what was opened at path, to be read for the container: if it is in the workdir it
 * must be the project's own, like files that are copied. Returns 0, or -1 with *t filled. */
int workdir_judge(
	const struct plan *p, const char *path, const struct stat *st, struct error *t);

/*
 * The devices and inodes in codex-init's format, with the kernel that they apply to; ""
 * where inode numbers aren't reliable (Windows drives in WSL); NULL with *t filled if there
 * are too many.
 */
const char *workdir_list(struct plan *p, struct error *t);

/* True if the open directory is empty. False also if it can't be read. */
bool workdir_is_empty(int fd);

#endif
