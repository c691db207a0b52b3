/*
 * Files that Codex must not change because Codex on the host takes instructions from them:
 * the project's .codex, except for the home in it. Codex's own protection of it is off in
 * the sandbox, so a read-only mount over the writable workdir takes its place. git.h does
 * the same for a repository.
 */
#ifndef STUB_PROTECT_H
#define STUB_PROTECT_H

#include "plan.h"

/* Adds the mounts for what exists; if the workdir is read-only, only the home's. Returns 0,
 * or -1 with *t filled. */
int protect_add(struct plan *p, struct error *t);

/* mounts_add(), but a read-only mount that the user has asked for takes precedence. */
int protect_mount(
	struct plan *p, const char *source, const char *target, bool writable, struct error *t);

#endif
