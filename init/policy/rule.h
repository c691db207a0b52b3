/*
 * Parsing and printing of one rule. Private to the policy; others use policy.h.
 */
#ifndef INIT_POLICY_RULE_H
#define INIT_POLICY_RULE_H

#include "policy.h"

/*
 * Parses exactly len bytes of text as a rule of the given effect. Sets every field of *out
 * but origin and reason. For "@preset", out->preset is the name, out->name is empty, and
 * private and ech are the suffixes; the caller expands it. Returns 0, or -1 with e->position
 * and e->reason filled.
 */
int rule_read(const char *text, size_t len, enum rule_effect effect, struct rule *out,
	struct rule_error *e);

/* Orders rules by kind, then name or network, then effect (deny first), then the rest. Two
 * rules compare equal only if they are identical. */
int rule_compare(const void *a, const void *b);

/* True if this is a network rule that contains the address, literally or as address_judged()
 * maps it. */
bool rule_has_address(const struct rule *r, const struct address *a);

/* Adds a port, keeping the list sorted and free of duplicates. A full list drops its highest
 * port and the function returns false. */
bool rule_ports_add(struct port_list *list, uint16_t port);
bool rule_ports_have(const struct port_list *list, uint16_t port);

#endif
