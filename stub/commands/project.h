/* A project whose sessions are over or under way: what was kept of them on this machine. */
#ifndef STUB_COMMANDS_PROJECT_H
#define STUB_COMMANDS_PROJECT_H

#include "../plan.h"
#include "commands.h"

/* Fills *p with the place of the workdir (NULL: --work_dir, else the current directory), and of
 * its events (state_find()). Returns 0, or -1 with *t filled. Call plan_free() in both cases.
 */
int project_find(struct plan *p, struct call *call, const char *workdir, struct error *t);

#endif
