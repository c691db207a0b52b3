/* Building and changing the wall. What the kernel records in its sets is read in wall_sets.c;
 * verify.c and probe.c check the whole. */
#include "../lib/netfilter.h"
#include "../lib/num.h"

#include "wall.h"

#include <endian.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/utsname.h>

#include "wall_private.h"

/* Since Linux 6.12, adding an existing element renews its timeout. Backports aren't
 * detected: the other method works there as well. */
static bool kernel_renews(void)
{
	struct utsname u;
	const char *end;
	uint64_t major, minor = 0;

	if (uname(&u) < 0)
		return false;
	end = num_read(u.release, &major);
	if (end && *end == '.')
		num_read(end + 1, &minor);
	return major > 6 || (major == 6 && minor >= 12);
}

int wall_open(struct wall **out, struct failure *f)
{
	struct wall *w = calloc(1, sizeof(*w));

	*out = NULL;
	if (!w)
		return fail_errno(f, "open the wall", "");
	if (nft_open(&w->nft, f) < 0) {
		free(w);
		return -1;
	}
	w->renews = kernel_renews();
	*out = w;
	return 0;
}

void wall_close(struct wall *w)
{
	if (!w)
		return;
	nft_close(&w->nft);
	free(w);
}

/* Adds all elements of a set, in as many messages as they need: a list holds at most 64 KB. */
static int put_elements(struct nft *n, struct nftnl_set *set)
{
	const char *name = nftnl_set_get_str(set, NFTNL_SET_NAME);
	struct nftnl_set_elems_iter *i = nftnl_set_elems_iter_create(set);
	int more;

	if (!i)
		return -1;
	do {
		if (!nftnl_set_elems_iter_cur(i))
			break;
		more = nftnl_set_elems_nlmsg_build_payload_iter(
			nft_message(n, NFT_MSG_NEWSETELEM, NFPROTO_INET, NLM_F_CREATE, name),
			i);
	} while (more > 0);
	nftnl_set_elems_iter_destroy(i);
	return 0;
}

static int put_ruleset(struct nft *n, const struct ruleset *r)
{
	nft_begin(n);
	/* Adding an existing table changes nothing, and then there is one to delete. */
	nftnl_table_nlmsg_build_payload(
		nft_message(n, NFT_MSG_NEWTABLE, NFPROTO_INET, NLM_F_CREATE, "the table"),
		r->table);
	nftnl_table_nlmsg_build_payload(
		nft_message(n, NFT_MSG_DELTABLE, NFPROTO_INET, 0, "the old table"), r->table);
	nftnl_table_nlmsg_build_payload(
		nft_message(n, NFT_MSG_NEWTABLE, NFPROTO_INET, NLM_F_CREATE, "the table"),
		r->table);
	for (size_t i = 0; i < SETS; i++)
		nftnl_set_nlmsg_build_payload(
			nft_message(n, NFT_MSG_NEWSET, NFPROTO_INET, NLM_F_CREATE,
				nftnl_set_get_str(r->sets[i].set, NFTNL_SET_NAME)),
			r->sets[i].set);
	/* Before the rules: a constant set can't be changed once a rule refers to it. */
	for (size_t i = 0; i < SETS; i++)
		if (put_elements(n, r->sets[i].set) < 0)
			return -1;
	for (size_t i = 0; i < r->chains_count; i++)
		nftnl_chain_nlmsg_build_payload(
			nft_message(n, NFT_MSG_NEWCHAIN, NFPROTO_INET, NLM_F_CREATE,
				nftnl_chain_get_str(r->chains[i], NFTNL_CHAIN_NAME)),
			r->chains[i]);
	for (size_t i = 0; i < r->rules_count; i++)
		nftnl_rule_nlmsg_build_payload(
			nft_message(n, NFT_MSG_NEWRULE, NFPROTO_INET,
				NLM_F_CREATE | NLM_F_APPEND,
				nftnl_rule_get_str(r->rules[i], NFTNL_RULE_CHAIN)),
			r->rules[i]);
	return 0;
}

int wall_remove(struct wall *w, struct failure *f)
{
	struct nftnl_table *t = nftnl_table_alloc();

	if (!t || nftnl_table_set_str(t, NFTNL_TABLE_NAME, TABLE_NAME) < 0) {
		if (t)
			nftnl_table_free(t);
		errno = ENOMEM;
		return fail_errno(f, "take the wall down", "");
	}
	nftnl_table_set_u32(t, NFTNL_TABLE_FAMILY, NFPROTO_INET);
	nft_begin(&w->nft);
	/* As in put_ruleset(): create it, so that deleting can't fail. */
	nftnl_table_nlmsg_build_payload(
		nft_message(&w->nft, NFT_MSG_NEWTABLE, NFPROTO_INET, NLM_F_CREATE, "the table"),
		t);
	nftnl_table_nlmsg_build_payload(
		nft_message(&w->nft, NFT_MSG_DELTABLE, NFPROTO_INET, 0, "the table"), t);
	nftnl_table_free(t);
	return nft_commit(&w->nft, f);
}

int wall_build(struct wall *w, const struct wall_config *c, struct failure *f)
{
	struct ruleset r;
	int status;

	if (ruleset_compile(&r, c) < 0 || put_ruleset(&w->nft, &r) < 0) {
		ruleset_free(&r);
		errno = ENOMEM;
		return fail_errno(f, "compile the wall", "");
	}
	status = nft_commit(&w->nft, f); /* names in its messages belong to r */
	ruleset_free(&r);
	return status;
}

/* Pins per message: their list stays below the 64 KB limit of an attribute. */
#define MESSAGE_PINS 1000
/* The sets for pins: one for each kind and family. */
#define PIN_SETS 6

static unsigned set_of_pin(const struct pin *p)
{
	return 2 * (unsigned)p->kind + (p->address.family == 6);
}

static const char *pin_set_name(unsigned which)
{
	static const enum set_kind sets[] = {[PIN_PUBLIC] = SET_PINS,
		[PIN_PRIVATE] = SET_PRIVATE,
		[PIN_PROXY] = SET_PROXIES};

	return ruleset_set_name(sets[which / 2], which % 2 ? 6 : 4);
}

static void put_element(struct nlmsghdr *m, const struct pin *p, bool with_life)
{
	uint64_t life = htobe64((uint64_t)p->seconds * 1000);
	struct nlattr *element = mnl_attr_nest_start(m, NFTA_LIST_ELEM);
	struct nlattr *data = mnl_attr_nest_start(m, NFTA_SET_ELEM_KEY);
	uint8_t key[KEY_MAX];

	mnl_attr_put(m, NFTA_DATA_VALUE, sets_key(key, &p->address, -1, p->port), key);
	mnl_attr_nest_end(m, data);
	if (with_life && life) {
		mnl_attr_put_u64(m, NFTA_SET_ELEM_TIMEOUT, life);
		/* The remaining time: without it, the same timeout wouldn't be a renewal. */
		mnl_attr_put_u64(m, NFTA_SET_ELEM_EXPIRATION, life);
	}
	mnl_attr_nest_end(m, element);
}

/* Writes messages of one type for those pins that go into one set. By hand, since libnftnl
 * allocates for each element and a DNS reply to the payload waits for this. */
static void put_pins(
	struct nft *n, uint16_t type, unsigned which, const struct pin *pins, size_t count)
{
	uint16_t flags = type == NFT_MSG_NEWSETELEM ? NLM_F_CREATE : 0;
	const char *name = pin_set_name(which);
	struct nlmsghdr *m = NULL;
	struct nlattr *list = NULL;
	size_t listed = 0;

	for (size_t i = 0; i < count; i++) {
		if (set_of_pin(&pins[i]) != which)
			continue;
		if (!m) {
			m = nft_message(n, type, NFPROTO_INET, flags, name);
			mnl_attr_put_strz(m, NFTA_SET_ELEM_LIST_TABLE, TABLE_NAME);
			mnl_attr_put_strz(m, NFTA_SET_ELEM_LIST_SET, name);
			list = mnl_attr_nest_start(m, NFTA_SET_ELEM_LIST_ELEMENTS);
		}
		put_element(m, &pins[i], type == NFT_MSG_NEWSETELEM);
		if (++listed % MESSAGE_PINS == 0) {
			mnl_attr_nest_end(m, list);
			m = NULL;
		}
	}
	if (m)
		mnl_attr_nest_end(m, list);
}

/*
 * Kernels before 6.12 don't change the timeout of an element that is added again. There it
 * is added (in case it doesn't exist), deleted and added again: in one transaction, so there
 * is no moment without it.
 */
int wall_pin(struct wall *w, const struct pin *pins, size_t count, struct failure *f)
{
	static const uint16_t steps[] = {
		NFT_MSG_NEWSETELEM, NFT_MSG_DELSETELEM, NFT_MSG_NEWSETELEM};

	if (count == 0)
		return 0;
	for (size_t i = 0; i < count; i++)
		if (pins[i].address.family != 4 && pins[i].address.family != 6)
			return fail(f, "open an address", "", "it has no family");
	nft_begin(&w->nft);
	for (unsigned which = 0; w->renews && which < PIN_SETS; which++)
		put_pins(&w->nft, NFT_MSG_NEWSETELEM, which, pins, count);
	/* One by one: a duplicate can't be deleted twice in a row. */
	for (size_t i = 0; !w->renews && i < count; i++)
		for (size_t j = 0; j < sizeof(steps) / sizeof(steps[0]); j++)
			put_pins(&w->nft, steps[j], set_of_pin(&pins[i]), &pins[i], 1);
	return nft_commit(&w->nft, f);
}

int wall_follow(struct wall *w, const struct policy *p, bool networks,
	const struct endpoint *list, size_t count, struct failure *f)
{
	struct ruleset r = {0};
	int status;

	sets_networks(&r, p);
	for (size_t i = 0; i < count && !r.failed; i++)
		sets_revoke(&r, &list[i]);
	nft_begin(&w->nft);
	/* The networks' sets only if they change: large ones take the kernel long. */
	for (size_t i = networks ? SETS_NETWORKS : SETS_REVOKED; i < SETS_CHANGING && !r.failed;
		i++) {
		const char *name = nftnl_set_get_str(r.sets[i].set, NFTNL_SET_NAME);
		struct nlmsghdr *m =
			nft_message(&w->nft, NFT_MSG_DELSETELEM, NFPROTO_INET, 0, name);

		/* Without a list: all elements. */
		mnl_attr_put_strz(m, NFTA_SET_ELEM_LIST_TABLE, TABLE_NAME);
		mnl_attr_put_strz(m, NFTA_SET_ELEM_LIST_SET, name);
		r.failed = put_elements(&w->nft, r.sets[i].set) < 0;
	}
	errno = ENOMEM;
	status = r.failed ? fail_errno(f, "apply the rules of codex-egress", "")
			  : nft_commit(&w->nft, f);
	ruleset_free(&r);
	return status;
}
