/*
 * IP addresses, and the ranges into which the answer for an allowed name may not point.
 * Pure.
 */
#ifndef INIT_LIB_ADDRESS_H
#define INIT_LIB_ADDRESS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* In network byte order. An IPv4 address is the first four bytes; the rest are 0. */
struct address {
	uint8_t family; /* 4 or 6; 0: none */
	uint8_t bytes[16];
};

struct endpoint {
	struct address address;
	uint16_t port; /* host byte order */
};

/* Size of a buffer for the text of any address without scope id, NUL included. */
#define ADDRESS_TEXT 48

/*
 * The class of an address. An address of any class but ADDRESS_PUBLIC is refused as the
 * answer for a name, unless the rule has +private and the class is ADDRESS_PRIVATE.
 */
enum address_class {
	ADDRESS_PUBLIC,
	ADDRESS_PRIVATE, /* RFC 1918, RFC 6598 (shared), RFC 4193 (unique local), RFC 2544 (used
			    by fake-IP resolvers), and the host's address where an engine takes
			    it from a special range */
	ADDRESS_LOOPBACK,   /* 127.0.0.0/8, ::1 */
	ADDRESS_LINK_LOCAL, /* 169.254.0.0/16 (which has cloud metadata services), fe80::/10 */
	ADDRESS_MULTICAST,  /* 224.0.0.0/4, ff00::/8 */
	ADDRESS_EXAMPLE,    /* documentation ranges; rules may name them, since examples do */
	ADDRESS_SPECIAL,    /* the other IANA special-purpose ranges, and broadcast */
};

struct address_range {
	struct address base;
	uint8_t prefix; /* bits */
	enum address_class class;
	const char *name; /* for messages: "private (RFC 1918)" */
};

/*
 * The ranges that are not the public Internet (IANA's IPv4 and IPv6 special-purpose
 * registries). Sorted by family and base and disjoint, so the table serves as an interval
 * set: the wall rejects these ranges, the routes prohibit them, and address_classify()
 * searches it.
 */
extern const struct address_range address_ranges[];
extern const size_t address_ranges_count;
/* Parts of those ranges whose class differs: metadata services in private space, and single
 * addresses of special ranges that count as private. */
extern const struct address_range address_parts[];
extern const size_t address_parts_count;

/* Length of the NAT64 prefix 64:ff9b::/96 (RFC 6052 §2.1); the low 32 bits are the IPv4
 * address that packets are translated to. */
#define ADDRESS_NAT64_BITS 96
/* The IPv6 address that NAT64 translates to this IPv4 address. */
struct address address_nat64(const struct address *ipv4);
/* The address that decisions are made on: the embedded IPv4 address for one in the NAT64
 * prefix, otherwise the address itself. */
struct address address_judged(const struct address *a);

/* Parses exactly len characters of text ("1.2.3.4", "2001:db8::1"). */
bool address_parse(const char *text, size_t len, struct address *out);
/* Writes the canonical text (RFC 5952 for IPv6). Returns out. */
char *address_text(const struct address *a, char out[ADDRESS_TEXT]);
int address_compare(const struct address *a, const struct address *b);
/* True if a is in base/prefix. False if the families differ. */
bool address_inside(const struct address *a, const struct address *base, unsigned prefix);
/*
 * The class of an address. An address in the NAT64 prefix (64:ff9b::/96) has the class of
 * the IPv4 address in it, because that is where its packets go. Other addresses that embed
 * an IPv4 address (IPv4-mapped ::ffff:0:0/96, 64:ff9b:1::/48, 6to4 2002::/16, Teredo) are
 * ADDRESS_SPECIAL: no honest resolver returns them, and they would reach what they embed.
 */
enum address_class address_classify(const struct address *a);
/* The same for a network. ADDRESS_PUBLIC if it isn't within a single range. */
enum address_class address_classify_network(const struct address *base, unsigned prefix);
/* The name of the range that contains it, or "public". Static storage. */
const char *address_range_name(const struct address *a);
const char *address_network_name(const struct address *base, unsigned prefix);

#endif
