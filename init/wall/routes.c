/*
 * The routing tables as a fence. What the main table shall hold is worked out first, as a
 * list; then what lacks is added, what is not on the list is deleted, and routes_verify()
 * compares with the same list.
 *
 * The local table is left alone: the container's own addresses and loopback go on working.
 * Deleting a connected network's route touches neither the address nor the routes that were
 * already found to lead through it.
 */
#include "kernel.h"

#include "routes.h"

#include <errno.h>
#include <linux/rtnetlink.h>
#include <netlink/netlink.h>
#include <netlink/route/nexthop.h>
#include <netlink/route/route.h>
#include <stdlib.h>
#include <string.h>

#include "routes_private.h"

/* Dumps of a table that changes meanwhile. */
#define DUMP_TRIES 8

static void add_gateway(struct routes *r, const struct address *a)
{
	for (size_t i = 0; i < r->gateways_count; i++)
		if (address_compare(&r->gateways[i], a) == 0)
			return;
	if (a->family && r->gateways_count < LIMIT_GATEWAYS)
		r->gateways[r->gateways_count++] = *a;
}

struct next_hops {
	struct routes *routes;
	struct way *way;
	bool first;
};

static void read_next_hop(struct rtnl_nexthop *hop, void *context)
{
	struct next_hops *h = context;
	struct nl_addr *gateway = rtnl_route_nh_get_gateway(hop);
	struct address a = {0};

	if (gateway)
		way_address(gateway, &a);
	if (h->way->prefix == 0)
		add_gateway(h->routes, &a);
	if (!h->first)
		return;
	h->first = false;
	h->way->gateway = a;
	h->way->device = rtnl_route_nh_get_ifindex(hop);
	h->way->onlink = rtnl_route_nh_get_flags(hop) & RTNH_F_ONLINK;
}

/* One route of the kernel's main table; others are passed over. */
static int read_route(struct routes *r, struct way_list *list, struct rtnl_route *route)
{
	struct way w = {
		.type = rtnl_route_get_type(route), .metric = rtnl_route_get_priority(route)};
	struct next_hops hops = {r, &w, true};
	struct nl_addr *dst = rtnl_route_get_dst(route);

	if (rtnl_route_get_table(route) != RT_TABLE_MAIN ||
		(rtnl_route_get_family(route) != AF_INET &&
			rtnl_route_get_family(route) != AF_INET6) ||
		(rtnl_route_get_flags(route) & RTM_F_CLONED))
		return 0;
	w.to.family = rtnl_route_get_family(route) == AF_INET ? 4 : 6;
	if (dst) {
		way_address(dst, &w.to);
		w.to.family = rtnl_route_get_family(route) == AF_INET ? 4 : 6;
		w.prefix = (uint8_t)nl_addr_get_prefixlen(dst);
	}
	rtnl_route_foreach_nexthop(route, read_next_hop, &hops);
	nl_object_get(OBJ_CAST(route));
	w.route = route;
	if (ways_add(list, &w) < 0) {
		rtnl_route_put(route);
		return -1;
	}
	return 0;
}

struct dump {
	struct routes *routes;
	struct way_list *list;
	int family;
	bool full; /* there are more than can be kept */
};

static int take_route(struct nl_msg *message, void *context)
{
	struct dump *d = context;
	struct rtnl_route *route;

	if (rtnl_route_parse(nlmsg_hdr(message), &route) < 0)
		return NL_SKIP; /* a kind of route that libnl doesn't know */
	/* Without a family of its own, the kernel dumps the other one. */
	if (rtnl_route_get_family(route) == d->family)
		d->full |= d->list->count > LIMIT_ROUTES + LIMIT_RULES ||
			   read_route(d->routes, d->list, route) < 0;
	rtnl_route_put(route);
	return NL_OK;
}

/* One dump of a family's tables; 0 or a negative NLE_ code. Not by libnl's caches: one dump is
 * read here once, and they are a tenth of the binary. */
static int dump_routes(struct dump *d)
{
	struct rtmsg request = {.rtm_family = (unsigned char)d->family};
	int error;

	nl_socket_modify_cb(d->routes->socket, NL_CB_VALID, NL_CB_CUSTOM, take_route, d);
	error = nl_send_simple(
		d->routes->socket, RTM_GETROUTE, NLM_F_DUMP, &request, sizeof(request));
	if (error >= 0)
		error = nl_recvmsgs_default(d->routes->socket);
	nl_socket_modify_cb(d->routes->socket, NL_CB_VALID, NL_CB_DEFAULT, NULL, NULL);
	return error;
}

int routes_read(struct routes *r, struct way_list *list, struct failure *f)
{
	static const int families[] = {AF_INET, AF_INET6};

	for (size_t i = 0; i < sizeof(families) / sizeof(families[0]); i++) {
		struct dump d = {.routes = r, .list = list, .family = families[i]};
		const size_t before = list->count;
		int error = 0;

		/* One that the kernel changed under our eyes is read again. */
		for (int tries = 0; tries < DUMP_TRIES; tries++) {
			ways_cut(list, before);
			error = dump_routes(&d);
			if (error != -NLE_DUMP_INTR)
				break;
		}
		if (error == -NLE_OPNOTSUPP || error == -NLE_AF_NOSUPPORT)
			continue; /* a kernel without that family */
		if (error < 0)
			return fail(f, "read the routes",
				families[i] == AF_INET ? "IPv4" : "IPv6", "%s",
				nl_geterror(error));
		if (d.full)
			return fail(f, "read the routes", "", "there are too many to keep");
	}
	return 0;
}

int routes_open(struct routes **out, struct failure *f)
{
	struct routes *r = calloc(1, sizeof(*r));
	int error;

	*out = NULL;
	if (!r || !(r->socket = nl_socket_alloc())) {
		free(r);
		errno = ENOMEM;
		return fail_errno(f, "open the routing tables", "");
	}
	error = nl_connect(r->socket, NETLINK_ROUTE);
	if (error < 0) {
		fail(f, "open the routing tables", "", "%s", nl_geterror(error));
		routes_close(r);
		return -1;
	}
	if (routes_read(r, &r->original, f) < 0) {
		routes_close(r);
		return -1;
	}
	*out = r;
	return 0;
}

void routes_close(struct routes *r)
{
	if (!r)
		return;
	ways_free(&r->original);
	ways_free(&r->wanted);
	nl_socket_free(r->socket);
	free(r);
}

size_t routes_gateways(const struct routes *r, struct address out[LIMIT_GATEWAYS])
{
	memcpy(out, r->gateways, sizeof(r->gateways));
	return r->gateways_count;
}

static int add(struct routes *r, const struct way *w, struct failure *f)
{
	char on[WAY_TEXT];
	int error = way_add(r->socket, w);

	if (error >= 0)
		return 0;
	fail(f, "add a route", way_text(w, on), "%s", nl_geterror(error));
	if (error == -NLE_PERM)
		fail_hint(f, "start the container with --cap-add=NET_ADMIN");
	return error;
}

/* The kernel's words for "IPv6 is off": not compiled in, not loaded, or disable_ipv6. */
static bool means_off(int error)
{
	return error == -NLE_OPNOTSUPP || error == -NLE_AF_NOSUPPORT ||
	       error == -NLE_NOACCESS || error == -NLE_NODEV;
}

/* True when some way leads out by IPv6; link-local ones exist for themselves. */
static bool leads_out_by_ipv6(const struct routes *r)
{
	for (size_t i = 0; i < r->original.count; i++) {
		const struct way *w = &r->original.item[i];

		if (w->to.family == 6 && w->type == RTN_UNICAST &&
			(w->prefix == 0 || address_classify(&w->to) != ADDRESS_LINK_LOCAL))
			return true;
	}
	return false;
}

int routes_build(struct routes *r, const struct wall_config *c, struct failure *f)
{
	if (c->audit)
		return 0;
	if (routes_plan(r, c) < 0) {
		errno = ENOMEM;
		return fail_errno(f, "plan the routes", "");
	}
	for (size_t i = 0; i < r->wanted.count; i++) {
		const struct way *w = &r->wanted.item[i];
		int error;

		if (w->route || (w->to.family == 6 && r->ipv6_off))
			continue;
		error = add(r, w, f);
		if (error < 0 && w->to.family == 6 && means_off(error) && !leads_out_by_ipv6(r))
			r->ipv6_off = true;
		else if (error < 0)
			return -1;
	}
	if (r->ipv6_off)
		routes_forget_ipv6(r);
	/* Last, as long as they are there the routes above can be found to make sense. */
	for (size_t i = 0; i < r->original.count; i++) {
		const struct way *w = &r->original.item[i];
		char on[WAY_TEXT];
		int error;

		if (ways_find(&r->wanted, w) || (w->to.family == 6 && r->ipv6_off))
			continue;
		error = way_tell(r->socket, RTM_DELROUTE, 0, w->route);
		/* Not found: one of ours has taken its place. */
		if (error < 0 && error != -NLE_OBJ_NOTFOUND)
			return fail(
				f, "delete a route", way_text(w, on), "%s", nl_geterror(error));
	}
	r->built = true;
	return 0;
}

int routes_verify(struct routes *r, const struct wall_config *c, struct failure *f)
{
	struct way_list now = {0};
	char on[WAY_TEXT];
	int status = 0;

	if (c->audit)
		return 0;
	if (routes_read(r, &now, f) < 0) {
		ways_free(&now);
		return -1;
	}
	for (size_t i = 0; status == 0 && i < r->wanted.count; i++)
		if (!ways_find(&now, &r->wanted.item[i]))
			status = fail(f, "read the routes back",
				way_text(&r->wanted.item[i], on), "it is not there");
	for (size_t i = 0; status == 0 && i < now.count; i++)
		if (!(now.item[i].to.family == 6 && r->ipv6_off) &&
			!routes_of_the_link(&now.item[i]) &&
			!ways_find(&r->wanted, &now.item[i]))
			status = fail(f, "read the routes back", way_text(&now.item[i], on),
				"it should not be there");
	ways_free(&now);
	return status;
}

int routes_allow(struct routes *r, const struct address *a, struct failure *f)
{
	const struct way *w;
	struct way host;

	if (!r->built || (a->family == 6 && r->ipv6_off))
		return 0;
	w = ways_lead(&r->wanted, a, false);
	if (w && w->type == RTN_UNICAST)
		return 0;
	if (r->wanted.count >= LIMIT_ROUTES + LIMIT_RULES)
		return fail(f, "add a route", "", "there are too many already");
	w = ways_lead(&r->original, a, true);
	if (!w || w->type != RTN_UNICAST) {
		char text[ADDRESS_TEXT];

		return fail(f, "add a route", address_text(a, text), "no way led there");
	}
	host = way_host(w, a);
	if (add(r, &host, f) < 0)
		return -1;
	if (ways_add(&r->wanted, &host) < 0)
		return fail_errno(f, "add a route", "");
	return 0;
}
