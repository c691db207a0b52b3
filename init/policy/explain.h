/*
 * "May this be reached, by which rule, and what would permit it?", answered in words.
 *
 * Nothing is decided here: each answer is the policy's own, the one that the resolver, the gate
 * and PID 1 go by.
 */
#ifndef INIT_POLICY_EXPLAIN_H
#define INIT_POLICY_EXPLAIN_H

#include <stdio.h>

#include "policy.h"
#include "target.h"

/*
 * Writes a few lines about the target to `to`; they end in a newline and hold printable ASCII
 * alone. The policy is compiled. Returns true where the rules allow the target (without a
 * port: on any port). In audit mode what they refuse is let through, which the text says.
 * At most EXPLAIN_TEXT bytes.
 */
bool explain(const struct policy *p, const struct target *t, enum egress egress, FILE *to);

#define EXPLAIN_TEXT 4096

#endif
