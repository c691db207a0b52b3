/* See rtnl.h. */
#include "../lib/netfilter.h"

#include "rtnl.h"

#include <linux/fib_rules.h>
#include <linux/rtnetlink.h>
#include <netlink/attr.h>
#include <netlink/handlers.h>
#include <netlink/msg.h>
#include <netlink/netlink.h>
#include <stdlib.h>
#include <string.h>

/* Identifies our routes and rules (rtm_protocol, FRA_PROTOCOL); an unregistered number. */
#define PROTOCOL 121
/* Retries if a table changes during a dump. */
#define DUMP_TRIES 8
/* More routes or rules than any container has. */
#define DUMP_ITEMS 65536
/* We read only attributes below this one. */
#define ROUTE_ATTRIBUTES (RTA_VIA + 1)

static uint8_t family_of(uint8_t family)
{
	return family == 4 ? AF_INET : AF_INET6;
}

static int size_of(uint8_t family)
{
	return family == 4 ? 4 : 16;
}

static int put_address(struct nl_msg *m, int type, const struct address *a)
{
	return nla_put(m, type, size_of(a->family), a->bytes);
}

static void get_address(const struct nlattr *attribute, uint8_t family, struct address *out)
{
	if (!attribute || nla_len(attribute) != size_of(family))
		return;
	out->family = family;
	memcpy(out->bytes, nla_data(attribute), (size_t)size_of(family));
}

int rtnl_open(struct nl_sock **out)
{
	/* Named, since nl_socket_alloc() would let the environment choose (NLCB). */
	struct nl_cb *callbacks = nl_cb_alloc(NL_CB_DEFAULT);
	int error;

	*out = callbacks ? nl_socket_alloc_cb(callbacks) : NULL;
	nl_cb_put(callbacks); /* the socket has its own reference */
	if (!*out)
		return -NLE_NOMEM;
	error = nl_connect(*out, NETLINK_ROUTE);
	if (error < 0) {
		nl_socket_free(*out);
		*out = NULL;
	}
	return error;
}

/* Sends a message and waits for the kernel's ack. failed: the message couldn't be built. */
static int send_message(struct nl_sock *s, struct nl_msg *m, bool failed)
{
	if (failed) {
		nlmsg_free(m);
		return -NLE_NOMEM;
	}
	return nl_send_sync(s, m); /* which frees it */
}

/* ---- Lists --------------------------------------------------------------------------- */

struct rtnl_list {
	void *item;
	size_t size, count, room;
	int error;
	uint8_t family;
	int (*take)(struct rtnl_list *l, struct nlmsghdr *message);
};

static void *list_add(struct rtnl_list *l, const void *item)
{
	if (l->count == l->room) {
		size_t room = l->room ? l->room * 2 : 64;
		void *more = room > DUMP_ITEMS ? NULL : realloc(l->item, room * l->size);

		if (!more)
			return NULL;
		l->item = more;
		l->room = room;
	}
	return memcpy((char *)l->item + l->count++ * l->size, item, l->size);
}

static int take_message(struct nl_msg *message, void *context)
{
	struct rtnl_list *l = context;
	int error = l->take(l, nlmsg_hdr(message));

	if (error < 0)
		l->error = error;
	return NL_OK;
}

static int dump_once(struct nl_sock *s, int type, const void *header, size_t size)
{
	int error = nl_send_simple(s, type, NLM_F_DUMP, (void *)(uintptr_t)header, size);

	return error < 0 ? error : nl_recvmsgs_default(s);
}

/* Repeats a dump that was interrupted by a change. */
static int dump(
	struct nl_sock *s, int type, const void *header, size_t size, struct rtnl_list *l)
{
	int error = 0;

	nl_socket_modify_cb(s, NL_CB_VALID, NL_CB_CUSTOM, take_message, l);
	for (int i = 0; i < DUMP_TRIES; i++) {
		l->count = 0;
		l->error = 0;
		error = dump_once(s, type, header, size);
		if (error != -NLE_DUMP_INTR)
			break;
	}
	nl_socket_modify_cb(s, NL_CB_VALID, NL_CB_DEFAULT, NULL, NULL);
	if (error == -NLE_OPNOTSUPP || error == -NLE_AF_NOSUPPORT)
		return 0;
	return error < 0 ? error : l->error;
}

/* ---- Routes -------------------------------------------------------------------------- */

static struct nl_msg *route_message(int type, int flags, const struct rtnl_route *r)
{
	struct nl_msg *m = nlmsg_alloc_simple(type, flags);
	struct rtmsg h = {.rtm_family = family_of(r->to.family),
		.rtm_dst_len = r->prefix,
		.rtm_table = (uint8_t)r->table,
		.rtm_protocol = PROTOCOL,
		.rtm_scope = type == RTM_DELROUTE   ? RT_SCOPE_NOWHERE /* any */
			     : r->type == RTN_LOCAL ? RT_SCOPE_HOST
						    : RT_SCOPE_UNIVERSE,
		.rtm_type = r->type};

	if (m && nlmsg_append(m, &h, sizeof(h), NLMSG_ALIGNTO) == 0)
		return m;
	nlmsg_free(m);
	return NULL;
}

int rtnl_add_route(struct nl_sock *s, const struct rtnl_route *r)
{
	struct nl_msg *m = route_message(RTM_NEWROUTE, NLM_F_CREATE | NLM_F_REPLACE, r);

	return send_message(s, m,
		!m || (r->prefix && put_address(m, RTA_DST, &r->to) < 0) ||
			(r->device && nla_put_u32(m, RTA_OIF, r->device) < 0) ||
			(r->gateway.family && put_address(m, RTA_GATEWAY, &r->gateway) < 0) ||
			(r->source.family && put_address(m, RTA_PREFSRC, &r->source) < 0));
}

int rtnl_delete_route(struct nl_sock *s, const struct rtnl_route *r)
{
	struct nl_msg *m = route_message(RTM_DELROUTE, 0, r);

	return send_message(s, m, !m || (r->prefix && put_address(m, RTA_DST, &r->to) < 0));
}

/* A gateway of the route's own family, or of another one (RTA_VIA). */
static void get_gateway(struct nlattr *const a[], uint8_t family, struct address *out)
{
	const struct rtvia *via = a[RTA_VIA] ? nla_data(a[RTA_VIA]) : NULL;

	get_address(a[RTA_GATEWAY], family, out);
	if (via && via->rtvia_family == AF_INET6 &&
		nla_len(a[RTA_VIA]) == (int)sizeof(*via) + size_of(6)) {
		out->family = 6;
		memcpy(out->bytes, via->rtvia_addr, 16);
	}
}

/* Adds each next hop of a multipath route. */
static int take_next_hops(struct rtnl_list *l, const struct nlattr *hops, struct rtnl_route *r)
{
	struct rtnexthop *h = nla_data(hops); /* not const: the macros cast it away */
	int left = nla_len(hops);

	for (; RTNH_OK(h, left); left -= RTNH_ALIGN(h->rtnh_len), h = RTNH_NEXT(h)) {
		struct nlattr *a[ROUTE_ATTRIBUTES] = {NULL};

		if (nla_parse(a, ROUTE_ATTRIBUTES - 1, (struct nlattr *)RTNH_DATA(h),
			    (int)(h->rtnh_len - RTNH_LENGTH(0)), NULL) < 0)
			return -NLE_INVAL;
		r->device = (uint32_t)h->rtnh_ifindex;
		memset(&r->gateway, 0, sizeof(r->gateway));
		get_gateway(a, r->to.family, &r->gateway);
		if (!list_add(l, r))
			return -NLE_NOMEM;
	}
	return 0;
}

static int take_route(struct rtnl_list *l, struct nlmsghdr *message)
{
	struct nlattr *a[ROUTE_ATTRIBUTES] = {NULL};
	const struct rtmsg *h = nlmsg_data(message);
	struct rtnl_route r = {.to = {.family = l->family}};

	if (message->nlmsg_type != RTM_NEWROUTE)
		return 0;
	if (nlmsg_parse(message, sizeof(*h), a, ROUTE_ATTRIBUTES - 1, NULL) < 0)
		return -NLE_INVAL;
	/* If a family has no such dump, the kernel dumps another one. */
	if (h->rtm_family != family_of(l->family) || h->rtm_flags & RTM_F_CLONED)
		return 0;
	get_address(a[RTA_DST], l->family, &r.to);
	r.prefix = h->rtm_dst_len;
	r.type = h->rtm_type;
	r.table = a[RTA_TABLE] ? nla_get_u32(a[RTA_TABLE]) : h->rtm_table;
	get_address(a[RTA_PREFSRC], l->family, &r.source);
	if (a[RTA_MULTIPATH])
		return take_next_hops(l, a[RTA_MULTIPATH], &r);
	r.device = a[RTA_OIF] ? nla_get_u32(a[RTA_OIF]) : 0;
	get_gateway(a, l->family, &r.gateway);
	return list_add(l, &r) ? 0 : -NLE_NOMEM;
}

int rtnl_list_routes(struct nl_sock *s, uint8_t family, struct rtnl_routes *out)
{
	const struct rtmsg h = {.rtm_family = family_of(family)};
	struct rtnl_list l = {.size = sizeof(*out->item), .family = family, .take = take_route};
	int error = dump(s, RTM_GETROUTE, &h, sizeof(h), &l);

	out->item = l.item;
	out->count = l.count;
	return error;
}

/* ---- Rules --------------------------------------------------------------------------- */

static int put_rule(struct nl_msg *m, const struct rtnl_rule *r)
{
	const struct fib_rule_hdr h = {.family = family_of(r->family),
		.src_len = (uint8_t)(8 * (r->from.family ? size_of(r->family) : 0)),
		.dst_len = r->to_prefix,
		.table = (uint8_t)r->table,
		.action = r->action};
	const struct fib_rule_uid_range uids = {r->low, r->high};
	const struct fib_rule_port_range ports = {r->port, r->port},
					 from_ports = {r->from_port, r->from_port};

	if (nlmsg_append(m, (void *)(uintptr_t)&h, sizeof(h), NLMSG_ALIGNTO) < 0 ||
		nla_put_u8(m, FRA_PROTOCOL, PROTOCOL) < 0 ||
		nla_put_u32(m, FRA_PRIORITY, r->preference) < 0 ||
		(r->table && nla_put_u32(m, FRA_TABLE, r->table) < 0) ||
		(r->goes && nla_put_u32(m, FRA_GOTO, r->goes) < 0) ||
		(r->from.family && put_address(m, FRA_SRC, &r->from) < 0) ||
		(r->to_prefix && put_address(m, FRA_DST, &r->to) < 0) ||
		(r->protocol && nla_put_u8(m, FRA_IP_PROTO, r->protocol) < 0) ||
		(r->port && nla_put(m, FRA_DPORT_RANGE, sizeof(ports), &ports) < 0) ||
		(r->from_port &&
			nla_put(m, FRA_SPORT_RANGE, sizeof(from_ports), &from_ports) < 0) ||
		(r->of_uids && nla_put(m, FRA_UID_RANGE, sizeof(uids), &uids) < 0) ||
		(r->but_default && nla_put_u32(m, FRA_SUPPRESS_PREFIXLEN, 0) < 0))
		return -1;
	return 0;
}

static int send_rule(struct nl_sock *s, int type, int flags, const struct rtnl_rule *r)
{
	struct nl_msg *m = nlmsg_alloc_simple(type, flags);

	return send_message(s, m, !m || put_rule(m, r) < 0);
}

int rtnl_add_rule(struct nl_sock *s, const struct rtnl_rule *r)
{
	return send_rule(s, RTM_NEWRULE, NLM_F_CREATE | NLM_F_EXCL, r);
}

int rtnl_delete_rule(struct nl_sock *s, const struct rtnl_rule *r)
{
	return send_rule(s, RTM_DELRULE, 0, r);
}

static uint16_t get_port(const struct nlattr *attribute, struct rtnl_rule *r)
{
	const struct fib_rule_port_range *ports = nla_data(attribute);

	r->more |= ports->start != ports->end;
	return ports->start;
}

/* Reads one attribute. */
static void get_attribute(const struct nlattr *a, struct rtnl_rule *r)
{
	const struct fib_rule_uid_range *uids = nla_data(a);

	switch (nla_type(a)) {
	case FRA_PRIORITY:
		r->preference = nla_get_u32(a);
		break;
	case FRA_TABLE:
		r->table = nla_get_u32(a);
		break;
	case FRA_PROTOCOL:
		r->ours = nla_get_u8(a) == PROTOCOL;
		break;
	case FRA_SRC:
		get_address(a, r->family, &r->from);
		break;
	case FRA_DST:
		get_address(a, r->family, &r->to);
		break;
	case FRA_GOTO:
		r->goes = nla_get_u32(a);
		break;
	case FRA_IP_PROTO:
		r->protocol = nla_get_u8(a);
		break;
	case FRA_DPORT_RANGE:
		r->port = get_port(a, r);
		break;
	case FRA_SPORT_RANGE:
		r->from_port = get_port(a, r);
		break;
	case FRA_UID_RANGE:
		r->of_uids = true;
		r->low = uids->start;
		r->high = uids->end;
		break;
	case FRA_SUPPRESS_PREFIXLEN: /* always present; -1 means none */
		r->but_default = nla_get_u32(a) == 0;
		r->more |= nla_get_u32(a) != 0 && nla_get_u32(a) != UINT32_MAX;
		break;
	case FRA_IIFNAME:
	case FRA_OIFNAME:
	case FRA_FWMARK:
	case FRA_FWMASK:
	case FRA_FLOW:
	case FRA_TUN_ID:
	case FRA_SUPPRESS_IFGROUP:
	case FRA_L3MDEV:
		r->more = true;
		break;
	default: /* newer kernels' other forms of known attributes, such as port masks */
		break;
	}
}

static int take_rule(struct rtnl_list *l, struct nlmsghdr *message)
{
	const struct fib_rule_hdr *h = nlmsg_data(message);
	struct rtnl_rule r = {.family = l->family, .action = h->action, .table = h->table};
	struct nlattr *a;
	int left;

	if (message->nlmsg_type != RTM_NEWRULE || h->family != family_of(l->family))
		return 0;
	r.to_prefix = h->dst_len;
	r.more = (h->flags & ~(unsigned)FIB_RULE_PERMANENT) || h->tos ||
		 (h->src_len && h->src_len != 8 * size_of(l->family));
	nlmsg_for_each_attr(a, message, sizeof(*h), left) get_attribute(a, &r);
	return list_add(l, &r) ? 0 : -NLE_NOMEM;
}

int rtnl_list_rules(struct nl_sock *s, uint8_t family, struct rtnl_rules *out)
{
	const struct fib_rule_hdr h = {.family = family_of(family)};
	struct rtnl_list l = {.size = sizeof(*out->item), .family = family, .take = take_rule};
	int error = dump(s, RTM_GETRULE, &h, sizeof(h), &l);

	out->item = l.item;
	out->count = l.count;
	return error;
}

bool rtnl_same_rule(const struct rtnl_rule *a, const struct rtnl_rule *b)
{
	return a->family == b->family && a->preference == b->preference &&
	       a->action == b->action && a->table == b->table && a->goes == b->goes &&
	       address_compare(&a->from, &b->from) == 0 &&
	       address_compare(&a->to, &b->to) == 0 && a->to_prefix == b->to_prefix &&
	       a->protocol == b->protocol && a->port == b->port &&
	       a->from_port == b->from_port && a->of_uids == b->of_uids && a->low == b->low &&
	       a->high == b->high && a->but_default == b->but_default && a->more == b->more;
}
