/*
 * IP addresses and the ranges that no allowed name may point into. Pure.
 */
#ifndef INIT_LIB_ADDRESS_H
#define INIT_LIB_ADDRESS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* An address in network byte order; an IPv4 address uses the first four bytes, the rest are 0.
 */
struct address {
	uint8_t family; /* 4 or 6; 0: none */
	uint8_t bytes[16];
};

struct endpoint {
	struct address address;
	uint16_t port; /* host byte order */
};

/* Room for the text of any address, scope ids excluded, with its NUL. */
#define ADDRESS_TEXT 48

/*
 * What kind of place an address is. Everything but ADDRESS_PUBLIC is refused as the answer
 * for a name, unless the rule says +private and the class is ADDRESS_PRIVATE.
 */
enum address_class {
	ADDRESS_PUBLIC,
	ADDRESS_PRIVATE,    /* RFC 1918, RFC 6598 (shared), RFC 4193 (unique local), RFC 2544
			     * (fake-IP resolvers'), and the host where an engine calls it by
			     * an address of a special range */
	ADDRESS_LOOPBACK,   /* 127.0.0.0/8, ::1 */
	ADDRESS_LINK_LOCAL, /* 169.254.0.0/16 with the clouds' metadata, fe80::/10 */
	ADDRESS_MULTICAST,  /* 224.0.0.0/4, ff00::/8 */
	ADDRESS_EXAMPLE,    /* those for documentation: rules may name them, as texts do */
	ADDRESS_SPECIAL,    /* the other IANA special-purpose ranges, and broadcast */
};

struct address_range {
	struct address base;
	uint8_t prefix; /* bits */
	enum address_class class;
	const char *name; /* for messages: "private (RFC 1918)" */
};

/*
 * The one table of ranges that are not the public Internet (IANA's IPv4 and IPv6
 * special-purpose registries). Sorted by family and base, and disjoint, so that it serves as an
 * interval set: the wall rejects these ranges, the routes prohibit them, and address_classify()
 * looks them up.
 */
extern const struct address_range address_ranges[];
extern const size_t address_ranges_count;
/* What parts of those ranges are, where it differs: metadata services in private space, and
 * single addresses of special ranges that are private. */
extern const struct address_range address_parts[];
extern const size_t address_parts_count;

/* NAT64's prefix (RFC 6052 §2.1), of this many bits; behind them stands the IPv4 address that
 * the packets are translated to. */
#define ADDRESS_NAT64_BITS 96
/* The IPv6 address that NAT64 translates to that IPv4 one. */
struct address address_nat64(const struct address *ipv4);
/* The address by which another is judged: the IPv4 one inside NAT64's prefix, else itself. */
struct address address_judged(const struct address *a);

/* Reads exactly the len characters of text as an address ("1.2.3.4", "2001:db8::1"). */
bool address_parse(const char *text, size_t len, struct address *out);
/* Writes the canonical text (RFC 5952 for IPv6); returns out. */
char *address_text(const struct address *a, char out[ADDRESS_TEXT]);
int address_compare(const struct address *a, const struct address *b);
/* True when a is inside base/prefix; families must agree. */
bool address_inside(const struct address *a, const struct address *base, unsigned prefix);
/*
 * The class of an address. One of NAT64's (64:ff9b::/96) is what the IPv4 address inside it is:
 * that is where its packets go. Others that embed an IPv4 address (v4-mapped ::ffff:0:0/96,
 * 64:ff9b:1::/48, 6to4 2002::/16, Teredo) are ADDRESS_SPECIAL: no honest resolver answers with
 * those, and they would reach what they embed.
 */
enum address_class address_classify(const struct address *a);
/* The same for a whole network: ADDRESS_PUBLIC where it isn't inside one range. */
enum address_class address_classify_network(const struct address *base, unsigned prefix);
/* The name of the range that it lies in, or "public". Static storage. */
const char *address_range_name(const struct address *a);
const char *address_network_name(const struct address *base, unsigned prefix);

#endif
