/*
 * What the agent is told of the sandbox: that it works in one, which places are allowed, that
 * refusals are the policy, and how the user can allow more. The words are ours, the places the
 * policy's; nothing else gets in.
 *
 * It stands in the image's requirements.toml as additional_developer_instructions, the one text
 * that reaches the model besides a user's own developer_instructions. Where an organisation's
 * file is in that place, it is the default of the latter, in the image's config.toml.
 */
#ifndef INIT_HOME_AGENT_H
#define INIT_HOME_AGENT_H

#include <stdbool.h>
#include <stdio.h>

#include "../lib/say.h"
#include "../policy/policy.h"

/* The text itself, for a policy that is compiled. audit: nothing is refused. */
void agent_tell(const struct policy *p, bool audit, FILE *to);

/*
 * Puts it at the end of the first of dir's two files that is the image's own, in the place of
 * an earlier one. Where neither is, nothing is done. Returns 0, or -1 with *f filled.
 */
int agent_write(const char *dir, const struct policy *p, bool audit, struct failure *f);

#endif
