/*
 * Policy routing to the gate; see divert.h. In ip(8)'s words, for each family:
 *
 *	rule 120: from 127.0.0.1 ipproto tcp dport 443 lookup 121	and 80
 *	rule 121: uidrange 0-0 lookup main				and our workers'
 *	rule 122: lookup main suppress_prefixlength 0
 *	rule 123: ipproto tcp dport 443 lookup 121			and 80
 *	table 121: throw NETWORK, of each rule about a network
 *		   local default dev lo src 127.0.0.1
 *
 * So what the main table knows more exactly than by its default route stays with it: what is
 * prohibited, the gateways, the addresses of +private rules. Networks that the policy names
 * are decided about by the wall's sets, and thrown back to the main table, too.
 *
 * Uid 0 is left out because the kernel asks by it whether a packet that comes in has come the
 * way that an answer would go (rp_filter, RFC 3704): by our table, no server's would have. But
 * what the kernel sends in the name of a socket that is gone is uid 0's as well: a reset to the
 * gate, when a client has closed. The first rule knows that by its address, which is why
 * diverted connections come from 127.0.0.1.
 */
#include "kernel.h"

#include "divert.h"

#include <linux/fib_rules.h>
#include <linux/rtnetlink.h>
#include <netlink/attr.h>
#include <netlink/msg.h>
#include <netlink/netlink.h>
#include <string.h>

#include "routes_private.h"

#define LOOPBACK_IFINDEX 1
/* The table, and the first of the rules' preferences: a number that nobody has registered, and
 * any between the local table's 0 and the main table's 32766. */
#define TABLE      ROUTES_PROTOCOL
#define PREFERENCE 120
/* Rules of ours that an earlier run can have left; each is deleted by itself. */
#define OLD_RULES 64

static const struct address loopback4 = {4, {127, 0, 0, 1}}, loopback6 = {6, {[15] = 1}};

struct rule_words {
	uint32_t preference;
	bool from_loopback;
	uint16_t port; /* 0: any, of any protocol */
	uint32_t table;
	bool with_uids;
	struct fib_rule_uid_range uids;
	bool but_default; /* the table's default route does not count */
};

static int family_of(const struct address *a)
{
	return a->family == 4 ? AF_INET : AF_INET6;
}

static uint8_t size_of(const struct address *a)
{
	return a->family == 4 ? 4 : 16;
}

static int tell(struct routes *r, int type, int flags, void *header, size_t size,
	int (*fill)(struct nl_msg *m, const void *what), const void *what)
{
	struct nl_msg *m = nlmsg_alloc_simple(type, flags);

	if (!m || nlmsg_append(m, header, size, NLMSG_ALIGNTO) < 0 ||
		(fill && fill(m, what) < 0)) {
		nlmsg_free(m);
		return -NLE_NOMEM;
	}
	return nl_send_sync(r->socket, m); /* which frees it */
}

/* ---- Rules ------------------------------------------------------------------------------- */

static int fill_rule(struct nl_msg *m, const void *what)
{
	const struct rule_words *w = what;
	const struct fib_rule_hdr *h = nlmsg_data(nlmsg_hdr(m));
	const struct fib_rule_port_range ports = {w->port, w->port};
	const struct address *from = h->family == AF_INET ? &loopback4 : &loopback6;

	if (nla_put_u8(m, FRA_PROTOCOL, ROUTES_PROTOCOL) < 0)
		return -1;
	if (!w->preference)
		return 0;
	if (nla_put_u32(m, FRA_PRIORITY, w->preference) < 0 ||
		nla_put_u32(m, FRA_TABLE, w->table) < 0 ||
		(w->from_loopback && nla_put(m, FRA_SRC, size_of(from), from->bytes) < 0) ||
		(w->port && (nla_put_u8(m, FRA_IP_PROTO, IPPROTO_TCP) < 0 ||
				    nla_put(m, FRA_DPORT_RANGE, sizeof(ports), &ports) < 0)) ||
		(w->with_uids && nla_put(m, FRA_UID_RANGE, sizeof(w->uids), &w->uids) < 0) ||
		(w->but_default && nla_put_u32(m, FRA_SUPPRESS_PREFIXLEN, 0) < 0))
		return -1;
	return 0;
}

static int tell_rule(struct routes *r, int type, int family, const struct rule_words *w)
{
	struct fib_rule_hdr h = {.family = (uint8_t)family,
		.src_len = w->from_loopback ? (family == AF_INET ? 32 : 128) : 0,
		.table = (uint8_t)w->table,
		.action = type == RTM_NEWRULE ? FR_ACT_TO_TBL : 0};

	return tell(r, type, type == RTM_NEWRULE ? NLM_F_CREATE | NLM_F_EXCL : 0, &h, sizeof(h),
		fill_rule, w);
}

static int add_rules(struct routes *r, const struct wall_config *c, int family)
{
	const uid_t low = c->gate_uid < c->resolver_uid ? c->gate_uid : c->resolver_uid;
	const uid_t high = c->gate_uid < c->resolver_uid ? c->resolver_uid : c->gate_uid;
	const struct rule_words rules[] = {
		{PREFERENCE, .from_loopback = true, .port = 443, .table = TABLE},
		{PREFERENCE, .from_loopback = true, .port = 80, .table = TABLE},
		{PREFERENCE + 1, .table = RT_TABLE_MAIN, .with_uids = true, .uids = {0, 0}},
		{PREFERENCE + 1, .table = RT_TABLE_MAIN, .with_uids = true,
			.uids = {UID_PROBE < low ? UID_PROBE : low, high}},
		{PREFERENCE + 2, .table = RT_TABLE_MAIN, .but_default = true},
		{PREFERENCE + 3, .port = 443, .table = TABLE},
		{PREFERENCE + 3, .port = 80, .table = TABLE},
	};

	for (size_t i = 0; i < sizeof(rules) / sizeof(rules[0]); i++) {
		int error = tell_rule(r, RTM_NEWRULE, family, &rules[i]);

		if (error < 0)
			return error;
	}
	return 0;
}

static void delete_rules(struct routes *r, int family)
{
	const struct rule_words any = {0};

	for (int i = 0; i < OLD_RULES; i++)
		if (tell_rule(r, RTM_DELRULE, family, &any) < 0)
			return;
}

/* ---- Routes ------------------------------------------------------------------------------ */

struct route_words {
	const struct address *to; /* NULL: the default route, to lo */
	const struct address *from;
};

static int fill_route(struct nl_msg *m, const void *what)
{
	const struct route_words *w = what;

	if (w->to)
		return nla_put(m, RTA_DST, size_of(w->to), w->to->bytes);
	return nla_put_u32(m, RTA_OIF, LOOPBACK_IFINDEX) < 0
		       ? -1
		       : nla_put(m, RTA_PREFSRC, size_of(w->from), w->from->bytes);
}

static int add_route(struct routes *r, int family, const struct route_words *w, uint8_t prefix)
{
	struct rtmsg h = {.rtm_family = (uint8_t)family,
		.rtm_dst_len = prefix,
		.rtm_table = TABLE,
		.rtm_protocol = ROUTES_PROTOCOL,
		.rtm_scope = w->to ? RT_SCOPE_UNIVERSE : RT_SCOPE_HOST,
		.rtm_type = w->to ? RTN_THROW : RTN_LOCAL};

	return tell(
		r, RTM_NEWROUTE, NLM_F_CREATE | NLM_F_REPLACE, &h, sizeof(h), fill_route, w);
}

static int add_routes(struct routes *r, const struct wall_config *c, int family)
{
	const struct route_words all = {.from = family == AF_INET ? &loopback4 : &loopback6};
	bool everything = false;

	for (size_t i = 0; c->policy && i < c->policy->count; i++) {
		const struct rule *rule = &c->policy->rules[i];
		const struct route_words w = {.to = &rule->network};
		int error = 0;

		if (rule->kind != RULE_NETWORK || family_of(&rule->network) != family)
			continue;
		error = add_route(r, family, &w, rule->prefix);
		if (error < 0)
			return error;
		everything |= rule->prefix == 0;
	}
	/* The default route would replace the exception of a rule about every address. */
	return everything ? 0 : add_route(r, family, &all, 0);
}

/* ---- Both -------------------------------------------------------------------------------- */

static bool has_default(const struct routes *r, int family)
{
	for (size_t i = 0; i < r->original.count; i++) {
		const struct way *w = &r->original.item[i];

		if (family_of(&w->to) == family && w->prefix == 0 && w->type == RTN_UNICAST)
			return true;
	}
	return false;
}

static void divert(struct routes *r, const struct wall_config *c, int family)
{
	/* The rules first: a kernel without them has no tables either, and would put the routes
	 * into its only one. */
	int error = add_rules(r, c, family);

	if (error >= 0)
		error = add_routes(r, c, family);
	if (error >= 0)
		return;
	delete_rules(r, family);
	say_detail("routes", "route the web's ports to the gate: %s: %s; NAT does it",
		family == AF_INET ? "IPv4" : "IPv6", nl_geterror(error));
}

void divert_build(struct routes *r, const struct wall_config *c)
{
	divert_end(r);
	if (c->diverts && has_default(r, AF_INET))
		divert(r, c, AF_INET);
	if (c->diverts && has_default(r, AF_INET6) && !r->ipv6_off)
		divert(r, c, AF_INET6);
}

void divert_end(struct routes *r)
{
	delete_rules(r, AF_INET);
	delete_rules(r, AF_INET6);
}
