/*
 * Creates what must exist before the engine runs: WORK_DIR/.codex/.environment, and the
 * mount points in the home (an engine would create them as root). The only part of
 * codex-sandbox that changes anything; it follows no symbolic links.
 */
#ifndef STUB_PREPARE_H
#define STUB_PREPARE_H

#include "plan.h"

/*
 * Opens a directory beneath fd. If it is missing and name is a single component, creates it
 * with this mode, whatever the umask, and owner. Returns a descriptor, or -1 with errno set.
 */
int prepare_directory(int fd, const char *name, mode_t mode, uid_t uid, gid_t gid);

/* Returns 0, or -1 with *t filled (STATUS_NO_SANDBOX). */
int prepare_home(struct plan *p, struct error *t);

#endif
