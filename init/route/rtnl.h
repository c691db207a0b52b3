/*
 * rtnetlink: routes and policy rules as values, with add, delete and list for each. Uses
 * libnl's core (sockets, messages, attributes). Knows nothing of the policy. Errors are
 * libnl's: 0, or a negative NLE_ code for nl_geterror().
 */
#ifndef INIT_ROUTE_RTNL_H
#define INIT_ROUTE_RTNL_H

#include <netlink/errno.h>
#include <netlink/socket.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "../lib/address.h"

struct rtnl_route {
	struct address to; /* its family is the route's */
	uint8_t prefix;
	uint8_t type; /* RTN_UNICAST, RTN_PROHIBIT, RTN_THROW ... */
	uint32_t table;
	uint32_t device;        /* interface index; 0: none */
	struct address gateway; /* family 0: none */
	struct address source;  /* preferred source address; family 0: the kernel chooses */
};

struct rtnl_rule {
	uint8_t family; /* 4 or 6 */
	uint32_t preference;
	uint8_t action; /* FR_ACT_TO_TBL, FR_ACT_PROHIBIT ... */
	uint32_t table; /* for FR_ACT_TO_TBL */
	uint32_t goes;  /* for FR_ACT_GOTO: the preference to continue at */
	/* Selectors; all of them must match. */
	struct address from; /* one address; family 0: any */
	struct address to;   /* a network; family 0: any */
	uint8_t to_prefix;
	uint8_t protocol;   /* IPPROTO_TCP, IPPROTO_UDP; 0: any */
	uint16_t port;      /* destination port; needs protocol; 0: any */
	uint16_t from_port; /* source port, likewise */
	bool of_uids;       /* sockets of uids low to high */
	uint32_t low, high;
	bool but_default; /* ignore the table's default route */
	bool ours;        /* listed rules only: created by codex-init, now or earlier */
	bool more;        /* listed rules only: has attributes that can't be represented here */
};

/* Results of a dump. The caller frees item. */
struct rtnl_routes {
	struct rtnl_route *item;
	size_t count;
};
struct rtnl_rules {
	struct rtnl_rule *item;
	size_t count;
};

int rtnl_open(struct nl_sock **out);

/* Adds a route, replacing one to the same destination in the same table. */
int rtnl_add_route(struct nl_sock *s, const struct rtnl_route *r);
/* Deletes the route with that destination, table and type. */
int rtnl_delete_route(struct nl_sock *s, const struct rtnl_route *r);
/*
 * Lists the routes of a family (4 or 6); a multipath route once for each next hop. Without
 * support for the family the list is empty. *out must be freed after an error, too.
 */
int rtnl_list_routes(struct nl_sock *s, uint8_t family, struct rtnl_routes *out);

/* Adds a rule after those of the same preference; -NLE_EXIST if it exists. */
int rtnl_add_rule(struct nl_sock *s, const struct rtnl_rule *r);
int rtnl_delete_rule(struct nl_sock *s, const struct rtnl_rule *r);
/* Lists the rules of a family in the order of evaluation. *out as above. */
int rtnl_list_rules(struct nl_sock *s, uint8_t family, struct rtnl_rules *out);
/* True if two rules do the same to the same packets, at the same preference. */
bool rtnl_same_rule(const struct rtnl_rule *a, const struct rtnl_rule *b);

#endif
