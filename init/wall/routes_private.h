/*
 * One route as this room sees it, lists of them, and the plan of what the main table shall
 * hold. Private to routes.c, ways.c and routes_plan.c.
 */
#ifndef INIT_WALL_ROUTES_PRIVATE_H
#define INIT_WALL_ROUTES_PRIVATE_H

#include <netlink/addr.h>
#include <netlink/route/route.h>
#include <netlink/socket.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "routes.h"

/* Who made a route (rtm_protocol); a number that nobody has registered. */
#define ROUTES_PROTOCOL 121

struct way {
	struct address to;
	uint8_t prefix;
	uint8_t type;           /* RTN_UNICAST, RTN_PROHIBIT ... */
	bool ours;              /* made by codex-init, now or earlier */
	bool onlink;            /* the gateway is no neighbour by any other route */
	int device;             /* interface index; RTN_UNICAST only */
	struct address gateway; /* family 0: to is on the link itself */
	uint32_t metric;
	struct rtnl_route *route; /* as read from the kernel, one reference ours; or NULL */
};

struct way_list {
	struct way *item;
	size_t count, room;
};

struct routes {
	struct nl_sock *socket;
	struct way_list original; /* the main table as it was */
	struct way_list wanted;   /* as it shall be */
	struct address gateways[LIMIT_GATEWAYS];
	size_t gateways_count;
	bool built;
	bool ipv6_off;
};

/* ways.c */
int ways_add(struct way_list *l, const struct way *w); /* 0, or -1: no memory */
void ways_free(struct way_list *l);
/* Forgets all but the first count. */
void ways_cut(struct way_list *l, size_t count);
/* The way in l that does the same as w, or NULL. */
const struct way *ways_find(const struct way_list *l, const struct way *w);
/*
 * The way that the kernel would take to an address: longest prefix, least metric; or NULL.
 * past: as it was before us, so the fence of an earlier codex-init in this namespace (a pod
 * keeps its own when the container starts again) is looked through.
 */
const struct way *ways_lead(const struct way_list *l, const struct address *a, bool past);
/* A route to one address by the way w. */
struct way way_host(const struct way *w, const struct address *a);
/* A route to a network by the way w. */
struct way way_network(const struct way *w, const struct address *base, uint8_t prefix);
/* Puts it into the kernel's main table, in the place of one with the same destination and
 * metric; 0 or a negative NLE_ code. */
int way_add(struct nl_sock *socket, const struct way *w);
/* Sends a route to the kernel (RTM_NEWROUTE, RTM_DELROUTE) and waits for the answer. */
int way_tell(struct nl_sock *socket, int type, int flags, struct rtnl_route *route);
void way_address(const struct nl_addr *from, struct address *to);
#define WAY_TEXT (ADDRESS_TEXT + 24)
char *way_text(const struct way *w, char out[WAY_TEXT]);

/* routes_plan.c: fills r->wanted; 0, or -1 when memory ran out. Pure. */
int routes_plan(struct routes *r, const struct wall_config *c);
/* A link-local or multicast network of IPv6, on its link: the kernel adds one when the link is
 * ready, which may be after the plan. Nothing there can be routed on. */
bool routes_of_the_link(const struct way *w);
/* Takes IPv6 off the plan. */
void routes_forget_ipv6(struct routes *r);
/* routes.c: reads the main table. */
int routes_read(struct routes *r, struct way_list *list, struct failure *f);

#endif
