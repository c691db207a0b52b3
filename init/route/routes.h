/*
 * The second fence, independent of nftables: policy routing rules. By rtnl.h.
 *
 * Private and special ranges are prohibited; the networks and addresses that the policy opens
 * are left to the main table, which stays as the engine has made it and makes it. Questions to
 * port 53 are led to lo, where nftables redirects them to our resolver. Where the kernel has
 * IPv6 off, there is nothing to fence for it. In audit mode there is no fence at all: nft lets
 * through and records, and a prohibition does neither.
 */
#ifndef INIT_ROUTE_ROUTES_H
#define INIT_ROUTE_ROUTES_H

#include "../lib/say.h"
#include "../policy/wall_config.h"

struct routes; /* opaque: the netlink socket and what the fence is */

/* Reads the main table of both families: where it leads out. */
int routes_open(struct routes **out, struct failure *f);
void routes_close(struct routes *r);

/* The default gateways found; at most LIMIT_GATEWAYS. Returns how many. */
size_t routes_gateways(const struct routes *r, struct address out[LIMIT_GATEWAYS]);

/* Puts up the fence, in the place of one that an earlier codex-init left in this namespace. */
int routes_build(struct routes *r, const struct wall_config *c, struct failure *f);
/* Takes the fence and the ways to resolver and gate away; see wall_remove(). */
int routes_remove(struct routes *r, struct failure *f);
/* Reads the rules back and compares. */
int routes_verify(struct routes *r, const struct wall_config *c, struct failure *f);
/* Opens one address in the fence, for a +private pin. */
int routes_allow(struct routes *r, const struct address *a, struct failure *f);

#endif
