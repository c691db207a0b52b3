/*
 * The compiled form of a wall_config: libnftnl objects for the table, its sets with their
 * elements, its chains and its rules. Pure. wall.c sends them, verify.c compares them with
 * what the kernel returns. Private to this folder.
 *
 * Apart from a few switches the rules are the same for every policy; what differs is in the
 * sets. So the rules can be read, and tested, once.
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
 * The sets, each for IPv4 and IPv6. `fixed` sets are filled with the table, and except for
 * those of network rules the kernel permits no change afterwards (NFT_SET_CONSTANT).
 */
enum set_kind {
	SET_UPSTREAMS,      /* addr . port: the resolver's upstreams; fixed */
	SET_GATEWAYS,       /* addr; fixed */
	SET_SPECIAL,        /* addr, intervals: address_ranges[] that no rule opens; fixed */
	SET_PRIVATE_RANGES, /* addr, intervals: private ranges, which +private opens; fixed */
	SET_DENIED,         /* addr, intervals: deny rules without ports; fixed */
	SET_DENIED_PORTS,   /* addr . port, intervals: deny rules with ports; fixed */
	SET_RETIRED,        /* addr . port, intervals: networks no longer allowed; fixed */
	SET_NETS,           /* addr . port, intervals: allow rules for networks; fixed */
	SET_PRIVATE_NETS,   /* the same for rules with +private; fixed */
	SET_REVOKED,        /* addr . port: of names no longer allowed */
	SET_PINS,           /* addr . port with timeout */
	SET_PRIVATE,        /* the same: pins of +private rules */
	SET_PROXIES,        /* the same: pins of the proxy */
	SET_USED,           /* addr . port with timeout: destinations of approved connections */
	SET_REFUSED,        /* addr . protocol . port: refused packets, counted */
	SET_KINDS,
};
#define SETS (2 * SET_KINDS)
/* Sets that change with runtime rules: network rules from the first on, names in the last. */
#define SETS_NETWORKS (2 * SET_DENIED)
#define SETS_REVOKED  (2 * SET_REVOKED)
#define SETS_CHANGING (SETS_REVOKED + 2)

/* Concurrent pins. Each takes about 120 bytes of kernel memory. */
#define PINS_MAX 65536
/* Distinct refused destinations kept: more than the report shows, so that a scan doesn't
 * hide the rest at once, but bounded, so that it can't exhaust kernel memory. */
#define REFUSED_MAX 1024

struct ruleset_set {
	struct nftnl_set *set; /* with its elements */
	bool fixed;
};

/* Bounds of the constant rule list; ruleset.c fails rather than exceed them. */
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

/* Compiles. Returns 0, or -1 if out of memory. *out must be freed in either case. */
int ruleset_compile(struct ruleset *out, const struct wall_config *c);
void ruleset_free(struct ruleset *r);

/* The name of a set ("pins4"); family 4 or 6. */
const char *ruleset_set_name(enum set_kind kind, unsigned family);

/* sets.c: fills out->sets. */
void sets_compile(struct ruleset *out, const struct wall_config *c);
/* Creates all sets and fills those of network rules, from SETS_NETWORKS to SETS_REVOKED. */
void sets_networks(struct ruleset *out, const struct policy *p);
/* Adds one element to SET_REVOKED. */
void sets_revoke(struct ruleset *out, const struct endpoint *e);
/*
 * Writes an `addr . port` or `addr . protocol . port` key in the kernel's format, each field
 * padded to four bytes. Returns its length. protocol < 0: without protocol.
 */
#define KEY_MAX 24
uint32_t sets_key(uint8_t out[KEY_MAX], const struct address *a, int protocol, uint16_t port);

#endif
