/*
 * What a wall_config compiles to: libnftnl's objects for the table, its sets with their
 * elements, its chains and its rules. Pure. wall.c sends them, verify.c compares them with what
 * the kernel gives back. Private to this room.
 *
 * The rules are the same for every policy but for a handful of switches; what differs from
 * policy to policy is in the sets. So the rules can be read, and tested, once.
 */
#ifndef INIT_NFT_RULESET_H
#define INIT_NFT_RULESET_H

#include <libnftnl/chain.h>
#include <libnftnl/rule.h>
#include <libnftnl/set.h>
#include <libnftnl/table.h>
#include <stdbool.h>
#include <stddef.h>

#include "wall.h"

#define TABLE_NAME "codex_init"

/*
 * The sets, one of each for IPv4 and IPv6. `fixed` ones are filled with the table, and but
 * for the denied networks the kernel lets nobody change them afterwards (NFT_SET_CONSTANT).
 */
enum set_kind {
	SET_UPSTREAMS,      /* addr . port: where the resolver asks; fixed */
	SET_GATEWAYS,       /* addr; fixed */
	SET_SPECIAL,        /* addr, intervals: address_ranges[] that no rule opens; fixed */
	SET_PRIVATE_RANGES, /* addr, intervals: the private ones, which +private opens; fixed */
	SET_DENIED,         /* addr, intervals: deny rules without ports; fixed */
	SET_DENIED_PORTS,   /* addr . port, intervals: deny rules with ports; fixed */
	SET_REVOKED,        /* addr . port: of names denied after the start */
	SET_NETS,           /* addr . port, intervals: allow rules for networks; fixed */
	SET_PRIVATE_NETS,   /* the same, those with +private; fixed */
	SET_PINS,           /* addr . port with a timeout */
	SET_PRIVATE,        /* the same, pins of +private rules */
	SET_PROXIES,        /* the same, pins of the proxy */
	SET_REFUSED,        /* addr . protocol . port: what was refused, counted */
	SET_KINDS,
};
#define SETS (2 * SET_KINDS)

/* Pins at one time. Each takes about 120 bytes of kernel memory. */
#define PINS_MAX 65536
/* Distinct refused destinations that are kept: more than the summary shows, so that a scan
 * does not hide the rest at once, and no more, so that it can't eat the kernel's memory. */
#define REFUSED_MAX 1024

struct ruleset_set {
	struct nftnl_set *set; /* with its elements */
	bool fixed;
};

/* Bounds of the constant rule list; ruleset.c fails rather than write past them. */
#define CHAINS_MAX 32
#define RULES_MAX  256

struct ruleset {
	struct nftnl_table *table;
	struct ruleset_set sets[SETS]; /* index: 2 * kind, + 1 for IPv6 */
	struct nftnl_chain *chains[CHAINS_MAX];
	size_t chains_count;
	struct nftnl_rule *rules[RULES_MAX]; /* chain by chain, in order */
	size_t rules_count;
	bool failed; /* out of memory */
};

/* Compiles; 0, or -1 when memory ran out. *out is to be freed in either case. */
int ruleset_compile(struct ruleset *out, const struct wall_config *c);
void ruleset_free(struct ruleset *r);

/* The name of a set ("pins4"); family 4 or 6. */
const char *ruleset_set_name(enum set_kind kind, unsigned family);

/* sets.c: fills out->sets. */
void sets_compile(struct ruleset *out, const struct wall_config *c);
/* Makes all sets, and fills those of the rules that deny. */
void sets_denied(struct ruleset *out, const struct policy *p);
/* Adds one element to SET_REVOKED. */
void sets_revoke(struct ruleset *out, const struct endpoint *e);
/*
 * Writes an `addr . port` or `addr . protocol . port` key as the kernel has it, each field
 * padded to four bytes; returns its length. protocol < 0: the key has none.
 */
#define KEY_MAX 24
uint32_t sets_key(uint8_t out[KEY_MAX], const struct address *a, int protocol, uint16_t port);

#endif
