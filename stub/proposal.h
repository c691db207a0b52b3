/*
 * What a project proposes: rules in its .codex/egress.rules, one a line. The project is as
 * trustworthy as whoever wrote it, an earlier Codex too; so the rules are shown, and used after
 * a yes, which is kept on the host by the SHA-256 of the file (--agree): a file that changes
 * asks again.
 */
#ifndef STUB_PROPOSAL_H
#define STUB_PROPOSAL_H

#include "cli.h"
#include "plan.h"

#define PROPOSAL_PLACE ".codex/egress.rules"

/* Reads it. What is agreed to becomes part of the request; otherwise p->proposal is set. One
 * that can't be used whole (a link, a second name, too large, a line that is no rule) is left
 * out with a warning. The plan's workdir must be set. */
void proposal_take(struct plan *p, const struct cli *c);

/* Makes what is proposed part of the request. */
void proposal_use(struct plan *p);

/* Asks about p->proposal, if it is set: without a terminal, or for --dry-run, one line says how
 * to agree; -y is no answer. Changes the request, and the project's file. */
void proposal_ask(struct plan *p, const struct cli *c);

#endif
