/* Reads what is open, in use and refused from the wall's sets (wall.h). */
#include "../lib/netfilter.h"

#include "wall.h"

#include <errno.h>
#include <string.h>

#include <libnftnl/expr.h>

#include "wall_private.h"

/* A dump of one set at a time: read() converts each element for the caller's callback. */
struct set_dump {
	enum set_kind kind;
	unsigned family;
	int (*read)(struct nftnl_set_elem *e, void *dump);
	union {
		void (*pin)(void *context, const struct pin *p);
		void (*refusal)(void *context, const struct wall_refusal *r);
		void (*used)(void *context, const struct endpoint *e);
	} each;
	void *context;
};

static void ask_elements(struct nlmsghdr *request, void *context)
{
	const struct set_dump *d = context;

	mnl_attr_put_strz(request, NFTA_SET_ELEM_LIST_TABLE, TABLE_NAME);
	mnl_attr_put_strz(
		request, NFTA_SET_ELEM_LIST_SET, ruleset_set_name(d->kind, d->family));
}

static int read_elements(const struct nlmsghdr *answer, void *context)
{
	struct set_dump *d = context;
	struct nftnl_set *s = nftnl_set_alloc();

	if (!s)
		return MNL_CB_ERROR;
	if (nftnl_set_elems_nlmsg_parse(answer, s) == 0)
		nftnl_set_elem_foreach(s, d->read, d);
	nftnl_set_free(s);
	return MNL_CB_OK;
}

/* Dumps both families of one kind. If the set changes during the dump (EINTR), what was read
 * is still reported. */
static int dump_set(struct wall *w, struct set_dump *d)
{
	for (d->family = 4; d->family <= 6; d->family += 2)
		if (nft_dump(&w->nft, NFT_MSG_GETSETELEM, NFPROTO_INET, ask_elements,
			    read_elements, d) < 0 &&
			errno != EINTR)
			return -1;
	return 0;
}

/* Reads the address at the start of an element's key. Returns the rest, which must be len
 * bytes, or NULL. */
static const uint8_t *read_key(
	struct nftnl_set_elem *e, const struct set_dump *d, uint32_t len, struct address *out)
{
	uint32_t got, address_len = d->family == 4 ? 4 : 16;
	const uint8_t *key = nftnl_set_elem_get(e, NFTNL_SET_ELEM_KEY, &got);

	if (!key || got != address_len + len)
		return NULL;
	out->family = (uint8_t)d->family;
	memcpy(out->bytes, key, address_len);
	return key + address_len;
}

static int read_pin(struct nftnl_set_elem *e, void *context)
{
	const struct set_dump *d = context;
	struct pin p = {.kind = d->kind == SET_PRIVATE   ? PIN_PRIVATE
				: d->kind == SET_PROXIES ? PIN_PROXY
							 : PIN_PUBLIC};
	const uint8_t *port = read_key(e, d, 4, &p.address);

	if (!port)
		return 0;
	p.port = (uint16_t)(port[0] << 8 | port[1]);
	if (nftnl_set_elem_is_set(e, NFTNL_SET_ELEM_EXPIRATION))
		p.seconds = (uint32_t)((nftnl_set_elem_get_u64(e, NFTNL_SET_ELEM_EXPIRATION) +
					       999) /
				       1000);
	d->each.pin(d->context, &p);
	return 0;
}

int wall_pins(struct wall *w, void (*each)(void *context, const struct pin *p), void *context,
	struct failure *f)
{
	struct set_dump d = {.read = read_pin, .each.pin = each, .context = context};
	static const enum set_kind kinds[] = {SET_PINS, SET_PRIVATE, SET_PROXIES};

	for (size_t i = 0; i < sizeof(kinds) / sizeof(kinds[0]); i++) {
		d.kind = kinds[i];
		if (dump_set(w, &d) < 0)
			return nft_fail(f, "read what is open", "nf_tables", NULL);
	}
	return 0;
}

static int read_used(struct nftnl_set_elem *e, void *context)
{
	const struct set_dump *d = context;
	struct endpoint to = {0};
	const uint8_t *port = read_key(e, d, 4, &to.address);

	if (!port)
		return 0;
	to.port = (uint16_t)(port[0] << 8 | port[1]);
	d->each.used(d->context, &to);
	return 0;
}

int wall_used(struct wall *w, void (*each)(void *context, const struct endpoint *e),
	void *context, struct failure *f)
{
	struct set_dump d = {
		.kind = SET_USED, .read = read_used, .each.used = each, .context = context};

	return dump_set(w, &d) < 0 ? nft_fail(f, "read what is in use", "nf_tables", NULL) : 0;
}

static int read_counter(struct nftnl_expr *e, void *context)
{
	uint64_t *packets = context;

	*packets = nftnl_expr_get_u64(e, NFTNL_EXPR_CTR_PACKETS);
	return 0;
}

static int read_refusal(struct nftnl_set_elem *e, void *context)
{
	const struct set_dump *d = context;
	struct wall_refusal r = {0};
	const uint8_t *rest = read_key(e, d, 8, &r.address);

	if (!rest)
		return 0;
	r.protocol = rest[0];
	r.port = (uint16_t)(rest[4] << 8 | rest[5]);
	if (r.port == 0 && r.protocol != IPPROTO_TCP && r.protocol != IPPROTO_UDP)
		r.protocol = 0;
	nftnl_set_elem_expr_foreach(e, read_counter, &r.packets);
	d->each.refusal(d->context, &r);
	return 0;
}

int wall_refusals(struct wall *w, void (*each)(void *context, const struct wall_refusal *r),
	void *context, struct failure *f)
{
	struct set_dump d = {.kind = SET_REFUSED,
		.read = read_refusal,
		.each.refusal = each,
		.context = context};

	return dump_set(w, &d) < 0 ? nft_fail(f, "read what was refused", "nf_tables", NULL)
				   : 0;
}
