/*
 * The second fence, independent of nftables: policy routing rules, by rtnl.h.
 *
 * Private and special ranges are prohibited; networks and addresses that the policy opens
 * are left to the main table, which remains the engine's. Queries to port 53 are routed to
 * lo, where nftables redirects them to our resolver. If the kernel has IPv6 off, nothing is
 * done for it. In audit mode there is no fence at all: nftables lets through and records,
 * which a prohibit rule can't.
 */
#ifndef INIT_ROUTE_ROUTES_H
#define INIT_ROUTE_ROUTES_H

#include "../lib/say.h"
#include "../policy/wall_config.h"

struct routes; /* opaque: the netlink socket and the fence */

/* Reads the main table of both families, to find gateways and default routes. */
int routes_open(struct routes **out, struct failure *f);
void routes_close(struct routes *r);

/* The default gateways, at most LIMIT_GATEWAYS. Returns their number. */
size_t routes_gateways(const struct routes *r, struct address out[LIMIT_GATEWAYS]);

/* Creates the fence, replacing one that an earlier codex-init left in this namespace. */
int routes_build(struct routes *r, const struct wall_config *c, struct failure *f);
/* Removes the fence and the routes to resolver and gate; see wall_remove(). */
int routes_remove(struct routes *r, struct failure *f);
/* Applies the policy's current +private networks: opens new ones and closes former ones. */
int routes_follow(struct routes *r, const struct wall_config *c, struct failure *f);
/* Reads the rules and tables back and compares. */
int routes_verify(struct routes *r, const struct wall_config *c, struct failure *f);
/* Opens one address in the fence, for a +private pin. */
int routes_allow(struct routes *r, const struct address *a, struct failure *f);

#endif
