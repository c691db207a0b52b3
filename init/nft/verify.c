/*
 * Reads the wall back and compares it with what the config compiles to.
 *
 * Rules and sets are compared in one format: libnftnl writes both ours and the kernel's as
 * netlink attributes, and chain and expressions of a rule must be identical bytes. Anything
 * else that the kernel has in the table shows in its use count (chains, sets, objects,
 * flowtables). One file, so that a reader can see that nothing goes uncompared.
 */
#include "../lib/netfilter.h"

#include "wall.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "wall_private.h"

/* Retries if somebody else commits while we read. */
#define TRIES 8
/* The longest rule has about 600 bytes. */
#define RULE_ROOM 4096

struct readback {
	const struct ruleset *expected;
	const char *on;      /* the object with a problem */
	const char *problem; /* static text; NULL: none so far */
	size_t chains, rules;
	bool table, sets[SETS];
	const struct ruleset_set *set; /* whose elements are being read */
	struct nftnl_set *elements;    /* those read */
	char name[64];                 /* buffer for `on` if it is the kernel's name */
};

static int wrong(struct readback *r, const char *on, const char *problem)
{
	if (r->problem)
		return MNL_CB_OK;
	strncpy(r->name, on ? on : "?", sizeof(r->name) - 1);
	r->on = r->name;
	r->problem = problem;
	return MNL_CB_OK;
}

static bool same_text(const char *a, const char *b)
{
	return a && b && strcmp(a, b) == 0;
}

static int read_table(const struct nlmsghdr *answer, void *context)
{
	struct readback *r = context;
	struct nftnl_table *t = nftnl_table_alloc();
	const char *name;

	if (!t)
		return MNL_CB_ERROR;
	if (nftnl_table_nlmsg_parse(answer, t) < 0)
		wrong(r, "the table", "it cannot be read");
	name = nftnl_table_get_str(t, NFTNL_TABLE_NAME);
	if (same_text(name, TABLE_NAME) &&
		nftnl_table_get_u32(t, NFTNL_TABLE_FAMILY) == NFPROTO_INET) {
		r->table = true;
		if (nftnl_table_get_u32(t, NFTNL_TABLE_FLAGS) != 0)
			wrong(r, name, "the table is dormant or has other flags");
		if (nftnl_table_get_u32(t, NFTNL_TABLE_USE) != r->expected->chains_count + SETS)
			wrong(r, name, "the table has more or fewer objects than were made");
	}
	nftnl_table_free(t);
	return MNL_CB_OK;
}

/* The attributes that define a chain; hook, priority and policy are those of a base chain. */
static void compare_chain(
	struct readback *r, const struct nftnl_chain *ours, const struct nftnl_chain *theirs)
{
	static const uint16_t numbers[] = {
		NFTNL_CHAIN_HOOKNUM, NFTNL_CHAIN_PRIO, NFTNL_CHAIN_POLICY};
	const char *name = nftnl_chain_get_str(ours, NFTNL_CHAIN_NAME);

	for (size_t i = 0; i < sizeof(numbers) / sizeof(numbers[0]); i++)
		if (nftnl_chain_is_set(ours, numbers[i]) !=
				nftnl_chain_is_set(theirs, numbers[i]) ||
			nftnl_chain_get_u32(ours, numbers[i]) !=
				nftnl_chain_get_u32(theirs, numbers[i]))
			wrong(r, name, "the chain has another hook, priority or policy");
	if (nftnl_chain_is_set(ours, NFTNL_CHAIN_TYPE) !=
			nftnl_chain_is_set(theirs, NFTNL_CHAIN_TYPE) ||
		(nftnl_chain_is_set(ours, NFTNL_CHAIN_TYPE) &&
			!same_text(nftnl_chain_get_str(ours, NFTNL_CHAIN_TYPE),
				nftnl_chain_get_str(theirs, NFTNL_CHAIN_TYPE))))
		wrong(r, name, "the chain has another type");
	if (nftnl_chain_is_set(theirs, NFTNL_CHAIN_DEVICES) ||
		nftnl_chain_is_set(theirs, NFTNL_CHAIN_DEV))
		wrong(r, name, "the chain is bound to a device");
}

static int read_chain(const struct nlmsghdr *answer, void *context)
{
	struct readback *r = context;
	struct nftnl_chain *c = nftnl_chain_alloc();
	const char *name;
	size_t i;

	if (!c)
		return MNL_CB_ERROR;
	if (nftnl_chain_nlmsg_parse(answer, c) < 0) {
		wrong(r, "a chain", "it cannot be read");
	} else if (same_text(nftnl_chain_get_str(c, NFTNL_CHAIN_TABLE), TABLE_NAME)) {
		name = nftnl_chain_get_str(c, NFTNL_CHAIN_NAME);
		r->chains++;
		for (i = 0; i < r->expected->chains_count; i++)
			if (same_text(name, nftnl_chain_get_str(
						    r->expected->chains[i], NFTNL_CHAIN_NAME)))
				break;
		if (i == r->expected->chains_count)
			wrong(r, name, "this chain is not ours");
		else
			compare_chain(r, r->expected->chains[i], c);
	}
	nftnl_chain_free(c);
	return MNL_CB_OK;
}

/* True if an attribute is all zero, which means the default. Kernels differ in whether they
 * report those (flags of a lookup, timeout of a dynset). */
static bool is_zero(const struct nlattr *a)
{
	const uint8_t *p = mnl_attr_get_payload(a);

	for (uint16_t i = 0; i < mnl_attr_get_payload_len(a); i++)
		if (p[i])
			return false;
	return true;
}

/* Appends an expression to out: its name, and its non-zero attributes. */
static uint32_t copy_expression(const struct nlattr *expression, char *out, uint32_t used)
{
	struct nlattr *part, *a;

	mnl_attr_for_each_nested(part, expression)
	{
		if (mnl_attr_get_type(part) != NFTA_EXPR_DATA) {
			memcpy(out + used, part, part->nla_len);
			used += MNL_ALIGN(part->nla_len);
			continue;
		}
		mnl_attr_for_each_nested(a, part)
		{
			if (is_zero(a))
				continue;
			memcpy(out + used, a, a->nla_len);
			used += MNL_ALIGN(a->nla_len);
		}
	}
	return used;
}

/* Serialises a rule: its chain and its expressions. Returns the length. */
static uint32_t rule_bytes(struct nftnl_rule *rule, char out[RULE_ROOM])
{
	char buffer[RULE_ROOM] __attribute__((aligned(8)));
	struct nlattr *a, *expression;
	struct nlmsghdr *h;
	uint32_t used = 0;

	memset(out, 0, RULE_ROOM);
	memset(buffer, 0, sizeof(buffer)); /* padding is compared too */
	h = mnl_nlmsg_put_header(buffer);
	nftnl_rule_nlmsg_build_payload(h, rule);
	mnl_attr_for_each(a, h, 0)
	{
		if (mnl_attr_get_type(a) == NFTA_RULE_CHAIN) {
			memcpy(out + used, a, a->nla_len);
			used += MNL_ALIGN(a->nla_len);
		} else if (mnl_attr_get_type(a) == NFTA_RULE_EXPRESSIONS) {
			mnl_attr_for_each_nested(expression, a) used =
				copy_expression(expression, out, used);
		}
	}
	return used;
}

static int read_rule(const struct nlmsghdr *answer, void *context)
{
	struct readback *r = context;
	char ours[RULE_ROOM] __attribute__((aligned(8)));
	char theirs[RULE_ROOM] __attribute__((aligned(8)));
	struct nftnl_rule *rule = NULL;
	const char *chain;
	uint32_t len;

	/* Our rules are far smaller, and a larger one might not fit below. */
	if (answer->nlmsg_len > RULE_ROOM / 2)
		return wrong(r, "a rule", "it is larger than any that was built");
	rule = nftnl_rule_alloc();
	if (!rule)
		return MNL_CB_ERROR;
	if (nftnl_rule_nlmsg_parse(answer, rule) < 0) {
		wrong(r, "a rule", "it contains something that is not ours");
	} else if (same_text(nftnl_rule_get_str(rule, NFTNL_RULE_TABLE), TABLE_NAME)) {
		chain = nftnl_rule_get_str(rule, NFTNL_RULE_CHAIN);
		if (r->rules >= r->expected->rules_count) {
			wrong(r, chain, "the chain has a rule too many");
		} else {
			len = rule_bytes(rule, theirs);
			if (rule_bytes(r->expected->rules[r->rules], ours) != len ||
				memcmp(ours, theirs, len) != 0)
				wrong(r, chain,
					"a rule is missing, additional, changed or moved");
		}
		r->rules++;
	}
	nftnl_rule_free(rule);
	return MNL_CB_OK;
}

static int read_set(const struct nlmsghdr *answer, void *context)
{
	static const uint16_t numbers[] = {
		NFTNL_SET_FLAGS, NFTNL_SET_KEY_LEN, NFTNL_SET_KEY_TYPE, NFTNL_SET_DESC_SIZE};
	struct readback *r = context;
	struct nftnl_set *s = nftnl_set_alloc(), *ours;
	const char *name;
	size_t i;

	if (!s)
		return MNL_CB_ERROR;
	if (nftnl_set_nlmsg_parse(answer, s) < 0) {
		wrong(r, "a set", "it cannot be read");
	} else if (same_text(nftnl_set_get_str(s, NFTNL_SET_TABLE), TABLE_NAME)) {
		name = nftnl_set_get_str(s, NFTNL_SET_NAME);
		for (i = 0; i < SETS; i++)
			if (same_text(name, nftnl_set_get_str(
						    r->expected->sets[i].set, NFTNL_SET_NAME)))
				break;
		if (i == SETS) {
			wrong(r, name, "this set is not ours");
		} else {
			ours = r->expected->sets[i].set;
			r->sets[i] = true;
			for (size_t j = 0; j < sizeof(numbers) / sizeof(numbers[0]); j++)
				if (nftnl_set_get_u32(ours, numbers[j]) !=
					nftnl_set_get_u32(s, numbers[j]))
					wrong(r, name, "the set has another type or size");
			if (nftnl_set_is_set(s, NFTNL_SET_TIMEOUT) &&
				nftnl_set_get_u64(s, NFTNL_SET_TIMEOUT) != 0)
				wrong(r, name, "the set's elements expire");
		}
	}
	nftnl_set_free(s);
	return MNL_CB_OK;
}

static void ask_table(struct nlmsghdr *request, void *context)
{
	(void)context;
	mnl_attr_put_strz(request, NFTA_RULE_TABLE, TABLE_NAME);
}

static void ask_elements(struct nlmsghdr *request, void *context)
{
	const struct readback *r = context;

	mnl_attr_put_strz(request, NFTA_SET_ELEM_LIST_TABLE, TABLE_NAME);
	mnl_attr_put_strz(request, NFTA_SET_ELEM_LIST_SET,
		nftnl_set_get_str(r->set->set, NFTNL_SET_NAME));
}

static int read_elements(const struct nlmsghdr *answer, void *context)
{
	struct readback *r = context;

	if (nftnl_set_elems_nlmsg_parse(answer, r->elements) < 0)
		return MNL_CB_ERROR;
	return MNL_CB_OK;
}

/* An element, serialised: flags, key, last key. */
struct element {
	uint8_t bytes[4 + 2 * KEY_MAX];
};

struct element_list {
	struct element *item;
	size_t count, room;
};

static int list_element(struct nftnl_set_elem *e, void *context)
{
	struct element_list *l = context;
	struct element *out;
	uint32_t flags = 0, len;
	const void *data;

	if (l->count++ >= l->room)
		return 0; /* still counted, so that the caller sees that there are too many */
	out = &l->item[l->count - 1];
	memset(out, 0, sizeof(*out));
	if (nftnl_set_elem_is_set(e, NFTNL_SET_ELEM_FLAGS))
		flags = nftnl_set_elem_get_u32(e, NFTNL_SET_ELEM_FLAGS);
	memcpy(out->bytes, &flags, sizeof(flags));
	data = nftnl_set_elem_get(e, NFTNL_SET_ELEM_KEY, &len);
	if (data && len <= KEY_MAX)
		memcpy(out->bytes + 4, data, len);
	if (nftnl_set_elem_is_set(e, NFTNL_SET_ELEM_KEY_END)) {
		data = nftnl_set_elem_get(e, NFTNL_SET_ELEM_KEY_END, &len);
		if (data && len <= KEY_MAX)
			memcpy(out->bytes + 4 + KEY_MAX, data, len);
	}
	return 0;
}

static int count_element(struct nftnl_set_elem *e, void *context)
{
	(void)e;
	++*(size_t *)context;
	return 0;
}

static int by_bytes(const void *a, const void *b)
{
	return memcmp(a, b, sizeof(struct element));
}

/* Compares both as sorted lists. Returns 0, or -1 if out of memory. */
static int compare_elements(struct readback *r, struct nftnl_set *ours)
{
	const char *name = nftnl_set_get_str(ours, NFTNL_SET_NAME);
	struct element_list a = {0}, b = {0};
	size_t count = 0;

	nftnl_set_elem_foreach(ours, count_element, &count);
	a.room = b.room = count;
	a.item = calloc(count + 1, sizeof(*a.item));
	b.item = calloc(count + 1, sizeof(*b.item));
	if (a.item && b.item) {
		nftnl_set_elem_foreach(ours, list_element, &a);
		nftnl_set_elem_foreach(r->elements, list_element, &b);
		qsort(a.item, count, sizeof(*a.item), by_bytes);
		if (b.count == count)
			qsort(b.item, count, sizeof(*b.item), by_bytes);
		if (b.count != count || memcmp(a.item, b.item, count * sizeof(*a.item)) != 0)
			wrong(r, name, "the set has other elements than were put in");
	}
	count = a.item && b.item;
	free(a.item);
	free(b.item);
	return count ? 0 : -1;
}

static int read_fixed_sets(struct nft *n, struct readback *r)
{
	for (size_t i = 0; i < SETS; i++) {
		int status;

		r->set = &r->expected->sets[i];
		if (!r->set->fixed)
			continue;
		r->elements = nftnl_set_alloc();
		if (!r->elements)
			return -1;
		status = nft_dump(
			n, NFT_MSG_GETSETELEM, NFPROTO_INET, ask_elements, read_elements, r);
		if (status == 0)
			status = compare_elements(r, r->set->set);
		nftnl_set_free(r->elements);
		if (status < 0)
			return -1;
	}
	return 0;
}

/* Reads everything once. Returns 0, or -1 with errno. */
static int read_all(struct nft *n, struct readback *r)
{
	if (nft_dump(n, NFT_MSG_GETTABLE, NFPROTO_INET, NULL, read_table, r) < 0)
		return -1;
	if (!r->table)
		return wrong(r, TABLE_NAME, "the table is not there"), 0;
	if (nft_dump(n, NFT_MSG_GETCHAIN, NFPROTO_INET, NULL, read_chain, r) < 0 ||
		nft_dump(n, NFT_MSG_GETSET, NFPROTO_INET, ask_table, read_set, r) < 0 ||
		nft_dump(n, NFT_MSG_GETRULE, NFPROTO_INET, ask_table, read_rule, r) < 0)
		return -1;
	for (size_t i = 0; i < SETS; i++)
		if (!r->sets[i])
			return wrong(r,
				       nftnl_set_get_str(
					       r->expected->sets[i].set, NFTNL_SET_NAME),
				       "the set is not there"),
			       0;
	if (r->chains != r->expected->chains_count)
		wrong(r, TABLE_NAME, "a chain is missing or additional");
	if (r->rules != r->expected->rules_count)
		wrong(r, TABLE_NAME, "a rule is missing or additional");
	return read_fixed_sets(n, r);
}

static int verify(struct wall *w, const struct ruleset *expected, struct failure *f)
{
	struct readback r;
	uint32_t before, after;

	for (int i = 0; i < TRIES; i++) {
		memset(&r, 0, sizeof(r));
		r.expected = expected;
		if (nft_generation(&w->nft, &before) < 0)
			return nft_fail(f, "read the wall back", "nf_tables", NULL);
		if (read_all(&w->nft, &r) < 0) {
			if (errno == EINTR)
				continue;
			return nft_fail(f, "read the wall back", "nf_tables", NULL);
		}
		if (nft_generation(&w->nft, &after) < 0)
			return nft_fail(f, "read the wall back", "nf_tables", NULL);
		if (before != after)
			continue;
		if (r.problem)
			return fail(f, "read the wall back", r.on, "%s", r.problem);
		return 0;
	}
	return fail(f, "read the wall back", "nf_tables", "it changes while it is read");
}

int wall_verify(struct wall *w, const struct wall_config *c, struct failure *f)
{
	struct ruleset expected;
	int status;

	if (ruleset_compile(&expected, c) < 0) {
		ruleset_free(&expected);
		errno = ENOMEM;
		return fail_errno(f, "read the wall back", "");
	}
	status = verify(w, &expected, f);
	ruleset_free(&expected);
	return status;
}
