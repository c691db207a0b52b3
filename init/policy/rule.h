/*
 * One rule, read and written. Private to the policy; others use policy.h.
 */
#ifndef INIT_POLICY_RULE_H
#define INIT_POLICY_RULE_H

#include "policy.h"

/*
 * Reads exactly the len bytes at text as one rule of the given effect. Sets every field of
 * *out but origin and reason. "@preset" is read too: out->preset is its name then, name is
 * empty, and the suffixes stand in private and ech; the caller expands it. Returns 0, or -1
 * with position and reason of *e filled.
 */
int rule_read(const char *text, size_t len, enum rule_effect effect, struct rule *out,
	struct rule_error *e);

/* Orders rules by kind, then name or network, then effect (deny first), then the rest, so that
 * two rules compare equal only when they are the same. */
int rule_compare(const void *a, const void *b);

/* Is it a rule for a network that this address is in, as it is written or as it is judged? */
bool rule_has_address(const struct rule *r, const struct address *a);

/* Adds a port, keeping the list ascending and without doubles. A full list keeps the lowest
 * and loses the highest; returns false then. */
bool rule_ports_add(struct port_list *list, uint16_t port);
bool rule_ports_have(const struct port_list *list, uint16_t port);

#endif
