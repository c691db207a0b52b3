/*
 * What must exist before the engine runs: WORK_DIR/.codex/.environment, and in the home the
 * places on which something is mounted (an engine would create them as root's). The only part
 * of codex-sandbox that changes anything; it follows no symbolic link.
 */
#ifndef STUB_PREPARE_H
#define STUB_PREPARE_H

#include "plan.h"

/* Returns 0, or -1 with *t filled (STATUS_NO_SANDBOX). */
int prepare_home(struct plan *p, struct trouble *t);

#endif
