/* What is told to help, and changes nothing: a key or a proxy that is here and not in the
 * container, and how to go on with a session. (About logging in, codex-init tells.) */
#ifndef STUB_HINTS_H
#define STUB_HINTS_H

#include "cli.h"
#include "plan.h"

/* Tells on stderr what the plan, which is complete, calls for; mostly nothing. */
void hints_tell(struct plan *p, const struct cli *c);

/* The command that goes on with the session that is about to start, for a shell; NULL: it is no
 * session at a terminal, or the command would be longer than a person pastes. */
const char *hints_again(struct plan *p, const struct cli *c);

#endif
