/*
 * What the main routing table shall hold, from what it held. Pure.
 *
 * Kept: the default routes, and routes by a gateway to public networks. Added: the gateways
 * and the upstream resolvers, one address each; the networks of +private allow rules; and
 * `prohibit` for every range that is not public. All else goes: connected networks above all.
 */
#include "kernel.h"

#include <linux/rtnetlink.h>
#include <string.h>

#include "../dns/invented.h"
#include "routes_private.h"

static bool opens_private(const struct rule *rule)
{
	return rule->kind == RULE_NETWORK && rule->effect == RULE_ALLOW && rule->private;
}

/* True when all of a network lies in one that a +private rule opens. */
static bool opened(const struct wall_config *c, const struct address *base, unsigned prefix)
{
	for (size_t i = 0; c->policy && i < c->policy->count; i++) {
		const struct rule *rule = &c->policy->rules[i];

		if (opens_private(rule) && prefix >= rule->prefix &&
			address_inside(base, &rule->network, rule->prefix))
			return true;
	}
	return false;
}

/* IPv6 needs its link-local and multicast networks for finding neighbours; nothing there can
 * be routed on, and nftables lets only neighbour discovery out. */
static bool link_local6(const struct address *base)
{
	enum address_class class = address_classify(base);

	return base->family == 6 && (class == ADDRESS_LINK_LOCAL || class == ADDRESS_MULTICAST);
}

bool routes_of_the_link(const struct way *w)
{
	return w->type == RTN_UNICAST && !w->gateway.family && link_local6(&w->to);
}

/* True when a network shares an address with a range that is not public. */
static bool touches_ranges(const struct address *base, unsigned prefix)
{
	for (size_t i = 0; i < address_ranges_count; i++) {
		const struct address_range *range = &address_ranges[i];

		if (address_inside(base, &range->base, range->prefix) ||
			address_inside(&range->base, base, prefix))
			return true;
	}
	return false;
}

static bool stays(const struct wall_config *c, const struct way *w)
{
	if (w->type != RTN_UNICAST || w->prefix == 0 || link_local6(&w->to))
		return true;
	if (opened(c, &w->to, w->prefix))
		return true;
	return w->gateway.family && !touches_ranges(&w->to, w->prefix);
}

/* Puts a way on the list, if it isn't there. One that is in the table already is taken from
 * there, so that it is not added again. */
static int want(struct routes *r, const struct way *w)
{
	const struct way *there;
	struct way copy = *w;

	if (ways_find(&r->wanted, w))
		return 0;
	there = ways_find(&r->original, w);
	if (there)
		copy = *there;
	if (ways_add(&r->wanted, &copy) < 0)
		return -1;
	if (copy.route)
		nl_object_get(OBJ_CAST(copy.route));
	return 0;
}

/* The gateways of default routes, each by the device of its route; not so where the route
 * says that the gateway needs no route (onlink), or it is link-local. */
static int want_gateways(struct routes *r)
{
	for (size_t i = 0; i < r->gateways_count; i++) {
		const struct address *g = &r->gateways[i];
		struct way host = {.type = RTN_UNICAST};
		const struct way *w = ways_lead(&r->original, g, true);

		if (link_local6(g))
			continue;
		/* By the network it is connected to; otherwise by its default route's device.
		 */
		if (!w || w->type != RTN_UNICAST || w->gateway.family) {
			w = NULL;
			for (size_t j = 0; !w && j < r->original.count; j++)
				if (address_compare(&r->original.item[j].gateway, g) == 0)
					w = &r->original.item[j];
		}
		if (!w)
			continue;
		host = way_host(w, g);
		memset(&host.gateway, 0, sizeof(host.gateway));
		host.onlink = false;
		if (want(r, &host) < 0)
			return -1;
	}
	return 0;
}

/* Upstreams by the way that led to them; one that no way led to stays out of reach, and the
 * resolver will say so. */
static int want_upstreams(struct routes *r, const struct wall_config *c)
{
	for (size_t i = 0; i < c->upstreams_count; i++) {
		const struct address *a = &c->upstreams[i].address;
		const struct way *w = ways_lead(&r->original, a, true);
		struct way host;

		if (address_classify(a) == ADDRESS_LOOPBACK || link_local6(a) || !w ||
			w->type != RTN_UNICAST)
			continue;
		host = way_host(w, a);
		if (want(r, &host) < 0)
			return -1;
	}
	return 0;
}

/* The narrowest way to all of a network. Ways to parts of it stay as they are. */
static const struct way *way_around(
	const struct way_list *l, const struct address *base, unsigned prefix)
{
	const struct way *best = NULL;

	for (size_t i = 0; i < l->count; i++) {
		const struct way *w = &l->item[i];

		if (w->type == RTN_UNICAST && w->prefix <= prefix &&
			address_inside(base, &w->to, w->prefix) &&
			(!best || w->prefix > best->prefix))
			best = w;
	}
	return best;
}

static int want_private(struct routes *r, const struct wall_config *c)
{
	for (size_t i = 0; c->policy && i < c->policy->count; i++) {
		const struct rule *rule = &c->policy->rules[i];
		const struct way *w;
		struct way network;

		if (!opens_private(rule))
			continue;
		w = way_around(&r->original, &rule->network, rule->prefix);
		if (!w || w->prefix == rule->prefix)
			continue;
		network = way_network(w, &rule->network, rule->prefix);
		if (want(r, &network) < 0)
			return -1;
	}
	return 0;
}

static int want_prohibits(struct routes *r, const struct wall_config *c)
{
	size_t unused;

	for (size_t i = 0; i < address_ranges_count; i++) {
		const struct address_range *range = &address_ranges[i];
		struct way w = {
			.to = range->base, .prefix = range->prefix, .type = RTN_PROHIBIT};

		if (range->class == ADDRESS_LOOPBACK || link_local6(&range->base))
			continue;
		/* Other classes than private are open to nobody. */
		if (range->class == ADDRESS_PRIVATE && opened(c, &range->base, range->prefix))
			continue;
		/* Behind a proxy these stand for names. A prohibit route would refuse before
		 * nftables can redirect; nobody's machine has them, if ever one left. */
		if (c->proxied && invented_index(&range->base, &unused))
			continue;
		if (want(r, &w) < 0)
			return -1;
	}
	return 0;
}

int routes_plan(struct routes *r, const struct wall_config *c)
{
	ways_free(&r->wanted);
	/* In the order in which they are added: gateways first, others lead through them. */
	if (want_gateways(r) < 0 || want_upstreams(r, c) < 0 || want_private(r, c) < 0 ||
		want_prohibits(r, c) < 0)
		return -1;
	for (size_t i = 0; i < r->original.count; i++)
		if (stays(c, &r->original.item[i]) && want(r, &r->original.item[i]) < 0)
			return -1;
	return 0;
}

void routes_forget_ipv6(struct routes *r)
{
	size_t kept = 0;

	for (size_t i = 0; i < r->wanted.count; i++) {
		if (r->wanted.item[i].to.family == 6) {
			if (r->wanted.item[i].route)
				rtnl_route_put(r->wanted.item[i].route);
			continue;
		}
		r->wanted.item[kept++] = r->wanted.item[i];
	}
	r->wanted.count = kept;
}
