/*
 * Policy routing to the gate; see divert.h. In ip(8) syntax, for each family, around the
 * fence's 2 to 10 (routes.c):
 *
 *	 1: from 127.0.0.1 ipproto tcp dport 443 lookup 121	and 80
 *	11: lookup main suppress_prefixlength 0
 *	12: ipproto tcp dport 443 lookup 121			and 80
 *	table 121: throw NETWORK, for each network rule and each non-public range
 *		   local default dev lo src 127.0.0.1
 *
 * So routes of the main table other than its default route still apply. For non-public
 * addresses that have passed the fence the wall's sets decide, as they do for networks in
 * the policy; both are thrown back to the main table, too.
 *
 * Uid 0 and our workers have rules of their own before these. But what the kernel sends for
 * a socket that is gone also counts as uid 0: a reset to the gate after a client has closed.
 * The first rule recognises that by its address, which is why diverted connections come from
 * 127.0.0.1.
 */
#include "../lib/netfilter.h"

#include "divert.h"

#include <linux/fib_rules.h>
#include <linux/rtnetlink.h>

#include "../lib/fake_ip.h"
#include "routes_private.h"

/* ---- Rules --------------------------------------------------------------------------- */

static int add_rules(struct routes *r, uint8_t family)
{
	const struct rtnl_rule to_gate = {.family = family,
		.preference = PREFER_WEB,
		.action = FR_ACT_TO_TBL,
		.table = TABLE_WEB,
		.protocol = IPPROTO_TCP};
	struct rtnl_rule rules[] = {to_gate, to_gate, to_gate, to_gate,
		{.family = family,
			.preference = PREFER_KNOWN,
			.action = FR_ACT_TO_TBL,
			.table = RT_TABLE_MAIN,
			.but_default = true}};

	for (size_t i = 0; i < 4; i++)
		rules[i].port = i % 2 ? 80 : 443;
	for (size_t i = 0; i < 2; i++) {
		rules[i].preference = PREFER_DIVERTED;
		rules[i].from = fence_to_loopback(family, TABLE_WEB).source;
	}
	return routes_add_rules(r, rules, sizeof(rules) / sizeof(rules[0]));
}

static bool is_diversion(const struct rtnl_rule *rule)
{
	return rule->table == TABLE_WEB || rule->preference == PREFER_KNOWN;
}

static void delete_rules(struct routes *r, uint8_t family)
{
	routes_delete_rules(r, family, is_diversion);
}

/* ---- Routes -------------------------------------------------------------------------- */

static int throw_back(struct routes *r, const struct address *to, uint8_t prefix)
{
	const struct rtnl_route back = {
		.to = *to, .prefix = prefix, .type = RTN_THROW, .table = TABLE_WEB};

	return rtnl_add_route(r->socket, &back);
}

static int throw_networks(struct routes *r, const struct policy *p, uint8_t family)
{
	int error = 0;

	for (size_t i = 0, end = policy_rules(p); error >= 0 && i < end; i++) {
		const struct rule *rule = policy_rule(p, i);

		if (rule && rule->kind == RULE_NETWORK && rule->network.family == family)
			error = throw_back(r, &rule->network, rule->prefix);
	}
	return error;
}

static int add_routes(struct routes *r, const struct wall_config *c, uint8_t family)
{
	const struct rtnl_route all = fence_to_loopback(family, TABLE_WEB);
	/* First, because a rule about all addresses also throws the default route back. */
	int error = rtnl_add_route(r->socket, &all);

	if (error >= 0 && c->policy)
		error = throw_networks(r, c->policy, family);
	for (size_t i = 0; error >= 0 && i < address_ranges_count; i++) {
		const struct address_range *range = &address_ranges[i];
		size_t unused;

		/* Behind a proxy, names have such addresses. */
		if (range->base.family == family &&
			!(c->proxied && fake_ip_index(FAKE_IP_PROXY, &range->base, &unused)))
			error = throw_back(r, &range->base, range->prefix);
	}
	return error;
}

/* ---- Both ---------------------------------------------------------------------------- */

static void divert(struct routes *r, const struct wall_config *c, uint8_t family)
{
	/* The rules first, as in routes.c. */
	int error = add_rules(r, family);

	if (error >= 0)
		error = add_routes(r, c, family);
	if (error >= 0)
		return;
	delete_rules(r, family);
	say_detail("routes", "route the web's ports to the gate: IPv%u: %s; NAT is used",
		family, nl_geterror(error));
}

void divert_build(struct routes *r, const struct wall_config *c)
{
	divert_end(r);
	if (c->diverts && r->default4)
		divert(r, c, 4);
	if (c->diverts && r->default6 && !r->ipv6_off)
		divert(r, c, 6);
}

void divert_follow(struct routes *r, const struct wall_config *c)
{
	for (uint8_t family = 4; family <= 6 && c->diverts; family += 2) {
		int error = throw_networks(r, c->policy, family);

		if (error < 0)
			say_detail("routes", "route a network past the gate: IPv%u: %s", family,
				nl_geterror(error));
	}
}

void divert_end(struct routes *r)
{
	delete_rules(r, 4);
	delete_rules(r, 6);
}
