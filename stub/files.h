/*
 * Codex's own files and what the user adds to them: credentials, sessions, config.toml,
 * prompts, the init script, read-only paths. Each becomes a mount of the plan.
 */
#ifndef STUB_FILES_H
#define STUB_FILES_H

#include "cli.h"
#include "plan.h"

/* The plan's workdir, user, home and variables must be set. Returns 0, or -1 with *t filled. */
int files_add(struct plan *p, const struct cli *c, struct error *t);

#endif
