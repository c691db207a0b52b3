/* Messages that help and change nothing: a key or a proxy that is set here but not in the
 * container, and how to resume a session. (codex-init has those about logging in.) */
#ifndef STUB_HINTS_H
#define STUB_HINTS_H

#include "cli.h"
#include "plan.h"

/* Prints hints about the complete plan to stderr; usually none. */
void hints_tell(struct plan *p, const struct cli *c);

/* The command that resumes the session about to start, for a shell; NULL if it is no session
 * at a terminal, or the command would be too long to paste. */
const char *hints_again(struct plan *p, const struct cli *c);

#endif
