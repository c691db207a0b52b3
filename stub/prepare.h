/*
 * Creates what must exist before the engine runs: WORK_DIR/.codex/.environment, the mount
 * points in the home (an engine would create them as root), and hooks/ in a git directory that
 * has none. The only part of codex-sandbox that changes anything; it follows no symbolic links.
 */
#ifndef STUB_PREPARE_H
#define STUB_PREPARE_H

#include "plan.h"

/*
 * Opens a directory beneath fd. If it is missing and name is a single component, creates it
 * with this mode, whatever the umask, and owner. Returns a descriptor, or -1 with errno set.
 */
int prepare_directory(int fd, const char *name, mode_t mode, uid_t uid, gid_t gid);

/* All of it. Returns 0, or -1 with *t filled (STATUS_NO_SANDBOX). */
int prepare_home(struct plan *p, struct error *t);

#endif
