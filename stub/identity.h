/*
 * The user's name and address according to git on this machine: user.name and user.email of
 * its configuration outside the project, which the container doesn't see. Nothing else is
 * taken from it.
 */
#ifndef STUB_IDENTITY_H
#define STUB_IDENTITY_H

#include "plan.h"

/*
 * Reads what git reads, in its order: /etc/gitconfig, ~/.config/git/config, ~/.gitconfig, or
 * what GIT_CONFIG_SYSTEM, GIT_CONFIG_GLOBAL and GIT_CONFIG_NOSYSTEM say, with include.path;
 * at most BOUND_GIT_FILES regular files of BOUND_GIT_BYTES each. Passes what it found to
 * codex-init. A file that can't be read, or isn't valid, is ignored.
 */
void identity_take(struct plan *p);

#endif
