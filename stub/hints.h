/* Messages that help and change nothing: a key or a proxy that is set here but not in the
 * container, and how to resume a session. (codex-init has those about logging in.) */
#ifndef STUB_HINTS_H
#define STUB_HINTS_H

#include "cli.h"
#include "plan.h"

/* Prints hints about the complete plan to stderr; usually none. */
void hints_print(struct plan *p, const struct cli *c);

/* The launcher's command line without Codex's arguments, quoted for a shell: the beginning of a
 * command that resumes a session, or logs in. NULL: no session or login at a terminal, or it is
 * too long to be pasted. */
const char *hints_launcher(struct plan *p, const struct cli *c);

/* What a command about this sandbox begins with, from whatever directory it is typed: our name,
 * and the options that say which sandbox is meant, quoted for a shell. The plan's workdir (and
 * home, with --codex-home) must be set. */
const char *hints_here(struct plan *p, const struct cli *c);

/* NULL for a line that a terminal doesn't show as it is, or that is too long to be pasted. */
const char *hints_pasted(const char *line);

#endif
