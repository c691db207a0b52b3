/*
 * Addresses: text, comparison, and the table of what is not the public Internet.
 *
 * Parsing and printing are our own because the C libraries differ: musl's inet_ntop()
 * compresses a single zero group (RFC 5952 §4.2.2 forbids it) and glibc's prints ::102:304
 * as ::1.2.3.4. Unit tests and the static binary must produce the same text.
 */
#include "address.h"

#include <stdio.h>
#include <string.h>

#include "num.h"

#define V4(a, b, c, d)                                                                         \
	{                                                                                      \
		4,                                                                             \
		{                                                                              \
			a, b, c, d                                                             \
		}                                                                              \
	}
/* The first four groups of an IPv6 address; the rest are 0. */
#define V6(a, b, c, d)                                                                         \
	{                                                                                      \
		6,                                                                             \
		{                                                                              \
			(a) >> 8, (a)&0xff, (b) >> 8, (b)&0xff, (c) >> 8, (c)&0xff, (d) >> 8,  \
				(d)&0xff                                                       \
		}                                                                              \
	}

/*
 * IPv6: IANA has allocated only 2000::/3 as global unicast (RFC 4291 §2.4), so everything
 * else is listed. Registry entries nested in another one are left to address_parts[], which
 * keeps the interval set small. The few entries that IANA calls globally reachable in their
 * own right (AS112, AMT) are ordinary addresses and not listed.
 */
const struct address_range address_ranges[] = {
	{V4(0, 0, 0, 0), 8, ADDRESS_SPECIAL, "this network (RFC 791)"},
	{V4(10, 0, 0, 0), 8, ADDRESS_PRIVATE, "private (RFC 1918)"},
	{V4(100, 64, 0, 0), 10, ADDRESS_PRIVATE, "shared (RFC 6598)"},
	{V4(127, 0, 0, 0), 8, ADDRESS_LOOPBACK, "loopback (RFC 1122)"},
	{V4(168, 63, 129, 16), 32, ADDRESS_SPECIAL, "Azure's wire server"},
	{V4(169, 254, 0, 0), 16, ADDRESS_LINK_LOCAL, "link-local (RFC 3927)"},
	{V4(172, 16, 0, 0), 12, ADDRESS_PRIVATE, "private (RFC 1918)"},
	{V4(192, 0, 0, 0), 24, ADDRESS_SPECIAL, "protocol assignments (RFC 6890)"},
	{V4(192, 0, 2, 0), 24, ADDRESS_EXAMPLE, "documentation (RFC 5737)"},
	{V4(192, 88, 99, 0), 24, ADDRESS_SPECIAL, "6to4 relays (RFC 7526)"},
	{V4(192, 168, 0, 0), 16, ADDRESS_PRIVATE, "private (RFC 1918)"},
	{V4(198, 18, 0, 0), 15, ADDRESS_PRIVATE,
		"a fake-IP resolver's, or for benchmarking (RFC 2544)"},
	{V4(198, 51, 100, 0), 24, ADDRESS_EXAMPLE, "documentation (RFC 5737)"},
	{V4(203, 0, 113, 0), 24, ADDRESS_EXAMPLE, "documentation (RFC 5737)"},
	{V4(224, 0, 0, 0), 4, ADDRESS_MULTICAST, "multicast (RFC 5771)"},
	{V4(240, 0, 0, 0), 4, ADDRESS_SPECIAL, "reserved and broadcast (RFC 1112)"},
	{V6(0, 0, 0, 0), 3, ADDRESS_SPECIAL, "not global unicast (RFC 4291)"},
	{V6(0x2001, 0, 0, 0), 23, ADDRESS_SPECIAL, "protocol assignments (RFC 2928)"},
	{V6(0x2001, 0xdb8, 0, 0), 32, ADDRESS_EXAMPLE, "documentation (RFC 3849)"},
	{V6(0x2002, 0, 0, 0), 16, ADDRESS_SPECIAL, "6to4 (RFC 3056)"},
	{V6(0x3fff, 0, 0, 0), 20, ADDRESS_EXAMPLE, "documentation (RFC 9637)"},
	{V6(0x4000, 0, 0, 0), 2, ADDRESS_SPECIAL, "not global unicast (RFC 4291)"},
	{V6(0x8000, 0, 0, 0), 2, ADDRESS_SPECIAL, "not global unicast (RFC 4291)"},
	{V6(0xc000, 0, 0, 0), 3, ADDRESS_SPECIAL, "not global unicast (RFC 4291)"},
	{V6(0xe000, 0, 0, 0), 4, ADDRESS_SPECIAL, "not global unicast (RFC 4291)"},
	{V6(0xf000, 0, 0, 0), 5, ADDRESS_SPECIAL, "not global unicast (RFC 4291)"},
	{V6(0xf800, 0, 0, 0), 6, ADDRESS_SPECIAL, "not global unicast (RFC 4291)"},
	{V6(0xfc00, 0, 0, 0), 7, ADDRESS_PRIVATE, "unique local (RFC 4193)"},
	{V6(0xfe00, 0, 0, 0), 9, ADDRESS_SPECIAL, "not global unicast (RFC 4291)"},
	{V6(0xfe80, 0, 0, 0), 10, ADDRESS_LINK_LOCAL, "link-local (RFC 4291)"},
	{V6(0xfec0, 0, 0, 0), 10, ADDRESS_SPECIAL, "site-local (RFC 3879)"},
	{V6(0xff00, 0, 0, 0), 8, ADDRESS_MULTICAST, "multicast (RFC 4291)"},
};
const size_t address_ranges_count = sizeof(address_ranges) / sizeof(address_ranges[0]);

/*
 * The first match counts. Cloud metadata services exist in private space too, and +private
 * must not lead to credentials, so they get the class of those in 169.254.0.0/16. The NAT64
 * prefix is in neither table: see address_judged().
 */
const struct address_range address_parts[] = {
	{V4(0, 250, 250, 254), 32, ADDRESS_PRIVATE, "the host, as OrbStack calls it"},
	{V4(100, 100, 100, 200), 32, ADDRESS_LINK_LOCAL, "a cloud's metadata service"},
	{V4(169, 254, 1, 2), 32, ADDRESS_PRIVATE, "the host, as Podman's pasta calls it"},
	{{6, {0xfd, 0, 0x0e, 0xc2, [14] = 0x02, [15] = 0x54}}, 128, ADDRESS_LINK_LOCAL,
		"a cloud's metadata service"}, /* fd00:ec2::254, Amazon */
	{{6, {0xfd, 0x20, 0, 0xce, [14] = 0x02, [15] = 0x54}}, 128, ADDRESS_LINK_LOCAL,
		"a cloud's metadata service"}, /* fd20:ce::254, Google */
	{{6, {0xfd, 0, 0, 0xc1, [12] = 0xa9, 0xfe, 0xa9, 0xfe}}, 128, ADDRESS_LINK_LOCAL,
		"a cloud's metadata service"}, /* fd00:c1::a9fe:a9fe, Oracle */
	{V6(0, 0, 0, 0), 128, ADDRESS_SPECIAL, "unspecified (RFC 4291)"},
	{{6, {[15] = 1}}, 128, ADDRESS_LOOPBACK, "loopback (RFC 4291)"},
	{{6, {[10] = 0xff, 0xff}}, 96, ADDRESS_SPECIAL, "IPv4-mapped (RFC 4291)"},
	{V6(0x64, 0xff9b, 1, 0), 48, ADDRESS_SPECIAL, "NAT64 (RFC 8215)"},
	{V6(0x100, 0, 0, 0), 64, ADDRESS_SPECIAL, "discard-only (RFC 6666)"},
	{V6(0x2001, 0, 0, 0), 32, ADDRESS_SPECIAL, "Teredo (RFC 4380)"},
	{V6(0x5f00, 0, 0, 0), 16, ADDRESS_SPECIAL, "segment routing (RFC 9602)"},
};
const size_t address_parts_count = sizeof(address_parts) / sizeof(address_parts[0]);

static const struct address nat64 = V6(0x64, 0xff9b, 0, 0);

/* Exactly four decimal numbers: programs disagree about the meaning of "010.0.0.1" and
 * "10.1". */
static bool parse4(const char *text, size_t len, uint8_t out[4])
{
	size_t p = 0;

	for (int i = 0; i < 4; i++) {
		unsigned value = 0;
		size_t start = p;

		if (i > 0 && (p == len || text[p++] != '.'))
			return false;
		start = p;
		while (p < len && p - start < 3 && text[p] >= '0' && text[p] <= '9')
			value = value * 10 + (unsigned)(text[p++] - '0');
		if (p == start || value > 255 || (p - start > 1 && text[start] == '0'))
			return false;
		out[i] = (uint8_t)value;
	}
	return p == len;
}

/* RFC 4291 §2.2: hexadecimal groups, one "::", possibly an IPv4 address as the last two
 * groups. */
static bool parse6(const char *text, size_t len, uint8_t out[16])
{
	uint8_t bytes[16] = {0};
	size_t p = 0, n = 0, gap = SIZE_MAX;

	if (len >= 2 && text[0] == ':' && text[1] == ':') {
		gap = 0;
		p = 2;
	}
	while (p < len) {
		size_t start = p;
		unsigned value = 0;

		if (n == 16)
			return false;
		while (p < len && p - start < 4 && num_hex(text[p]) >= 0)
			value = value << 4 | (unsigned)num_hex(text[p++]);
		if (p < len && text[p] == '.') {
			if (n > 12 || !parse4(text + start, len - start, bytes + n))
				return false;
			n += 4;
			break;
		}
		if (p == start)
			return false;
		bytes[n++] = (uint8_t)(value >> 8);
		bytes[n++] = (uint8_t)value;
		if (p == len)
			break;
		if (text[p++] != ':' || p == len)
			return false;
		if (text[p] == ':') {
			if (gap != SIZE_MAX)
				return false;
			gap = n;
			p++;
		}
	}
	if (gap == SIZE_MAX ? n != 16 : n == 16)
		return false;
	if (gap == SIZE_MAX)
		gap = n;
	memset(out, 0, 16);
	memcpy(out, bytes, gap);
	memcpy(out + 16 - (n - gap), bytes + gap, n - gap);
	return true;
}

bool address_parse(const char *text, size_t len, struct address *out)
{
	struct address a = {0};

	if (parse4(text, len, a.bytes)) {
		a.family = 4;
	} else {
		memset(a.bytes, 0, sizeof(a.bytes));
		if (!parse6(text, len, a.bytes))
			return false;
		a.family = 6;
	}
	*out = a;
	return true;
}

static unsigned group(const struct address *a, int i)
{
	return (unsigned)a->bytes[2 * i] << 8 | a->bytes[2 * i + 1];
}

char *address_text(const struct address *a, char out[ADDRESS_TEXT])
{
	static const uint8_t mapped[12] = {[10] = 0xff, 0xff};
	const uint8_t *b = a->bytes;
	int gap = -1, gap_length = 1; /* RFC 5952 §4.2.2: a single group is not compressed */
	size_t used = 0;

	out[0] = '\0';
	if (a->family == 4)
		snprintf(out, ADDRESS_TEXT, "%u.%u.%u.%u", b[0], b[1], b[2], b[3]);
	else if (a->family == 6 && memcmp(b, mapped, sizeof(mapped)) == 0)
		snprintf(out, ADDRESS_TEXT, "::ffff:%u.%u.%u.%u", b[12], b[13], b[14], b[15]);
	if (a->family != 6 || out[0])
		return out;
	for (int i = 0; i < 8; i++) {
		int n = 0;

		while (i + n < 8 && group(a, i + n) == 0)
			n++;
		if (n > gap_length) {
			gap = i;
			gap_length = n;
		}
	}
	for (int i = 0; i < 8; i++) {
		if (i == gap) {
			used += (size_t)snprintf(out + used, ADDRESS_TEXT - used, "::");
			i += gap_length - 1;
			continue;
		}
		used += (size_t)snprintf(out + used, ADDRESS_TEXT - used, "%s%x",
			i > 0 && out[used - 1] != ':' ? ":" : "", group(a, i));
	}
	return out;
}

int address_compare(const struct address *a, const struct address *b)
{
	if (a->family != b->family)
		return a->family < b->family ? -1 : 1;
	return memcmp(a->bytes, b->bytes, sizeof(a->bytes));
}

bool address_inside(const struct address *a, const struct address *base, unsigned prefix)
{
	unsigned whole = prefix / 8, rest = prefix % 8;

	if (a->family != base->family || prefix > (a->family == 4 ? 32 : 128))
		return false;
	if (memcmp(a->bytes, base->bytes, whole) != 0)
		return false;
	return rest == 0 || (a->bytes[whole] ^ base->bytes[whole]) >> (8 - rest) == 0;
}

struct address address_nat64(const struct address *ipv4)
{
	struct address a = nat64;

	memcpy(a.bytes + ADDRESS_NAT64_BITS / 8, ipv4->bytes, 4);
	return a;
}

struct address address_judged(const struct address *a)
{
	struct address inner = {.family = 4};

	if (!address_inside(a, &nat64, ADDRESS_NAT64_BITS))
		return *a;
	memcpy(inner.bytes, a->bytes + ADDRESS_NAT64_BITS / 8, 4);
	return inner;
}

static bool holds(const struct address_range *r, const struct address *base, unsigned prefix)
{
	return prefix >= r->prefix && address_inside(base, &r->base, r->prefix);
}

/* The narrowest range that contains the network, or NULL. */
static const struct address_range *range_of(const struct address *base, unsigned prefix)
{
	size_t low = 0, high = address_ranges_count;

	/* The last range that doesn't begin after it is the only one that can contain it. */
	while (low < high) {
		size_t middle = (low + high) / 2;

		if (address_compare(&address_ranges[middle].base, base) <= 0)
			low = middle + 1;
		else
			high = middle;
	}
	if (low == 0 || !holds(&address_ranges[low - 1], base, prefix))
		return NULL;
	for (size_t i = 0; i < address_parts_count; i++)
		if (holds(&address_parts[i], base, prefix))
			return &address_parts[i];
	return &address_ranges[low - 1];
}

static unsigned bits_of(const struct address *a)
{
	return a->family == 4 ? 32 : 128;
}

/* The range that determines a network's class. */
static const struct address_range *judged_range(const struct address *base, unsigned prefix)
{
	const struct address judged = address_judged(base);

	if (judged.family != base->family && prefix >= ADDRESS_NAT64_BITS)
		return range_of(&judged, prefix - ADDRESS_NAT64_BITS);
	return range_of(base, prefix);
}

enum address_class address_classify_network(const struct address *base, unsigned prefix)
{
	const struct address_range *r = judged_range(base, prefix);

	/* An unset address must not pass for a public one. */
	if (base->family != 4 && base->family != 6)
		return ADDRESS_SPECIAL;
	/* 64:ff9b::127.0.0.1 isn't our loopback. */
	if (r && r->class == ADDRESS_LOOPBACK && r->base.family != base->family)
		return ADDRESS_SPECIAL;
	return r ? r->class : ADDRESS_PUBLIC;
}

enum address_class address_classify(const struct address *a)
{
	return address_classify_network(a, bits_of(a));
}

const char *address_network_name(const struct address *base, unsigned prefix)
{
	const struct address_range *r = judged_range(base, prefix);

	return r ? r->name : "public";
}

const char *address_range_name(const struct address *a)
{
	return address_network_name(a, bits_of(a));
}
