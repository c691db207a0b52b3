/*
 * Hostile ground: the workdir, where an earlier Codex, or one at work right now, may have put
 * anything, and may change it while we look. What is handed over from there is opened without
 * following any link, judged as it was opened, and stamped: by device and inode, codex-init
 * tells later whether the engine mounted the same (init/home/mountcheck.h).
 */
#ifndef STUB_WORKDIR_H
#define STUB_WORKDIR_H

#include <stdbool.h>
#include <sys/stat.h>

#include "plan.h"

/* open(2) for a path that is resolved already: where a symbolic link has been put on its way
 * meanwhile, that is an error (ELOOP). Returns a descriptor, or -1 with errno set. */
int workdir_open(const struct plan *p, const char *real, int flags);

/*
 * Stamps every mount whose source lies in the workdir or whose place lies in Codex's home, and
 * refuses what is neither file nor directory, what has been replaced since an earlier call, and
 * files to be carried in that aren't plainly the project's own: with more than one name, of a
 * stranger's, or (where PID 1 copies them, as root) too big or closed to Codex's user. With all
 * unset, the home and its parent may be missing still. Returns 0, or -1 with *t filled.
 */
int workdir_settle(struct plan *p, bool all, struct error *t);

/* What was opened at path and is to be read for the container: where it lies in the workdir it
 * must be the project's own, as files that are carried in must. Returns 0, or -1 with *t
 * filled. */
int workdir_judge(
	const struct plan *p, const char *path, const struct stat *st, struct error *t);

/* The stamps as codex-init reads them, with the kernel on which they hold; "" where numbers of
 * files mean nothing (WSL's view of Windows' drives); NULL with *t filled where they are too
 * many. */
const char *workdir_list(struct plan *p, struct error *t);

/* Is the open directory empty? false also where it can't be read. */
bool workdir_is_empty(int fd);

#endif
