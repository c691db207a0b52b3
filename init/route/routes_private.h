/*
 * The rules of this room and their plan. Private to routes.c, fence.c and divert.c.
 *
 * The kernel goes by the rules in the order of their preferences: first the local table's (0),
 * then ours, then the main table's (32766). Those of one preference it takes in the order in
 * which they were added.
 */
#ifndef INIT_ROUTE_ROUTES_PRIVATE_H
#define INIT_ROUTE_ROUTES_PRIVATE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "routes.h"
#include "rtnl.h"

/* Numbers that nobody has registered. */
enum {
	TABLE_WEB = 121, /* to the gate; see divert.c */
	TABLE_DNS = 122, /* to our resolver */
};

enum {
	PREFER_DIVERTED = 1, /* of the gate's own end of a diverted connection */
	PREFER_ROOT,         /* uid 0: the main table, and no more */
	PREFER_WORKERS,      /* our workers: go on behind the questions */
	PREFER_DNS,          /* questions: to our resolver */
	PREFER_FENCE,        /* (where the workers go on) */
	PREFER_HOSTS,        /* single addresses that are open: the main table */
	PREFER_NAT64,    /* NAT64's: special ones prohibited, the others go on as IPv4's do */
	PREFER_SPECIAL,  /* special ranges: prohibited */
	PREFER_NETWORKS, /* networks of +private rules: the main table */
	PREFER_PRIVATE,  /* private ranges: prohibited */
	PREFER_WORKERS_OUT, /* our workers: the main table, and no more */
	PREFER_KNOWN,       /* what the main table knows by more than its default route */
	PREFER_WEB,         /* the web's ports: to the gate */
};

/* The rules of the fence, of both families, in the order of each. */
struct fence {
	struct rtnl_rule *item;
	size_t count, room;
	size_t hosts; /* of them, those of PREFER_HOSTS */
};

struct routes {
	struct nl_sock *socket;
	struct fence fence;
	struct address gateways[LIMIT_GATEWAYS];
	size_t gateways_count;
	bool default4, default6; /* the main table has a default route of that family */
	bool leads6;             /* it has any IPv6 route that is not link-local */
	bool built;
	bool ipv6_off; /* the kernel has none to fence */
};

/* fence.c, pure. */

/* What the fence's rules shall be; 0, or -1 when memory ran out. */
int fence_plan(struct fence *f, const struct wall_config *c);
/* The rule that opens one address. */
struct rtnl_rule fence_host(const struct address *a);
/* Adds a rule behind those of its preference, once (one for any destination before those for
 * one); 0, or -1: no memory. */
int fence_add(struct fence *f, const struct rtnl_rule *rule);
/* True when a rule of the fence opens this address. */
bool fence_opens(const struct fence *f, const struct address *a);
void fence_free(struct fence *f);

/* The route that leads everything to lo, with 127.0.0.1 or ::1 for its source. */
struct rtnl_route fence_to_loopback(uint8_t family, uint32_t table);

/* routes.c. Adds rules, in order; 0 or a negative NLE_ code. */
int routes_add_rules(struct routes *r, const struct rtnl_rule *rules, size_t count);
/* Deletes our rules of that family for which chosen() says so (NULL: all). */
void routes_delete_rules(
	struct routes *r, uint8_t family, bool (*chosen)(const struct rtnl_rule *rule));

#endif
