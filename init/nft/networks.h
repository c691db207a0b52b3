/*
 * Networks on their way into an interval set, which takes none that overlap. Pure. Private to
 * this room.
 */
#ifndef INIT_NFT_NETWORKS_H
#define INIT_NFT_NETWORKS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "../lib/address.h"

struct network {
	struct address base;
	uint16_t port; /* 0 where the set has none */
	uint8_t prefix;
};

/* All zero: none. To be freed. */
struct networks {
	struct network *item;
	size_t count, room;
	bool failed; /* memory ran out */
};

void networks_add(
	struct networks *n, const struct address *base, uint8_t prefix, uint16_t port);
/* The same, and for an IPv4 network the one by which NAT64 leads there: address_judged(). */
void networks_add_both(
	struct networks *n, const struct address *base, uint8_t prefix, uint16_t port);
/* Sorts by family, port and first address; leaves out networks inside others. */
void networks_tidy(struct networks *n);
/* Takes a network out of the one that it is in, of those without ports: they must be tidy, and
 * aren't sorted afterwards. */
void networks_cut(struct networks *n, const struct address *hole, uint8_t prefix);
void networks_free(struct networks *n);

#endif
