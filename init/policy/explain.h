/*
 * "Is this reachable, by which rule, and what would permit it?", answered as text.
 *
 * Nothing is decided here: each answer comes from the policy functions that the resolver,
 * the gate and PID 1 use.
 */
#ifndef INIT_POLICY_EXPLAIN_H
#define INIT_POLICY_EXPLAIN_H

#include <stdio.h>

#include "policy.h"
#include "target.h"

/*
 * Writes a few lines about the target to `to`, newline-terminated, printable ASCII, at most
 * EXPLAIN_TEXT bytes. The policy must be compiled. Returns true if the rules allow the
 * target (without a port: on any port). In audit mode, what they refuse passes, and the text
 * says so. here: what the launcher's commands about this container begin with, or NULL
 * (policy_print_undo()).
 */
bool explain(const struct policy *p, const struct target *t, enum egress egress,
	const char *here, FILE *to);

#define EXPLAIN_TEXT 4096

#endif
