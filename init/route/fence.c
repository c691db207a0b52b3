/*
 * The rules of the fence, in order. Pure. routes.c shows them in ip(8) syntax.
 */
#include "../lib/netfilter.h"

#include <linux/fib_rules.h>
#include <linux/rtnetlink.h>
#include <stdlib.h>
#include <string.h>

#include "../lib/fake_ip.h"
#include "../policy/rule.h"
#include "routes_private.h"

#define LOOPBACK_IFINDEX 1
#define DNS_PORT         53

/* ---- The list ------------------------------------------------------------------------ */

int fence_add(struct fence *f, const struct rtnl_rule *rule)
{
	size_t at = f->count;

	if (fence_has(f, rule))
		return 0;
	if (f->count == f->room) {
		size_t room = f->room ? f->room * 2 : 128;
		struct rtnl_rule *more = realloc(f->item, room * sizeof(*more));

		if (!more)
			return -1;
		f->item = more;
		f->room = room;
	}
	while (at > 0 && rule->preference < f->item[at - 1].preference)
		at--;
	memmove(&f->item[at + 1], &f->item[at], (f->count - at) * sizeof(*f->item));
	f->item[at] = *rule;
	f->count++;
	f->hosts += rule->preference == PREFER_HOSTS;
	return 0;
}

bool fence_opens(const struct fence *f, const struct address *a)
{
	for (size_t i = 0; i < f->count; i++) {
		const struct rtnl_rule *rule = &f->item[i];

		if (rule->to_prefix && rule->family == a->family &&
			address_inside(a, &rule->to, rule->to_prefix))
			return rule->action == FR_ACT_TO_TBL;
	}
	return false;
}

bool fence_has(const struct fence *f, const struct rtnl_rule *rule)
{
	for (size_t i = 0; i < f->count; i++)
		if (rtnl_same_rule(&f->item[i], rule))
			return true;
	return false;
}

void fence_remove(struct fence *f, size_t at)
{
	f->hosts -= f->item[at].preference == PREFER_HOSTS;
	f->count--;
	memmove(&f->item[at], &f->item[at + 1], (f->count - at) * sizeof(*f->item));
}

void fence_free(struct fence *f)
{
	free(f->item);
	memset(f, 0, sizeof(*f));
}

/* ---- Destinations -------------------------------------------------------------------- */

struct rtnl_rule fence_host(const struct address *a)
{
	return (struct rtnl_rule){.family = a->family,
		.preference = PREFER_HOSTS,
		.action = FR_ACT_TO_TBL,
		.table = RT_TABLE_MAIN,
		.to = *a,
		.to_prefix = a->family == 4 ? 32 : 128};
}

static int add_host(struct fence *f, const struct address *a)
{
	const struct rtnl_rule rule = fence_host(a);
	const enum address_class class = address_classify(a);

	return class == ADDRESS_PUBLIC || class == ADDRESS_LOOPBACK ? 0 : fence_add(f, &rule);
}

/* The upstreams, wherever they are. And the gateways: nftables refuses them and counts that. */
static int add_hosts(struct fence *f, const struct wall_config *c)
{
	for (size_t i = 0; i < c->upstreams_count; i++)
		if (add_host(f, &c->upstreams[i].address) < 0)
			return -1;
	for (size_t i = 0; i < c->gateways_count; i++)
		if (add_host(f, &c->gateways[i]) < 0)
			return -1;
	return 0;
}

/* Names to be asked about: nftables can redirect only what isn't prohibited here. */
static int add_stand_ins(struct fence *f, const struct wall_config *c)
{
	const struct address base = fake_ip_address(FAKE_IP_PROXY, FAKE_IP_ASKED);
	struct rtnl_rule open = fence_host(&base);

	open.to_prefix = FAKE_IP_ASKED_PREFIX;
	return c->asks && !c->proxied ? fence_add(f, &open) : 0;
}

/* Servers that anybody may reach reply to any address; nftables ensures that nothing else
 * leaves from their ports. */
static int add_published(struct fence *f, const struct wall_config *c, uint8_t family)
{
	for (size_t i = 0; i < c->published_count; i++) {
		const struct rtnl_rule rule = {.family = family,
			.preference = PREFER_HOSTS,
			.action = FR_ACT_TO_TBL,
			.table = RT_TABLE_MAIN,
			.protocol = IPPROTO_TCP,
			.from_port = c->published[i].port};

		if (c->published[i].any && fence_add(f, &rule) < 0)
			return -1;
	}
	return 0;
}

/* The NAT64 form of an IPv4 rule. */
static struct rtnl_rule translated(struct rtnl_rule rule)
{
	rule.family = 6;
	rule.to = address_nat64(&rule.to);
	rule.to_prefix += ADDRESS_NAT64_BITS;
	return rule;
}

/* Adds a rule, and its NAT64 form if it has one. */
static int add_both(struct fence *f, const struct rtnl_rule *rule)
{
	const struct rtnl_rule twin = translated(*rule);

	if (fence_add(f, rule) < 0)
		return -1;
	return rule->family == 4 ? fence_add(f, &twin) : 0;
}

/* Opens single addresses of special ranges that this rule covers. */
static int add_parts(struct fence *f, const struct rule *rule)
{
	for (size_t i = 0; i < address_parts_count; i++) {
		const struct address_range *part = &address_parts[i];

		if (part->class == ADDRESS_PRIVATE && rule_has_address(rule, &part->base) &&
			add_host(f, &part->base) < 0)
			return -1;
	}
	return 0;
}

static int add_network(struct fence *f, const struct rule *rule)
{
	struct rtnl_rule open = {.family = rule->network.family,
		.preference = PREFER_NETWORKS,
		.action = FR_ACT_TO_TBL,
		.table = RT_TABLE_MAIN,
		.to = rule->network,
		.to_prefix = rule->prefix ? rule->prefix : 1};

	if (add_both(f, &open) < 0)
		return -1;
	/* Any destination, as two halves: after a narrower rule the kernel considers one
	 * without a destination a duplicate. */
	open.to.bytes[0] = 0x80;
	if (rule->prefix == 0 && add_both(f, &open) < 0)
		return -1;
	return add_parts(f, rule);
}

static int add_networks(struct fence *f, const struct wall_config *c)
{
	/* Where NAT64 destinations that aren't prohibited continue. */
	const struct rtnl_rule here = {
		.family = 6, .preference = PREFER_NETWORKS, .action = FR_ACT_NOP};

	if (fence_add(f, &here) < 0)
		return -1;
	for (size_t i = 0, end = c->policy ? policy_rules(c->policy) : 0; i < end; i++) {
		const struct rule *rule = policy_rule(c->policy, i);

		if (rule && rule->kind == RULE_NETWORK && rule->effect == RULE_ALLOW &&
			rule->private && add_network(f, rule) < 0)
			return -1;
	}
	return 0;
}

static bool prohibited(const struct wall_config *c, const struct address_range *range)
{
	size_t unused;

	if (range->class == ADDRESS_LOOPBACK)
		return false;
	/* IPv6 needs these for neighbour discovery; they can't be routed any further, and
	 * nftables lets only neighbour discovery out. */
	if (range->base.family == 6 &&
		(range->class == ADDRESS_LINK_LOCAL || range->class == ADDRESS_MULTICAST))
		return false;
	/* Behind a proxy these are fake IPs. A prohibit rule would refuse them before
	 * nftables can redirect; no real host has one, should a packet ever leave. */
	return !(c->proxied && fake_ip_index(FAKE_IP_PROXY, &range->base, &unused));
}

static struct rtnl_rule prohibit(const struct address_range *range)
{
	const bool private = range->class == ADDRESS_PRIVATE;

	return (struct rtnl_rule){.family = range->base.family,
		.preference = private ? PREFER_PRIVATE : PREFER_SPECIAL,
		.action = FR_ACT_PROHIBIT,
		.to = range->base,
		.to_prefix = range->prefix};
}

/* The NAT64 prefix is inside a special range, but what it stands for may be anything. */
static int add_translated(struct fence *f, const struct address_range *range)
{
	struct rtnl_rule rule = prohibit(range);

	if (range->base.family != 4)
		return 0;
	rule = translated(rule);
	if (rule.preference == PREFER_SPECIAL)
		rule.preference = PREFER_NAT64;
	return fence_add(f, &rule);
}

static int add_ranges(struct fence *f, const struct wall_config *c)
{
	const struct address none = {.family = 4};
	const struct rtnl_rule rest = {.family = 6,
		.preference = PREFER_NAT64,
		.action = FR_ACT_GOTO,
		.goes = PREFER_NETWORKS,
		.to = address_nat64(&none),
		.to_prefix = ADDRESS_NAT64_BITS};

	for (size_t i = 0; i < address_ranges_count; i++) {
		const struct address_range *range = &address_ranges[i];
		const struct rtnl_rule rule = prohibit(range);

		if (prohibited(c, range) && fence_add(f, &rule) < 0)
			return -1;
		if (add_translated(f, range) < 0)
			return -1;
	}
	/* Metadata services in private space. */
	for (size_t i = 0; i < address_parts_count; i++) {
		const struct address_range *part = &address_parts[i];
		const struct rtnl_rule rule = prohibit(part);

		if (part->class == ADDRESS_LINK_LOCAL &&
			(fence_add(f, &rule) < 0 || add_translated(f, part) < 0))
			return -1;
	}
	return fence_add(f, &rest);
}

/* ---- Owners -------------------------------------------------------------------------- */

static int add_of_uids(struct fence *f, struct rtnl_rule rule, const uint8_t *actions, size_t n)
{
	rule.of_uids = true;
	for (size_t i = 0; i < n; i++) {
		rule.action = actions[i];
		rule.table = actions[i] == FR_ACT_TO_TBL ? RT_TABLE_MAIN : 0;
		rule.goes = actions[i] == FR_ACT_GOTO ? PREFER_FENCE : 0;
		if (fence_add(f, &rule) < 0)
			return -1;
	}
	return 0;
}

static int add_owners(struct fence *f, const struct wall_config *c, uint8_t family)
{
	static const uint8_t out[] = {FR_ACT_TO_TBL, FR_ACT_UNREACHABLE};
	static const uint8_t past[] = {FR_ACT_GOTO};
	static const uint8_t transports[] = {IPPROTO_UDP, IPPROTO_TCP};
	const uid_t low = c->gate_uid < c->resolver_uid ? c->gate_uid : c->resolver_uid;
	const uid_t high = c->gate_uid < c->resolver_uid ? c->resolver_uid : c->gate_uid;
	struct rtnl_rule root = {.family = family, .preference = PREFER_ROOT};
	struct rtnl_rule workers = {.family = family,
		.preference = PREFER_WORKERS,
		.low = UID_PROBE < low ? UID_PROBE : low,
		.high = high};
	const struct rtnl_rule here = {
		.family = family, .preference = PREFER_FENCE, .action = FR_ACT_NOP};

	if (add_of_uids(f, root, out, 2) < 0 || add_of_uids(f, workers, past, 1) < 0)
		return -1;
	for (size_t i = 0; i < sizeof(transports); i++) {
		const struct rtnl_rule question = {.family = family,
			.preference = PREFER_DNS,
			.action = FR_ACT_TO_TBL,
			.table = TABLE_DNS,
			.protocol = transports[i],
			.port = DNS_PORT};

		if (fence_add(f, &question) < 0)
			return -1;
	}
	workers.preference = PREFER_WORKERS_OUT;
	return fence_add(f, &here) < 0 ? -1 : add_of_uids(f, workers, out, 2);
}

int fence_plan(struct fence *f, const struct wall_config *c)
{
	fence_free(f);
	if (add_published(f, c, 4) < 0 || add_published(f, c, 6) < 0 || add_hosts(f, c) < 0 ||
		add_stand_ins(f, c) < 0 || add_networks(f, c) < 0 || add_ranges(f, c) < 0 ||
		add_owners(f, c, 4) < 0 || add_owners(f, c, 6) < 0)
		return -1;
	return 0;
}

struct rtnl_route fence_to_loopback(uint8_t family, uint32_t table)
{
	static const struct address four = {4, {127, 0, 0, 1}}, six = {6, {[15] = 1}};

	return (struct rtnl_route){.to = {.family = family},
		.type = RTN_LOCAL,
		.table = table,
		.device = LOOPBACK_IFINDEX,
		.source = family == 4 ? four : six};
}
