/*
 * Who git on this machine says the user is: user.name and user.email of its configuration
 * outside the project, which the container doesn't see. Nothing else of it is taken.
 */
#ifndef STUB_IDENTITY_H
#define STUB_IDENTITY_H

#include "plan.h"

/*
 * Reads what git reads, in its order: /etc/gitconfig, ~/.config/git/config, ~/.gitconfig, or
 * what GIT_CONFIG_SYSTEM, GIT_CONFIG_GLOBAL and GIT_CONFIG_NOSYSTEM say, with include.path; at
 * most BOUND_GIT_FILES regular files of BOUND_GIT_BYTES each. Has codex-init told what there
 * is; a file that can't be read, or isn't one of git's, counts for nothing.
 */
void identity_take(struct plan *p);

#endif
