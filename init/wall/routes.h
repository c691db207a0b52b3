/*
 * The second fence, independent of nftables: the routing tables. By libnl-route.
 *
 * Private and special ranges become `prohibit` routes; the connected networks are replaced by
 * host routes to the gateways and the upstream resolvers, through the device that led there.
 * Where the kernel or the engine has IPv6 off, there is nothing to fence for it. In audit mode
 * there is no fence at all: nft lets through and records, and a prohibit route does neither.
 */
#ifndef INIT_WALL_ROUTES_H
#define INIT_WALL_ROUTES_H

#include "wall.h"

struct routes; /* opaque: the netlink socket and what the tables were before */

/* Reads the main table of both families. */
int routes_open(struct routes **out, struct failure *f);
void routes_close(struct routes *r);

/* The default gateways found; at most LIMIT_GATEWAYS. Returns how many. */
size_t routes_gateways(const struct routes *r, struct address out[LIMIT_GATEWAYS]);

/* Puts up the fence. Networks of +private allow rules stay reachable by the way they had. */
int routes_build(struct routes *r, const struct wall_config *c, struct failure *f);
/* Reads the tables back and compares. */
int routes_verify(struct routes *r, const struct wall_config *c, struct failure *f);
/* Opens one host route, for a +private pin, by the way that the tables had at first. */
int routes_allow(struct routes *r, const struct address *a, struct failure *f);

#endif
