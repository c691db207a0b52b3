/*
 * What rules and chains are built with, and the gate's own chains. Private to this room.
 *
 *	chains.c	a chain, a rule, the two kinds of rule that occur again and again
 *	sources.c	those about where a packet says that it is from
 *	gate_rules.c	the chains that exist where there is a gate
 *	ruleset.c	all others
 */
#ifndef INIT_NFT_CHAINS_H
#define INIT_NFT_CHAINS_H

#include "ruleset.h"
#include "statement.h"

/* Before the engine's own NAT of 127.0.0.11, which sits at NF_IP_PRI_NAT_DST, -100. */
#define PRIORITY_REDIRECT (-105)

/* A chain that others go to, and one that the kernel calls at a hook. */
void chains_add(struct ruleset *r, const char *name);
void chains_add_base(struct ruleset *r, const char *name, const char *type, uint32_t hook,
	int32_t priority, uint32_t policy);

/* A new, empty rule at the end of a chain; family is what its address words look at. */
struct statement chains_rule(struct ruleset *r, const char *chain, uint8_t family);

/* The set of that kind for the rule's family. */
const char *chains_set(enum set_kind kind, const struct statement *s);

/* `chain: @set goto|...`: destinations of a set, on whatever port and protocol. */
void chains_to_set(struct ruleset *r, const char *chain, uint8_t family, enum set_kind kind,
	const char *to);
/* `chain: daddr . dport @set goto|...` */
void chains_to_port_set(struct ruleset *r, const char *chain, uint8_t family, uint8_t protocol,
	enum set_kind kind, const char *to);

/* Where a packet goes decides about it. The pins are left out where they are the
 * gate's. */
void chains_destinations(struct ruleset *r, const char *chain, uint8_t family, bool pins);

/* sources.c: adds the chains; the rules that lead to them, at their place in `output`; fills
 * them, in the same order. */
void sources_chains(struct ruleset *r);
void sources_output(struct ruleset *r, const struct wall_config *c);
void sources_rules(struct ruleset *r, const struct wall_config *c);

/* gate_rules.c: adds the chains; fills them, in the same order; and the rules for the gate's
 * ports in a chain for what leaves. */
void gate_rules_base_chains(struct ruleset *r, const struct wall_config *c);
void gate_rules_chains(struct ruleset *r);
void gate_rules_fill(struct ruleset *r, const struct wall_config *c);
void gate_rules_base_rules(struct ruleset *r, const struct wall_config *c);
void gate_rules_output(struct ruleset *r, const struct wall_config *c);
void gate_rules_egress(
	struct ruleset *r, const struct wall_config *c, const char *chain, uint8_t family);

#endif
