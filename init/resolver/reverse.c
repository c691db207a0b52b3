/*
 * Names of addresses (PTR), from our own table only: such queries must not leave, since data
 * can be encoded as a sequence of addresses.
 */
#include "resolver_private.h"

#include <stdio.h>
#include <string.h>

#include "../lib/fake_ip.h"
#include "../lib/num.h"

#define ARPA    ".arpa"
#define V4_ZONE ".in-addr" ARPA
#define V6_ZONE ".ip6" ARPA
/* 32 digits separated by dots (RFC 3596 §2.5). */
#define V6_TEXT 63

static bool ends_with(const char *name, const char *zone, size_t *before)
{
	size_t n = strlen(name), z = strlen(zone);

	if (n <= z || strcmp(name + n - z, zone) != 0)
		return false;
	*before = n - z;
	return true;
}

/* "4.3.2.1" is 1.2.3.4: parsed as an address, then reversed. */
static bool read_v4(const char *name, size_t len, struct address *out)
{
	struct address turned;

	if (!address_parse(name, len, &turned) || turned.family != 4)
		return false;
	*out = (struct address){.family = 4};
	for (int i = 0; i < 4; i++)
		out->bytes[i] = turned.bytes[3 - i];
	return true;
}

static bool read_v6(const char *name, size_t len, struct address *out)
{
	if (len != V6_TEXT)
		return false;
	*out = (struct address){.family = 6};
	for (size_t i = 0; i < 32; i++) {
		int value = num_hex(name[2 * i]);

		if (value < 0 || (i < 31 && name[2 * i + 1] != '.'))
			return false;
		out->bytes[15 - i / 2] |= (uint8_t)(i % 2 ? value << 4 : value);
	}
	return true;
}

bool reverse_zone(const char *name)
{
	size_t before;

	/* Every query comes by here: nearly all need one comparison. */
	return ends_with(name, ARPA, &before) &&
	       (ends_with(name, V4_ZONE, &before) || ends_with(name, V6_ZONE, &before));
}

const char *reverse_find(const struct worker *w, const char *name)
{
	struct address a;
	enum cache_family f;
	size_t len, index;

	if (ends_with(name, V4_ZONE, &len)
			? !read_v4(name, len, &a)
			: !ends_with(name, V6_ZONE, &len) || !read_v6(name, len, &a))
		return NULL;
	/* In the cell names have no other addresses. */
	if (w->config->cell)
		return fake_ip_index(FAKE_IP_CELL, &a, &index) && index < w->cache.count &&
				       w->cache.names[index].allowed
			       ? w->cache.names[index].name
			       : NULL;
	f = a.family == 4 ? FAMILY_4 : FAMILY_6;
	for (size_t i = 0; i < w->cache.count; i++) {
		struct cache_name *n = &w->cache.names[i];
		const struct cache_record *r = &n->record[f];

		if (r->result != CACHE_ADDRESSES || r->work == WORK_PIN ||
			r->work == WORK_PINNING)
			continue;
		for (unsigned j = 0; j < r->count; j++)
			if (memcmp(cache_addresses(n, f) + j * cache_size(f), a.bytes,
				    cache_size(f)) == 0)
				return n->name;
	}
	return NULL;
}
