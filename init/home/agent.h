/*
 * The agent's instructions about the sandbox: that it runs in one, which hosts are allowed,
 * that refusals are policy, and how the user can allow more. The text is ours, the hosts are
 * from the policy; it contains nothing else.
 *
 * It goes into the image's requirements.toml as additional_developer_instructions, the one
 * text that reaches the model besides the user's own developer_instructions. If an
 * organisation's file is there instead, it becomes the default of the latter, in the image's
 * config.toml.
 */
#ifndef INIT_HOME_AGENT_H
#define INIT_HOME_AGENT_H

#include <stdbool.h>
#include <stdio.h>

#include "../lib/say.h"
#include "../policy/policy.h"

/* Writes the text, for a compiled policy. audit: nothing is refused. */
void agent_describe(const struct policy *p, bool audit, FILE *to);

/*
 * Appends it to the first of dir's two files that is the image's own, replacing an earlier
 * one. If neither is, does nothing. Returns 0, or -1 with *f filled.
 */
int agent_write(const char *dir, const struct policy *p, bool audit, struct failure *f);

#endif
