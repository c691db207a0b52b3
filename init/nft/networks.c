/* See networks.h. */
#include "networks.h"

#include <stdlib.h>
#include <string.h>

void networks_add(struct networks *n, const struct address *base, uint8_t prefix, uint16_t port)
{
	if (n->count == n->room) {
		size_t room = n->room ? n->room * 2 : 64;
		struct network *more = realloc(n->item, room * sizeof(*more));

		if (!more) {
			n->failed = true;
			return;
		}
		n->item = more;
		n->room = room;
	}
	n->item[n->count++] = (struct network){*base, port, prefix};
}

void networks_add_both(
	struct networks *n, const struct address *base, uint8_t prefix, uint16_t port)
{
	const struct address translated = address_nat64(base);

	networks_add(n, base, prefix, port);
	if (base->family == 4)
		networks_add(n, &translated, (uint8_t)(ADDRESS_NAT64_BITS + prefix), port);
}

/* A larger network sorts before those inside it. */
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

/* Two prefixes are nested or disjoint; they never overlap partially. */
void networks_tidy(struct networks *n)
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

/* The sibling of the hole at that prefix length: the other half of their common parent. */
static struct address other_half(const struct address *hole, unsigned prefix)
{
	struct address other = *hole;
	unsigned last = prefix - 1;

	other.bytes[last / 8] ^= (uint8_t)(0x80 >> last % 8);
	for (unsigned b = prefix; b < 8 * sizeof(other.bytes); b++)
		other.bytes[b / 8] &= (uint8_t) ~(0x80 >> b % 8);
	return other;
}

void networks_cut(struct networks *n, const struct address *hole, uint8_t prefix)
{
	for (size_t i = 0; i < n->count; i++) {
		const struct network outer = n->item[i];

		if (outer.prefix > prefix || !address_inside(hole, &outer.base, outer.prefix))
			continue;
		n->item[i] = n->item[--n->count];
		for (unsigned half = outer.prefix + 1u; half <= prefix; half++) {
			const struct address other = other_half(hole, half);

			networks_add(n, &other, (uint8_t)half, 0);
		}
		return;
	}
}

void networks_free(struct networks *n)
{
	free(n->item);
	memset(n, 0, sizeof(*n));
}
