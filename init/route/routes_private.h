/*
 * The rules of this folder. Private to routes.c, fence.c and divert.c.
 *
 * The kernel evaluates rules by preference: first the local table's (0), then ours, then the
 * main table's (32766). Rules with the same preference are evaluated in the order in which
 * they were added.
 */
#ifndef INIT_ROUTE_ROUTES_PRIVATE_H
#define INIT_ROUTE_ROUTES_PRIVATE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "routes.h"
#include "rtnl.h"

/* Unregistered table numbers. */
enum {
	TABLE_WEB = 121, /* to the gate; see divert.c */
	TABLE_DNS = 122, /* to our resolver */
};

enum {
	PREFER_DIVERTED = 1, /* from the gate's end of a diverted connection */
	PREFER_ROOT,         /* uid 0: the main table and nothing else */
	PREFER_WORKERS,      /* our workers: skip the DNS rules */
	PREFER_DNS,          /* DNS queries: to our resolver */
	PREFER_FENCE,        /* (where the workers continue) */
	PREFER_HOSTS,        /* single addresses that are open: the main table */
	PREFER_NAT64,        /* NAT64: special ones prohibited, others continue as IPv4 does */
	PREFER_SPECIAL,      /* special ranges: prohibited */
	PREFER_NETWORKS,     /* networks of +private rules: the main table */
	PREFER_PRIVATE,      /* private ranges: prohibited */
	PREFER_WORKERS_OUT,  /* our workers: the main table and nothing else */
	PREFER_KNOWN,        /* routes of the main table other than its default route */
	PREFER_WEB,          /* ports 443 and 80: to the gate */
};

/* The rules of the fence, of both families, each in order. */
struct fence {
	struct rtnl_rule *item;
	size_t count, room;
	size_t hosts; /* number of PREFER_HOSTS rules */
};

struct routes {
	struct nl_sock *socket;
	struct fence fence;
	struct address gateways[LIMIT_GATEWAYS];
	size_t gateways_count;
	bool default4, default6; /* the main table has a default route of the family */
	bool leads6;             /* it has an IPv6 route that isn't link-local */
	bool built;
	bool ipv6_off; /* the kernel has no IPv6 to fence */
};

/* fence.c, pure. */

/* Fills the fence. Returns 0, or -1 if out of memory. */
int fence_plan(struct fence *f, const struct wall_config *c);
/* The rule that opens one address. */
struct rtnl_rule fence_host(const struct address *a);
/* Adds a rule after those of the same preference, unless it exists. Returns 0, or -1 if out of
 * memory. */
int fence_add(struct fence *f, const struct rtnl_rule *rule);
/* True if a rule of the fence opens this address. */
bool fence_opens(const struct fence *f, const struct address *a);
bool fence_has(const struct fence *f, const struct rtnl_rule *rule);
void fence_remove(struct fence *f, size_t at);
void fence_free(struct fence *f);

/* A default route to lo, with source 127.0.0.1 or ::1. */
struct rtnl_route fence_to_loopback(uint8_t family, uint32_t table);

/* routes.c. Adds rules, in order. Returns 0 or a negative NLE_ code. */
int routes_add_rules(struct routes *r, const struct rtnl_rule *rules, size_t count);
/* Deletes our rules of that family that chosen() selects (NULL: all). */
void routes_delete_rules(
	struct routes *r, uint8_t family, bool (*chosen)(const struct rtnl_rule *rule));

#endif
