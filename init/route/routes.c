/*
 * The fence, in the kernel: policy rules ahead of those that lead to the main table. In
 * ip(8) syntax, for each family (see divert.c for the missing numbers):
 *
 *	 2: uidrange 0-0 lookup main;  uidrange 0-0 unreachable
 *	 3: uidrange 65310-65312 goto 5				our workers
 *	 4: ipproto udp dport 53 lookup 122			and tcp
 *	 5: nop
 *	 6: to 168.63.129.16 lookup main			e.g. an upstream
 *	 6: ipproto tcp sport 8080 lookup main			each --publish PORT+any
 *	 7: to 64:ff9b::a9fe:0/112 prohibit;  to 64:ff9b::/96 goto 9	NAT64
 *	 8: to 169.254.0.0/16 prohibit				each special range
 *	 9: nop;  to 10.1.0.0/16 lookup main			each rule with +private
 *	10: to 10.0.0.0/8 prohibit				each private range
 *	11: uidrange 65310-65312 lookup main;  uidrange 65310-65312 unreachable
 *	table 122: local default dev lo src 127.0.0.1
 *
 * Rules rather than routes prohibit, because an IPv6 socket bound to a device bypasses a
 * prohibit route, which belongs to lo. (On IPv4 such a socket reaches neighbours on that
 * device's link whatever rules and routes say: ip_route_output_key_hash_rcu().)
 *
 * The main table remains the engine's, which may connect networks while the container runs:
 * private addresses in them are prohibited like all others, and addresses that a +private
 * name opens are reached by whatever route the main table has then.
 *
 * The payload is never uid 0. The kernel is, when it checks whether a packet came in by the
 * route that a reply would take (rp_filter, RFC 3704), and a router may send "too big" from
 * a private address. So is an engine's resolver that queries from this namespace.
 *
 * Whatever server a program queries, nftables redirects the query to our resolver. For that
 * it must be routable: neither prohibited nor without a route. Table 122 ensures that it
 * gets that far and no further. Our own queries never use it, since the payload may listen
 * there.
 */
#include "../lib/netfilter.h"

#include "routes.h"

#include <errno.h>
#include <linux/fib_rules.h>
#include <linux/rtnetlink.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "routes_private.h"

#define OPEN_TABLES "open the routing tables"
#define READ_BACK   "read the routing rules back"

static const uint8_t families[] = {4, 6};

static int fail_rtnl(struct failure *f, const char *operation, const char *on, int error)
{
	fail(f, operation, on, "%s", nl_geterror(error));
	if (error == -NLE_PERM)
		return fail_hint(f, "start the container with --cap-add=NET_ADMIN");
	if (error == -NLE_OPNOTSUPP || error == -NLE_AF_NOSUPPORT)
		return fail_hint(f, "the kernel must offer policy routing "
				    "(CONFIG_IP_MULTIPLE_TABLES, CONFIG_IPV6_MULTIPLE_TABLES)");
	return -1;
}

static const char *family_text(uint8_t family)
{
	return family == 4 ? "IPv4" : "IPv6";
}

/* ---- Existing routes ----------------------------------------------------------------- */

static void add_gateway(struct routes *r, const struct address *a)
{
	for (size_t i = 0; i < r->gateways_count; i++)
		if (address_compare(&r->gateways[i], a) == 0)
			return;
	if (a->family && r->gateways_count < LIMIT_GATEWAYS)
		r->gateways[r->gateways_count++] = *a;
}

static void examine_route(struct routes *r, const struct rtnl_route *route)
{
	if (route->table != RT_TABLE_MAIN || route->type != RTN_UNICAST)
		return;
	/* Link-local routes exist wherever IPv6 does. */
	r->leads6 |= route->to.family == 6 &&
		     (route->prefix == 0 || address_classify(&route->to) != ADDRESS_LINK_LOCAL);
	if (route->prefix != 0)
		return;
	r->default4 |= route->to.family == 4;
	r->default6 |= route->to.family == 6;
	add_gateway(r, &route->gateway);
}

int routes_open(struct routes **out, struct failure *f)
{
	struct routes *r = calloc(1, sizeof(*r));
	int error;

	*out = NULL;
	if (!r)
		return fail_errno(f, OPEN_TABLES, "");
	error = rtnl_open(&r->socket);
	for (size_t i = 0; error >= 0 && i < sizeof(families); i++) {
		struct rtnl_routes all;

		error = rtnl_list_routes(r->socket, families[i], &all);
		for (size_t j = 0; error >= 0 && j < all.count; j++)
			examine_route(r, &all.item[j]);
		free(all.item);
	}
	if (error < 0) {
		routes_close(r);
		return fail_rtnl(f, OPEN_TABLES, "", error);
	}
	*out = r;
	return 0;
}

void routes_close(struct routes *r)
{
	if (!r)
		return;
	fence_free(&r->fence);
	nl_socket_free(r->socket);
	free(r);
}

size_t routes_gateways(const struct routes *r, struct address out[LIMIT_GATEWAYS])
{
	memcpy(out, r->gateways, sizeof(r->gateways));
	return r->gateways_count;
}

/* ---- Rules --------------------------------------------------------------------------- */

int routes_add_rules(struct routes *r, const struct rtnl_rule *rules, size_t count)
{
	for (size_t i = 0; i < count; i++) {
		int error = rtnl_add_rule(r->socket, &rules[i]);

		if (error < 0)
			return error;
	}
	return 0;
}

void routes_delete_rules(
	struct routes *r, uint8_t family, bool (*chosen)(const struct rtnl_rule *rule))
{
	struct rtnl_rules all;
	int error = rtnl_list_rules(r->socket, family, &all);

	for (size_t i = 0; error >= 0 && i < all.count; i++)
		if (all.item[i].ours && (!chosen || chosen(&all.item[i])))
			rtnl_delete_rule(r->socket, &all.item[i]);
	free(all.item);
}

/* ---- Build --------------------------------------------------------------------------- */

#define RULE_TEXT (ADDRESS_TEXT + 48)

static const char *describe(const struct rtnl_rule *r, char out[RULE_TEXT])
{
	char text[ADDRESS_TEXT];

	if (r->to_prefix)
		snprintf(out, RULE_TEXT, "%s %s/%u",
			r->action == FR_ACT_PROHIBIT ? "prohibit" : "open",
			address_text(&r->to, text), r->to_prefix);
	else
		snprintf(out, RULE_TEXT, "%s, preference %u", family_text(r->family),
			r->preference);
	return out;
}

static bool is_ours(uint32_t table)
{
	return table == TABLE_WEB || table == TABLE_DNS;
}

/* Removes what an earlier codex-init left: a pod's namespace outlives its containers. */
static int clear(struct routes *r, uint8_t family)
{
	struct rtnl_routes all;
	int error;

	routes_delete_rules(r, family, NULL);
	error = rtnl_list_routes(r->socket, family, &all);
	for (size_t i = 0; error >= 0 && i < all.count; i++)
		if (is_ours(all.item[i].table))
			error = rtnl_delete_route(r->socket, &all.item[i]);
	free(all.item);
	return error;
}

int routes_remove(struct routes *r, struct failure *f)
{
	for (size_t i = 0; i < sizeof(families) / sizeof(families[0]); i++) {
		int error = clear(r, families[i]);

		if (error < 0 && !(families[i] == 6 && error == -NLE_AF_NOSUPPORT))
			return fail_rtnl(f, "take the routing rules away",
				family_text(families[i]), error);
	}
	return 0;
}

static int add_rules(struct routes *r, uint8_t family, struct failure *f)
{
	for (size_t i = 0; i < r->fence.count; i++) {
		const struct rtnl_rule *rule = &r->fence.item[i];
		char on[RULE_TEXT];
		int error;

		if (rule->family != family)
			continue;
		error = rtnl_add_rule(r->socket, rule);
		if (error == -NLE_AF_NOSUPPORT && family == 6 && !r->leads6) {
			r->ipv6_off = true;
			return 0;
		}
		if (error < 0)
			return fail_rtnl(f, "add a routing rule", describe(rule, on), error);
	}
	return 0;
}

static int build(struct routes *r, uint8_t family, struct failure *f)
{
	const struct rtnl_route dns = fence_to_loopback(family, TABLE_DNS);
	int error;

	/* The rules first: a kernel without policy rules has no other tables either, and
	 * would put the route into its only one. */
	if (add_rules(r, family, f) < 0)
		return -1;
	if (family == 6 && r->ipv6_off)
		return 0;
	error = rtnl_add_route(r->socket, &dns);
	if (error < 0) /* without ::1 there is nobody to query */
		say_detail("routes", "route questions to the resolver: %s: %s",
			family_text(family), nl_geterror(error));
	return 0;
}

int routes_build(struct routes *r, const struct wall_config *c, struct failure *f)
{
	for (size_t i = 0; i < sizeof(families); i++) {
		int error = clear(r, families[i]);

		if (error < 0)
			return fail_rtnl(f, "delete the routes of an earlier start",
				family_text(families[i]), error);
	}
	if (c->audit)
		return 0;
	if (fence_plan(&r->fence, c) < 0) {
		errno = ENOMEM;
		return fail_errno(f, "plan the routes", "");
	}
	for (size_t i = 0; i < sizeof(families); i++)
		if (build(r, families[i], f) < 0)
			return -1;
	r->built = true;
	return 0;
}

int routes_allow(struct routes *r, const struct address *a, struct failure *f)
{
	const struct rtnl_rule host = fence_host(a);
	char on[RULE_TEXT];
	int error;

	if (!r->built || (a->family == 6 && r->ipv6_off) || fence_opens(&r->fence, a))
		return 0;
	if (r->fence.hosts >= LIMIT_FENCE_HOSTS)
		return fail(f, "add a routing rule", "", "there are too many already");
	error = rtnl_add_rule(r->socket, &host);
	if (error < 0)
		return fail_rtnl(f, "add a routing rule", describe(&host, on), error);
	return fence_add(&r->fence, &host) < 0 ? fail_errno(f, "add a routing rule", "") : 0;
}

static int change_rule(
	struct routes *r, const struct rtnl_rule *rule, bool add, struct failure *f)
{
	char on[RULE_TEXT];
	int error = 0;

	if (rule->family == 4 || !r->ipv6_off)
		error = add ? rtnl_add_rule(r->socket, rule)
			    : rtnl_delete_rule(r->socket, rule);
	if (error < 0)
		return fail_rtnl(f, add ? "add a routing rule" : "delete a routing rule",
			describe(rule, on), error);
	return 0;
}

int routes_follow(struct routes *r, const struct wall_config *c, struct failure *f)
{
	struct fence wanted = {0};
	int status = 0;

	if (!r->built)
		return 0;
	if (fence_plan(&wanted, c) < 0)
		status = fail_errno(f, "plan the routes", "");
	for (size_t i = 0; i < wanted.count && status == 0; i++) {
		if (fence_has(&r->fence, &wanted.item[i]))
			continue;
		status = change_rule(r, &wanted.item[i], true, f);
		if (status == 0 && fence_add(&r->fence, &wanted.item[i]) < 0)
			status = fail_errno(f, "add a routing rule", "");
	}
	/* Single addresses stay: those that pins have opened aren't in the plan. */
	for (size_t i = r->fence.count; i-- > 0 && status == 0;)
		if (r->fence.item[i].preference == PREFER_NETWORKS &&
			!fence_has(&wanted, &r->fence.item[i])) {
			status = change_rule(r, &r->fence.item[i], false, f);
			if (status == 0)
				fence_remove(&r->fence, i);
		}
	fence_free(&wanted);
	return status;
}

/* ---- Read back ----------------------------------------------------------------------- */

/* The fence's next rule of that family, starting at *at; NULL at the end. */
static const struct rtnl_rule *next_rule(const struct routes *r, uint8_t family, size_t *at)
{
	while (*at < r->fence.count)
		if (r->fence.item[(*at)++].family == family)
			return &r->fence.item[*at - 1];
	return NULL;
}

/* Rules that are harmless anywhere: the local table has the container's own addresses, and
 * our tables lead to lo. */
static bool opens_nothing(const struct rtnl_rule *rule)
{
	return rule->action == FR_ACT_TO_TBL &&
	       (rule->table == RT_TABLE_LOCAL || (rule->ours && is_ours(rule->table)));
}

/* The fence's rules must be present, in order, before anybody else's. */
static int verify_rules(struct routes *r, uint8_t family, struct failure *f)
{
	struct rtnl_rules all;
	int error = rtnl_list_rules(r->socket, family, &all);
	size_t at = 0;
	const struct rtnl_rule *wanted = next_rule(r, family, &at);
	char on[RULE_TEXT];

	for (size_t i = 0; error >= 0 && wanted && i < all.count; i++) {
		if (rtnl_same_rule(&all.item[i], wanted))
			wanted = next_rule(r, family, &at);
		else if (!opens_nothing(&all.item[i]))
			break;
	}
	free(all.item);
	if (error < 0)
		return fail_rtnl(f, READ_BACK, family_text(family), error);
	if (wanted)
		return fail(f, READ_BACK, describe(wanted, on),
			"it is not there, or another rule comes before it");
	return 0;
}

/* Our tables must lead nowhere but to lo. */
static int verify_tables(struct routes *r, uint8_t family, struct failure *f)
{
	struct rtnl_routes all;
	int error = rtnl_list_routes(r->socket, family, &all), status = 0;

	for (size_t i = 0; error >= 0 && status == 0 && i < all.count; i++) {
		const struct rtnl_route *route = &all.item[i];

		if (is_ours(route->table) && route->type != RTN_LOCAL &&
			route->type != RTN_THROW)
			status = fail(f, READ_BACK, family_text(family),
				"a route in table %u leads out", route->table);
	}
	free(all.item);
	return error < 0 ? fail_rtnl(f, READ_BACK, family_text(family), error) : status;
}

int routes_verify(struct routes *r, const struct wall_config *c, struct failure *f)
{
	if (c->audit)
		return 0;
	for (size_t i = 0; i < sizeof(families); i++) {
		if (families[i] == 6 && r->ipv6_off)
			continue;
		if (verify_rules(r, families[i], f) < 0 || verify_tables(r, families[i], f) < 0)
			return -1;
	}
	return 0;
}
