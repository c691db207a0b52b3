/*
 * What must exist before the engine runs: WORK_DIR/.codex/.environment, and in the home the
 * places on which something is mounted (an engine would create them as root's). The only part
 * of codex-sandbox that changes anything; it follows no symbolic link.
 */
#ifndef STUB_PREPARE_H
#define STUB_PREPARE_H

#include "plan.h"

/*
 * Opens a directory beneath fd; one name alone is created with this mode and owner when it is
 * missing. mode counts whatever the umask. Returns a descriptor, or -1 with errno set.
 */
int prepare_directory(int fd, const char *name, mode_t mode, uid_t uid, gid_t gid);

/* Returns 0, or -1 with *t filled (STATUS_NO_SANDBOX). */
int prepare_home(struct plan *p, struct error *t);

#endif
