/*
 * The user's state directory, in which the launcher keeps what is for people on this machine
 *and not for the sandbox (XDG Base Directory Specification):
 *
 *	$XDG_STATE_HOME/codex-sandbox, else ~/.local/state/codex-sandbox
 *
 * Directories in it have mode 0700. Nothing below the home directory (or XDG_STATE_HOME) is
 * followed or used that is a link or another user's, and nothing that the sandbox could reach.
 */
#ifndef STUB_STATE_H
#define STUB_STATE_H

#include "plan.h"

/* Finds where it is, which may be nowhere yet; fills p->state. Returns NULL, or the reason why
 * it can't be used: for example, because it lies where the plan's mounts so far let the sandbox
 * write. Creates nothing. */
const char *state_find(struct plan *p);

/* The same for a directory in it, "reports": whether it could be made and written to. All
 * mounts that the sandbox may write must be known. */
const char *state_check(struct plan *p, const char *below);

/* Its absolute path. */
const char *state_path(struct plan *p, const char *below);

/* Opens it, creating what is missing. Returns a descriptor, or -1 with errno set. */
int state_open(struct plan *p, const char *below);

/* Gives a new file to the home's owner, if we are root. Returns 0, or -1 with errno set. */
int state_give(const struct plan *p, int fd);

#endif
