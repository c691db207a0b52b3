/*
 * Addresses for names behind a proxy. The proxy looks names up; here they only need addresses
 * that clients can connect to and that nobody else has: 198.18.0.0/15 (RFC 2544) is nobody's.
 * The n-th name of the policy has the n-th of them, so that who sees the address knows the
 * name; names that come up under wildcards have those behind. Pure.
 */
#ifndef INIT_LIB_FAKE_IP_H
#define INIT_LIB_FAKE_IP_H

#include <stddef.h>
#include <string.h>

#include "address.h"

#define FAKE_IP_PREFIX 15
/* All there are; LIMIT_RULES, LIMIT_HOSTS and LIMIT_DYNAMIC_NAMES together are fewer. */
#define FAKE_IP_COUNT (1U << (32 - FAKE_IP_PREFIX))

static inline struct address fake_ip_address(size_t index)
{
	return (struct address){4, {198, (uint8_t)(18 + (index >> 16 & 1)),
					   (uint8_t)(index >> 8), (uint8_t)index}};
}

/* Is it one? Then *index is which. */
static inline bool fake_ip_index(const struct address *a, size_t *index)
{
	const struct address base = fake_ip_address(0);

	if (a->family != 4 || !address_inside(a, &base, FAKE_IP_PREFIX))
		return false;
	*index = (size_t)(a->bytes[1] - 18) << 16 | (size_t)a->bytes[2] << 8 | a->bytes[3];
	return true;
}

#endif
