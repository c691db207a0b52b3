/*
 * Addresses for names that are reached through a proxy. The proxy resolves them; inside the
 * container they only need an address to connect to that nobody else uses: 198.18.0.0/15
 * (RFC 2544). The n-th name of the policy gets the n-th address, so the address identifies
 * the name; names found under wildcards get addresses after those. Pure.
 */
#ifndef INIT_LIB_FAKE_IP_H
#define INIT_LIB_FAKE_IP_H

#include <stddef.h>
#include <string.h>

#include "address.h"

#define FAKE_IP_PREFIX 15
/* The whole range; LIMIT_RULES, LIMIT_HOSTS and LIMIT_DYNAMIC_NAMES together need fewer. */
#define FAKE_IP_COUNT (1U << (32 - FAKE_IP_PREFIX))

static inline struct address fake_ip_address(size_t index)
{
	return (struct address){4, {198, (uint8_t)(18 + (index >> 16 & 1)),
					   (uint8_t)(index >> 8), (uint8_t)index}};
}

/* True if a is such an address; *index is then its number. */
static inline bool fake_ip_index(const struct address *a, size_t *index)
{
	const struct address base = fake_ip_address(0);

	if (a->family != 4 || !address_inside(a, &base, FAKE_IP_PREFIX))
		return false;
	*index = (size_t)(a->bytes[1] - 18) << 16 | (size_t)a->bytes[2] << 8 | a->bytes[3];
	return true;
}

#endif
