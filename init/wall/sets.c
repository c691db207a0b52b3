/*
 * The wall's sets: what the policy, the upstreams and the gateways become in the kernel.
 *
 * Two kinds of interval sets: of addresses alone the kernel makes a tree, where an interval
 * is one element for its first address and one, flagged as an end, for the address after its
 * last; of concatenations it makes a lookup table (pipapo), where an element has a first and
 * a last key. Neither takes intervals that overlap, so networks inside others are left out.
 */
#include "kernel.h"

#include "ruleset.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

/*
 * nft(8)'s numbers for data types, which the kernel keeps without looking at them: they make
 * `nft list table inet codex_init` readable. A concatenation has six bits for each.
 */
enum {
	TYPE_IPV4_ADDR = 7,
	TYPE_IPV6_ADDR = 8,
	TYPE_INET_PROTO = 12,
	TYPE_INET_SERVICE = 13,
	TYPE_BITS = 6,
};

/* The clouds' metadata services that sit in private space, where +private must not lead.
 * address_classify() knows them too; the unit test insists that both agree. */
static const char *const metadata[] = {
	"100.100.100.200", "fd00:ec2::254", "fd20:ce::254", "fd00:c1::a9fe:a9fe"};

static const struct definition {
	const char *name4, *name6;
	bool protocol, port; /* fields after the address */
	bool interval, fixed;
	bool grows; /* fixed, but for what is denied later */
	uint32_t flags, size;
} definitions[SET_KINDS] = {
	[SET_UPSTREAMS] = {"upstreams4", "upstreams6", .port = true, .fixed = true},
	[SET_GATEWAYS] = {"gateways4", "gateways6", .fixed = true},
	[SET_SPECIAL] = {"special4", "special6", .interval = true, .fixed = true},
	[SET_INSIDE] = {"inside4", "inside6", .interval = true, .fixed = true},
	[SET_DENIED] = {"denied4", "denied6", .interval = true, .fixed = true, .grows = true},
	[SET_DENIED_PORTS] = {"denied_ports4", "denied_ports6", .port = true, .interval = true,
		.fixed = true, .grows = true},
	[SET_REVOKED] = {"revoked4", "revoked6", .port = true},
	[SET_NETS] = {"nets4", "nets6", .port = true, .interval = true, .fixed = true},
	[SET_PRIVATE_NETS] = {"private_nets4", "private_nets6", .port = true, .interval = true,
		.fixed = true},
	[SET_PINS] = {"pins4", "pins6", .port = true, .flags = NFT_SET_TIMEOUT,
		.size = PINS_MAX},
	[SET_PRIVATE] = {"private4", "private6", .port = true, .flags = NFT_SET_TIMEOUT,
		.size = PINS_MAX},
	[SET_PROXIES] = {"proxies4", "proxies6", .port = true, .flags = NFT_SET_TIMEOUT,
		.size = PINS_MAX},
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

/* Networks on their way into an interval set. */
struct network {
	struct address base;
	uint16_t port; /* 0 where the set has none */
	uint8_t prefix;
};

struct networks {
	struct network *item;
	size_t count, room;
};

static void collect(struct ruleset *r, struct networks *n, const struct address *base,
	uint8_t prefix, uint16_t port)
{
	if (n->count == n->room) {
		size_t room = n->room ? n->room * 2 : 64;
		struct network *more = realloc(n->item, room * sizeof(*more));

		if (!more) {
			r->failed = true;
			return;
		}
		n->item = more;
		n->room = room;
	}
	n->item[n->count++] = (struct network){*base, port, prefix};
}

/* By family, port, first address, and the larger network before those inside it. */
static int by_place(const void *a, const void *b)
{
	const struct network *x = a, *y = b;
	int order;

	if (x->base.family != y->base.family)
		return x->base.family - y->base.family;
	if (x->port != y->port)
		return x->port < y->port ? -1 : 1;
	order = memcmp(x->base.bytes, y->base.bytes, sizeof(x->base.bytes));
	return order ? order : x->prefix - y->prefix;
}

/* Sorts; leaves out networks inside others. Two prefixes are nested or apart, never astride. */
static void tidy(struct networks *n)
{
	size_t kept = 0;

	if (n->count == 0)
		return;
	qsort(n->item, n->count, sizeof(*n->item), by_place);
	for (size_t i = 1; i < n->count; i++) {
		const struct network *k = &n->item[kept];

		if (n->item[i].port == k->port &&
			address_inside(&n->item[i].base, &k->base, k->prefix))
			continue;
		n->item[++kept] = n->item[i];
	}
	n->count = kept + 1;
}

static void last_of(const struct network *n, uint8_t out[16])
{
	memcpy(out, n->base.bytes, 16);
	for (unsigned i = n->prefix; i < (n->base.family == 4 ? 32u : 128u); i++)
		out[i / 8] |= (uint8_t)(0x80 >> i % 8);
}

/* Adds one to a number of len bytes; false when it wraps to 0. */
static bool step(uint8_t *number, uint32_t len)
{
	while (len-- > 0)
		if (++number[len])
			return true;
	return false;
}

/* Intervals of addresses; neighbours become one, or an end and a start would coincide. */
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
		if (more) /* or it goes up to the last address there is */
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
	tidy(n);
	if (definitions[kind].port)
		fill_table(r, kind, n);
	else
		fill_tree(r, kind, n);
	free(n->item);
	memset(n, 0, sizeof(*n));
}

/* The policy's rules for networks that belong into a set. */
static void fill_rules(struct ruleset *r, const struct policy *p, enum set_kind kind)
{
	struct networks n = {0};

	for (size_t i = 0; p && i < p->count + policy_denials(p); i++) {
		const struct rule *rule =
			i < p->count ? &p->rules[i] : &p->denials->rules[i - p->count];
		enum set_kind its;

		if (rule->kind != RULE_NETWORK)
			continue;
		if (rule->effect == RULE_DENY)
			its = rule->ports.count ? SET_DENIED_PORTS : SET_DENIED;
		else
			its = rule->private ? SET_PRIVATE_NETS : SET_NETS;
		if (its != kind)
			continue;
		if (kind == SET_DENIED)
			collect(r, &n, &rule->network, rule->prefix, 0);
		for (size_t j = 0; j < rule->ports.count; j++)
			collect(r, &n, &rule->network, rule->prefix, rule->ports.port[j]);
	}
	fill_networks(r, kind, &n);
}

/* Loopback is left out: the hook sees it by its device, and a redirected DNS question has a
 * loopback address while its device is still another. */
static void fill_ranges(struct ruleset *r)
{
	struct networks special = {0}, inside = {0};
	struct address a;

	for (size_t i = 0; i < address_ranges_count; i++) {
		const struct address_range *range = &address_ranges[i];

		if (range->class == ADDRESS_PRIVATE)
			collect(r, &inside, &range->base, range->prefix, 0);
		else if (range->class != ADDRESS_LOOPBACK)
			collect(r, &special, &range->base, range->prefix, 0);
	}
	for (size_t i = 0; i < sizeof(metadata) / sizeof(metadata[0]); i++)
		if (address_parse(metadata[i], strlen(metadata[i]), &a))
			collect(r, &special, &a, a.family == 4 ? 32 : 128, 0);
	fill_networks(r, SET_SPECIAL, &special);
	fill_networks(r, SET_INSIDE, &inside);
}

/* Twice the same element would be one in the kernel, and two in what verify.c expects. */
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
		const struct address *a = &c->gateways[i];
		bool twice = false;

		for (size_t j = 0; j < i; j++)
			twice |= address_compare(a, &c->gateways[j]) == 0;
		if (!twice)
			add_element(r, set_of(r, SET_GATEWAYS, a->family), a->bytes, NULL,
				a->family == 4 ? 4 : 16, 0);
	}
}

void sets_denied(struct ruleset *out, const struct policy *p)
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
	fill_rules(out, p, SET_DENIED);
	fill_rules(out, p, SET_DENIED_PORTS);
}

void sets_revoke(struct ruleset *out, const struct endpoint *e)
{
	uint8_t key[KEY_MAX];

	add_element(out, set_of(out, SET_REVOKED, e->address.family), key, NULL,
		sets_key(key, &e->address, -1, e->port), 0);
}

void sets_compile(struct ruleset *out, const struct wall_config *c)
{
	sets_denied(out, c->policy);
	if (out->failed)
		return;
	fill_ranges(out);
	fill_rules(out, c->policy, SET_NETS);
	fill_rules(out, c->policy, SET_PRIVATE_NETS);
	fill_hosts(out, c);
}
