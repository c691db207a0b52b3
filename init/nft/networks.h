/*
 * Preparation of networks for an interval set, which accepts no overlaps. Pure. Private to
 * this folder.
 */
#ifndef INIT_NFT_NETWORKS_H
#define INIT_NFT_NETWORKS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "../lib/address.h"

struct network {
	struct address base;
	uint16_t port; /* 0 if the set has none */
	uint8_t prefix;
};

/* Empty if zeroed. To be freed with networks_free(). */
struct networks {
	struct network *item;
	size_t count, room;
	bool failed; /* out of memory */
};

void networks_add(
	struct networks *n, const struct address *base, uint8_t prefix, uint16_t port);
/* The same, and for an IPv4 network also its NAT64 form: see address_judged(). */
void networks_add_both(
	struct networks *n, const struct address *base, uint8_t prefix, uint16_t port);
/* Sorts by family, port and first address, and drops networks inside others. */
void networks_tidy(struct networks *n);
/* Removes a network from the one that contains it. Only for networks without ports; they
 * must be tidy, and aren't sorted afterwards. */
void networks_cut(struct networks *n, const struct address *hole, uint8_t prefix);
void networks_free(struct networks *n);

#endif
