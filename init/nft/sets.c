/*
 * The wall's sets: what the policy, the upstreams and the gateways become in the kernel.
 *
 * There are two kinds of interval sets. For plain addresses the kernel uses a tree, in which
 * an interval is an element for its first address and another, flagged as an end, for the
 * address after its last; for concatenations it uses a lookup table (pipapo), in which an
 * element has a first and a last key. Neither accepts overlapping intervals, so networks
 * inside others are dropped.
 */
#include "../lib/netfilter.h"

#include "networks.h"
#include "ruleset.h"

#include <string.h>

/*
 * nft(8)'s numbers for data types, which the kernel stores but doesn't interpret: they make
 * the output of `nft list table inet codex_init` readable. A concatenation uses six bits for
 * each.
 */
enum {
	TYPE_IPV4_ADDR = 7,
	TYPE_IPV6_ADDR = 8,
	TYPE_INET_PROTO = 12,
	TYPE_INET_SERVICE = 13,
	TYPE_BITS = 6,
};

static const struct definition {
	const char *name4, *name6;
	bool protocol, port; /* fields after the address */
	bool interval, fixed;
	bool grows; /* fixed except for runtime rules */
	uint32_t flags, size;
} definitions[SET_KINDS] = {
	[SET_UPSTREAMS] = {"upstreams4", "upstreams6", .port = true, .fixed = true},
	[SET_GATEWAYS] = {"gateways4", "gateways6", .fixed = true},
	[SET_SPECIAL] = {"special4", "special6", .interval = true, .fixed = true},
	[SET_PRIVATE_RANGES] = {"private_ranges4", "private_ranges6", .interval = true,
		.fixed = true},
	[SET_DENIED] = {"denied4", "denied6", .interval = true, .fixed = true, .grows = true},
	[SET_DENIED_PORTS] = {"denied_ports4", "denied_ports6", .port = true, .interval = true,
		.fixed = true, .grows = true},
	[SET_RETIRED] = {"retired4", "retired6", .port = true, .interval = true, .fixed = true,
		.grows = true},
	[SET_NETS] = {"nets4", "nets6", .port = true, .interval = true, .fixed = true,
		.grows = true},
	[SET_PRIVATE_NETS] = {"private_nets4", "private_nets6", .port = true, .interval = true,
		.fixed = true, .grows = true},
	[SET_REVOKED] = {"revoked4", "revoked6", .port = true},
	[SET_PINS] = {"pins4", "pins6", .port = true, .flags = NFT_SET_TIMEOUT,
		.size = PINS_MAX},
	[SET_PRIVATE] = {"private4", "private6", .port = true, .flags = NFT_SET_TIMEOUT,
		.size = PINS_MAX},
	[SET_PROXIES] = {"proxies4", "proxies6", .port = true, .flags = NFT_SET_TIMEOUT,
		.size = PINS_MAX},
	[SET_USED] = {"used4", "used6", .port = true, .flags = NFT_SET_EVAL | NFT_SET_TIMEOUT,
		.size = WALL_USED_MAX},
	[SET_REFUSED] = {"refused4", "refused6", .protocol = true, .port = true,
		.flags = NFT_SET_EVAL, .size = REFUSED_MAX},
};

const char *ruleset_set_name(enum set_kind kind, unsigned family)
{
	return family == 4 ? definitions[kind].name4 : definitions[kind].name6;
}

uint32_t sets_key(uint8_t out[KEY_MAX], const struct address *a, int protocol, uint16_t port)
{
	uint32_t len = a->family == 4 ? 4 : 16;
	uint16_t wire = htons(port);

	memset(out, 0, KEY_MAX);
	memcpy(out, a->bytes, len);
	if (protocol >= 0) {
		out[len] = (uint8_t)protocol;
		len += 4;
	}
	memcpy(out + len, &wire, sizeof(wire));
	return len + 4;
}

static struct nftnl_set *new_set(const struct definition *d, unsigned family, uint32_t id)
{
	uint8_t fields[3] = {family == 4 ? 4 : 16};
	uint32_t count = 1, flags = d->flags, len = fields[0];
	uint32_t type = family == 4 ? TYPE_IPV4_ADDR : TYPE_IPV6_ADDR;
	struct nftnl_set *s = nftnl_set_alloc();

	if (!s)
		return NULL;
	if (d->protocol) {
		type = type << TYPE_BITS | TYPE_INET_PROTO;
		fields[count++] = 1;
		len += 4;
	}
	if (d->port) {
		type = type << TYPE_BITS | TYPE_INET_SERVICE;
		fields[count++] = 2;
		len += 4;
	}
	if (d->interval)
		flags |= NFT_SET_INTERVAL | (count > 1 ? NFT_SET_CONCAT : 0);
	if (d->fixed && !d->grows)
		flags |= NFT_SET_CONSTANT;
	nftnl_set_set_u32(s, NFTNL_SET_FAMILY, NFPROTO_INET);
	nftnl_set_set_u32(s, NFTNL_SET_FLAGS, flags);
	nftnl_set_set_u32(s, NFTNL_SET_KEY_TYPE, type);
	nftnl_set_set_u32(s, NFTNL_SET_KEY_LEN, len);
	nftnl_set_set_u32(s, NFTNL_SET_ID, id);
	if (d->size)
		nftnl_set_set_u32(s, NFTNL_SET_DESC_SIZE, d->size);
	if (nftnl_set_set_str(s, NFTNL_SET_TABLE, TABLE_NAME) < 0 ||
		nftnl_set_set_str(s, NFTNL_SET_NAME, family == 4 ? d->name4 : d->name6) < 0 ||
		(flags & NFT_SET_CONCAT &&
			nftnl_set_set_data(s, NFTNL_SET_DESC_CONCAT, fields, count) < 0)) {
		nftnl_set_free(s);
		return NULL;
	}
	return s;
}

static void add_element(struct ruleset *r, struct nftnl_set *s, const void *key,
	const void *key_end, uint32_t len, uint32_t flags)
{
	struct nftnl_set_elem *e = r->failed ? NULL : nftnl_set_elem_alloc();

	if (!e || nftnl_set_elem_set(e, NFTNL_SET_ELEM_KEY, key, len) < 0 ||
		(key_end && nftnl_set_elem_set(e, NFTNL_SET_ELEM_KEY_END, key_end, len) < 0)) {
		r->failed = true;
		if (e)
			nftnl_set_elem_free(e);
		return;
	}
	if (flags)
		nftnl_set_elem_set_u32(e, NFTNL_SET_ELEM_FLAGS, flags);
	nftnl_set_elem_add(s, e);
}

static struct nftnl_set *set_of(struct ruleset *r, enum set_kind kind, unsigned family)
{
	return r->sets[2 * kind + (family == 6)].set;
}

static void last_of(const struct network *n, uint8_t out[16])
{
	memcpy(out, n->base.bytes, 16);
	for (unsigned i = n->prefix; i < (n->base.family == 4 ? 32u : 128u); i++)
		out[i / 8] |= (uint8_t)(0x80 >> i % 8);
}

/* Increments a number of len bytes. Returns false if it wraps to 0. */
static bool step(uint8_t *number, uint32_t len)
{
	while (len-- > 0)
		if (++number[len])
			return true;
	return false;
}

/* Intervals of addresses. Adjacent networks are merged, because an end and a start at the
 * same address would collide. */
static void fill_tree(struct ruleset *r, enum set_kind kind, const struct networks *n)
{
	for (size_t i = 0; i < n->count;) {
		const struct network *first = &n->item[i];
		uint32_t len = first->base.family == 4 ? 4 : 16;
		struct nftnl_set *s = set_of(r, kind, first->base.family);
		uint8_t next[16];
		bool more;

		do {
			last_of(&n->item[i++], next);
			more = step(next, len);
		} while (more && i < n->count && n->item[i].base.family == first->base.family &&
			 memcmp(n->item[i].base.bytes, next, len) == 0);
		add_element(r, s, first->base.bytes, NULL, len, 0);
		if (more) /* else it extends to the last address */
			add_element(r, s, next, NULL, len, NFT_SET_ELEM_INTERVAL_END);
	}
}

static void fill_table(struct ruleset *r, enum set_kind kind, const struct networks *n)
{
	for (size_t i = 0; i < n->count; i++) {
		const struct network *net = &n->item[i];
		struct address last = {.family = net->base.family};
		uint8_t from[KEY_MAX], to[KEY_MAX];
		uint32_t len = sets_key(from, &net->base, -1, net->port);

		last_of(net, last.bytes);
		sets_key(to, &last, -1, net->port);
		add_element(r, set_of(r, kind, net->base.family), from, to, len, 0);
	}
}

static void fill_networks(struct ruleset *r, enum set_kind kind, struct networks *n)
{
	r->failed |= n->failed;
	networks_tidy(n);
	if (definitions[kind].port)
		fill_table(r, kind, n);
	else
		fill_tree(r, kind, n);
	networks_free(n);
}

static enum set_kind set_of_rule(const struct rule *r)
{
	if (r->effect == RULE_DENY)
		return r->ports.count ? SET_DENIED_PORTS : SET_DENIED;
	return r->private ? SET_PRIVATE_NETS : SET_NETS;
}

/* Adds the policy's network rules that belong in this set. Retired are those that only the
 * widest policy has. */
static void fill_rules(struct ruleset *r, const struct policy *p, enum set_kind kind)
{
	const struct policy widest = p ? policy_widest(p) : (struct policy){0};
	struct networks n = {0};

	for (size_t i = 0, end = p ? policy_rules(p) : 0; i < end; i++) {
		const struct rule *rule = policy_rule(p, i);

		if (kind == SET_RETIRED)
			rule = rule ? NULL : policy_rule(&widest, i);
		if (!rule || rule->kind != RULE_NETWORK ||
			(kind != SET_RETIRED && set_of_rule(rule) != kind))
			continue;
		if (kind == SET_DENIED)
			networks_add_both(&n, &rule->network, rule->prefix, 0);
		for (size_t j = 0; j < rule->ports.count; j++)
			networks_add_both(
				&n, &rule->network, rule->prefix, rule->ports.port[j]);
	}
	fill_networks(r, kind, &n);
}

/*
 * Loopback is left out: rules match its device instead, and a redirected DNS query has a
 * loopback address while its device is still another one. The NAT64 form of loopback is
 * special.
 */
static void collect_range(
	const struct address_range *range, struct networks *special, struct networks *inside)
{
	struct address translated = address_nat64(&range->base);

	if (range->class == ADDRESS_PRIVATE)
		networks_add_both(inside, &range->base, range->prefix, 0);
	else if (range->class != ADDRESS_LOOPBACK)
		networks_add_both(special, &range->base, range->prefix, 0);
	else if (range->base.family == 4)
		networks_add(
			special, &translated, (uint8_t)(ADDRESS_NAT64_BITS + range->prefix), 0);
}

static void fill_ranges(struct ruleset *r)
{
	static const struct address none4 = {.family = 4};
	const struct address nat64 = address_nat64(&none4);
	struct networks special = {0}, inside = {0};

	/* First the IPv6 ranges, one of which contains the NAT64 prefix. */
	for (size_t i = 0; i < address_ranges_count; i++)
		if (address_ranges[i].base.family == 6)
			collect_range(&address_ranges[i], &special, &inside);
	networks_tidy(&special);
	networks_cut(&special, &nat64, ADDRESS_NAT64_BITS);
	for (size_t i = 0; i < address_ranges_count; i++)
		if (address_ranges[i].base.family == 4)
			collect_range(&address_ranges[i], &special, &inside);
	for (size_t i = 0; i < address_parts_count; i++)
		collect_range(&address_parts[i], &special, &inside);
	networks_tidy(&special);
	for (size_t i = 0; i < address_parts_count; i++) {
		const struct address_range *part = &address_parts[i];
		struct address translated = address_nat64(&part->base);

		if (part->class != ADDRESS_PRIVATE)
			continue;
		networks_cut(&special, &part->base, part->prefix);
		networks_cut(
			&special, &translated, (uint8_t)(ADDRESS_NAT64_BITS + part->prefix));
	}
	fill_networks(r, SET_SPECIAL, &special);
	fill_networks(r, SET_PRIVATE_RANGES, &inside);
}

/* Duplicates would be one element in the kernel, but two in what verify.c expects. */
static void fill_hosts(struct ruleset *r, const struct wall_config *c)
{
	uint8_t key[KEY_MAX];

	for (size_t i = 0; i < c->upstreams_count; i++) {
		const struct endpoint *e = &c->upstreams[i];
		bool twice = false;

		for (size_t j = 0; j < i; j++)
			twice |= e->port == c->upstreams[j].port &&
				 address_compare(&e->address, &c->upstreams[j].address) == 0;
		if (!twice)
			add_element(r, set_of(r, SET_UPSTREAMS, e->address.family), key, NULL,
				sets_key(key, &e->address, -1, e->port), 0);
	}
	for (size_t i = 0; i < c->gateways_count; i++) {
		const struct address *a = &c->gateways[i], translated = address_nat64(a);
		bool twice = false;

		for (size_t j = 0; j < i; j++)
			twice |= address_compare(a, &c->gateways[j]) == 0;
		if (!twice)
			add_element(r, set_of(r, SET_GATEWAYS, a->family), a->bytes, NULL,
				a->family == 4 ? 4 : 16, 0);
		if (!twice && a->family == 4)
			add_element(
				r, set_of(r, SET_GATEWAYS, 6), translated.bytes, NULL, 16, 0);
	}
}

void sets_networks(struct ruleset *out, const struct policy *p)
{
	for (uint32_t i = 0; i < SETS; i++) {
		const struct definition *d = &definitions[i / 2];

		out->sets[i].fixed = d->fixed;
		out->sets[i].set = new_set(d, i % 2 ? 6 : 4, i + 1);
		if (!out->sets[i].set) {
			out->failed = true;
			return;
		}
	}
	for (size_t i = SETS_NETWORKS; i < SETS_REVOKED; i += 2)
		fill_rules(out, p, (enum set_kind)(i / 2));
}

void sets_revoke(struct ruleset *out, const struct endpoint *e)
{
	uint8_t key[KEY_MAX];

	add_element(out, set_of(out, SET_REVOKED, e->address.family), key, NULL,
		sets_key(key, &e->address, -1, e->port), 0);
}

void sets_compile(struct ruleset *out, const struct wall_config *c)
{
	sets_networks(out, c->policy);
	if (out->failed)
		return;
	fill_ranges(out);
	fill_hosts(out, c);
}
