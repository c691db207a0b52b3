/* Routes as values, and their way into the kernel by libnl-route. */
#include "kernel.h"

#include <linux/rtnetlink.h>
#include <netlink/netlink.h>
#include <netlink/route/nexthop.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "routes_private.h"

void ways_cut(struct way_list *l, size_t count)
{
	while (l->count > count)
		if (l->item[--l->count].route)
			rtnl_route_put(l->item[l->count].route);
}

int ways_add(struct way_list *l, const struct way *w)
{
	if (l->count == l->room) {
		size_t room = l->room ? l->room * 2 : 64;
		struct way *more = realloc(l->item, room * sizeof(*more));

		if (!more)
			return -1;
		l->item = more;
		l->room = room;
	}
	l->item[l->count++] = *w;
	return 0;
}

void ways_free(struct way_list *l)
{
	ways_cut(l, 0);
	free(l->item);
	memset(l, 0, sizeof(*l));
}

/* A prohibit route has no device of its own: IPv6 reports lo for it. The kernel chooses IPv6
 * metrics, so they tell nothing. */
static bool same(const struct way *a, const struct way *b)
{
	return a->type == b->type && a->prefix == b->prefix &&
	       address_compare(&a->to, &b->to) == 0 &&
	       (a->type != RTN_UNICAST ||
		       (a->device == b->device &&
			       address_compare(&a->gateway, &b->gateway) == 0));
}

const struct way *ways_find(const struct way_list *l, const struct way *w)
{
	for (size_t i = 0; i < l->count; i++)
		if (same(&l->item[i], w))
			return &l->item[i];
	return NULL;
}

const struct way *ways_lead(const struct way_list *l, const struct address *a, bool past)
{
	const struct way *best = NULL;

	for (size_t i = 0; i < l->count; i++) {
		const struct way *w = &l->item[i];

		if ((past && w->ours && w->type != RTN_UNICAST) ||
			!address_inside(a, &w->to, w->prefix))
			continue;
		if (!best || w->prefix > best->prefix ||
			(w->prefix == best->prefix && w->metric < best->metric))
			best = w;
	}
	return best;
}

struct way way_network(const struct way *w, const struct address *base, uint8_t prefix)
{
	struct way n = *w;

	n.to = *base;
	n.prefix = prefix;
	n.metric = 0;
	n.ours = true;
	n.route = NULL;
	return n;
}

struct way way_host(const struct way *w, const struct address *a)
{
	return way_network(w, a, a->family == 4 ? 32 : 128);
}

void way_address(const struct nl_addr *from, struct address *to)
{
	unsigned len = nl_addr_get_len(from);

	memset(to, 0, sizeof(*to));
	if (nl_addr_get_family(from) == AF_INET && len <= 4)
		to->family = 4;
	else if (nl_addr_get_family(from) == AF_INET6 && len <= 16)
		to->family = 6;
	else
		return;
	memcpy(to->bytes, nl_addr_get_binary_addr(from), len);
}

static struct nl_addr *nl_address(const struct address *a)
{
	return nl_addr_build(
		a->family == 4 ? AF_INET : AF_INET6, a->bytes, a->family == 4 ? 4 : 16);
}

/* The next hop belongs to the route once it is added. */
static int add_next_hop(struct rtnl_route *route, const struct way *w)
{
	struct rtnl_nexthop *hop = rtnl_route_nh_alloc();
	struct nl_addr *gateway = NULL;

	if (!hop)
		return -NLE_NOMEM;
	rtnl_route_nh_set_ifindex(hop, w->device);
	if (w->onlink)
		rtnl_route_nh_set_flags(hop, RTNH_F_ONLINK);
	if (w->gateway.family) {
		gateway = nl_address(&w->gateway);
		if (!gateway) {
			rtnl_route_nh_free(hop);
			return -NLE_NOMEM;
		}
		rtnl_route_nh_set_gateway(hop, gateway);
		nl_addr_put(gateway);
	}
	rtnl_route_add_nexthop(route, hop);
	return 0;
}

int way_tell(struct nl_sock *socket, int type, int flags, struct rtnl_route *route)
{
	struct nl_msg *message = nlmsg_alloc_simple(type, flags);
	int error = message ? rtnl_route_build_msg(message, route) : -NLE_NOMEM;

	if (error < 0) {
		nlmsg_free(message);
		return error;
	}
	return nl_send_sync(socket, message); /* which frees it */
}

int way_add(struct nl_sock *socket, const struct way *w)
{
	struct rtnl_route *route = rtnl_route_alloc();
	struct nl_addr *to = nl_address(&w->to);
	int error = -NLE_NOMEM;

	if (route && to) {
		nl_addr_set_prefixlen(to, w->prefix);
		rtnl_route_set_family(route, w->to.family == 4 ? AF_INET : AF_INET6);
		rtnl_route_set_table(route, RT_TABLE_MAIN);
		rtnl_route_set_protocol(route, ROUTES_PROTOCOL);
		rtnl_route_set_type(route, w->type);
		rtnl_route_set_scope(route, w->type == RTN_UNICAST && !w->gateway.family
						    ? RT_SCOPE_LINK
						    : RT_SCOPE_UNIVERSE);
		error = rtnl_route_set_dst(route, to);
		if (error == 0 && w->type == RTN_UNICAST)
			error = add_next_hop(route, w);
		if (error == 0)
			error = way_tell(
				socket, RTM_NEWROUTE, NLM_F_CREATE | NLM_F_REPLACE, route);
	}
	if (to)
		nl_addr_put(to);
	if (route)
		rtnl_route_put(route);
	return error;
}

char *way_text(const struct way *w, char out[WAY_TEXT])
{
	char text[ADDRESS_TEXT];

	snprintf(out, WAY_TEXT, "%s%s/%u", w->type == RTN_PROHIBIT ? "prohibit " : "",
		address_text(&w->to, text), w->prefix);
	return out;
}
