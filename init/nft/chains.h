/*
 * Building blocks for chains and rules. Private to this folder.
 *
 *	chains.c	chains, rules, the two kinds of rule that recur
 *	sources.c	rules about source addresses
 *	gate_rules.c	the chains that exist only with a gate
 *	ruleset.c	everything else
 */
#ifndef INIT_NFT_CHAINS_H
#define INIT_NFT_CHAINS_H

#include "ruleset.h"
#include "statement.h"

/* Before the engine's own NAT of 127.0.0.11, at NF_IP_PRI_NAT_DST, -100. */
#define PRIORITY_REDIRECT (-105)

/* Add a regular chain, and a base chain. */
void chains_add(struct ruleset *r, const char *name);
void chains_add_base(struct ruleset *r, const char *name, const char *type, uint32_t hook,
	int32_t priority, uint32_t policy);

/* Appends an empty rule to a chain. family is the one its address statements apply to. */
struct statement chains_rule(struct ruleset *r, const char *chain, uint8_t family);

/* The set of that kind for the rule's family. */
const char *chains_set(enum set_kind kind, const struct statement *s);

/* `chain: daddr @set goto TO`, for any port and protocol. */
void chains_to_set(struct ruleset *r, const char *chain, uint8_t family, enum set_kind kind,
	const char *to);
/* `chain: daddr . dport @set goto|...` */
void chains_to_port_set(struct ruleset *r, const char *chain, uint8_t family, uint8_t protocol,
	enum set_kind kind, const char *to);

/* The rules that decide by destination. Without pins if only the gate may use them. */
void chains_destinations(struct ruleset *r, const char *chain, uint8_t family, bool pins);

/* sources.c: adds the chains; adds the rules in `output` that jump to them; fills them, in
 * the same order. */
void sources_chains(struct ruleset *r);
void sources_output(struct ruleset *r, const struct wall_config *c);
void sources_rules(struct ruleset *r, const struct wall_config *c);

/* gate_rules.c: adds the chains; fills them, in the same order; and adds the rules for the
 * gate's ports to an egress chain. */
void gate_rules_base_chains(struct ruleset *r, const struct wall_config *c);
void gate_rules_chains(struct ruleset *r);
void gate_rules_fill(struct ruleset *r, const struct wall_config *c);
void gate_rules_base_rules(struct ruleset *r, const struct wall_config *c);
void gate_rules_output(struct ruleset *r, const struct wall_config *c);
void gate_rules_egress(
	struct ruleset *r, const struct wall_config *c, const char *chain, uint8_t family);

#endif
