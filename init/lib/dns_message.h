/*
 * DNS messages on the wire (RFC 1035 §4, EDNS0: RFC 6891, extended errors: RFC 8914). Pure:
 * reads and writes the given buffers, keeps and prints nothing.
 *
 *	dns_message.c	names, the payload's queries, our replies, our queries to upstreams
 *	dns_response.c	the upstreams' responses
 *
 * Neither direction is trusted. Counts in a packet are hints: every read is checked against
 * the end of the packet, every loop is bounded by a limit.
 */
#ifndef INIT_LIB_DNS_MESSAGE_H
#define INIT_LIB_DNS_MESSAGE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "address.h"
#include "limits.h"
#include "name.h"

enum message_type {
	DNS_A = 1,
	DNS_CNAME = 5,
	DNS_SOA = 6,
	DNS_PTR = 12,
	DNS_TXT = 16,
	DNS_AAAA = 28,
	DNS_SRV = 33,
	DNS_OPT = 41,
	DNS_SVCB = 64,
	DNS_HTTPS = 65,
};

enum { DNS_CLASS_IN = 1 };

enum dns_rcode {
	RCODE_NOERROR = 0,
	RCODE_FORMERR = 1,
	RCODE_SERVFAIL = 2,
	RCODE_NXDOMAIN = 3,
	RCODE_NOTIMP = 4,
	RCODE_REFUSED = 5,
	RCODE_BADVERS = 16, /* RFC 6891 §9: the upper bits are in the OPT record */
};

/* RFC 1035 §4.1.1. */
#define DNS_HEADER 12
/* A question section: the longest name, a type and a class. */
#define DNS_QUESTION (255 + 4)
/* The UDP size that every DNS client accepts without EDNS (RFC 1035 §2.3.4). */
#define MESSAGE_PLAIN_SIZE 512
/* RFC 8914 §4.16 "Blocked": the policy of this resolver's operator forbids the name. */
#define DNS_EDE_BLOCKED 15
/* RFC 8914 §4.4 "Stale Answer". */
#define DNS_EDE_STALE 3

/* The parts of a query that its reply repeats. */
struct dns_asked {
	uint16_t id;
	uint16_t room; /* octets that the client accepts by UDP */
	bool recursion_desired;
	bool edns;
	bool dnssec_ok; /* RFC 3225 §3: copied back */
	uint16_t question_len;
	uint8_t question[DNS_QUESTION]; /* as received, letter case included */
};

/* A query from the payload. */
struct dns_query {
	struct dns_asked asked;
	uint16_t type, class;
	bool plain; /* a valid host name (name_of_host()); only such names can be allowed */
	char name[NAME_TEXT]; /* lower case, no trailing dot ("" is the root); '?' for each
				 octet that a host name can't have */
};

/*
 * Parses a query. Returns RCODE_NOERROR with *out filled; another rcode with out->asked
 * complete enough for an error reply (without a question if the question was malformed); or
 * -1 if the packet must be dropped without a reply: it is itself a response, or shorter than
 * a header, and a reply could start a loop.
 */
int dns_read_query(const uint8_t *packet, size_t len, struct dns_query *out);

/* An SRV record (RFC 2782). */
struct dns_service {
	uint16_t priority, weight, port;
	char target[NAME_TEXT];
};

/* The contents of a reply. */
struct dns_reply {
	enum dns_rcode rcode;
	uint16_t type;                      /* DNS_A, _AAAA, _PTR, _SRV or _TXT */
	uint32_t ttl;                       /* seconds, the same for each record */
	const uint8_t *addresses;           /* count * 4 or 16 octets, depending on type */
	size_t count;                       /* records; 0 for an empty answer */
	const char *pointer;                /* DNS_PTR: the name */
	const struct dns_service *services; /* DNS_SRV: count of them */
	const uint8_t *texts; /* DNS_TXT: count records, as in struct dns_answer */
	int ede;              /* an extended error code, or -1 */
	const char *ede_text; /* its text, or NULL */
};

/*
 * Writes the reply to out: QR and RA set, AA and AD clear, the question repeated, and an OPT
 * record with the extended error if the query had one. Records that don't fit into room
 * octets are left out and TC is set. Returns the length, or 0 if room is too small for a
 * header, the question and an OPT record.
 */
size_t dns_write_reply(const struct dns_asked *asked, const struct dns_reply *reply,
	uint8_t *out, size_t room);

/*
 * Writes a query for an upstream from these values alone: RD set, one question of class IN,
 * and with edns an OPT record that offers LIMIT_DNS_UDP octets. Returns the length, or 0 if
 * the name is invalid or room is too small (DNS_HEADER + DNS_QUESTION + 11 is always
 * enough).
 */
size_t dns_write_query(
	uint16_t id, const char *name, uint16_t type, bool edns, uint8_t *out, size_t room);

/*
 * "0x20" (draft-vixie-dnsext-dns0x20): randomising the case of the letters in a query, which
 * most servers repeat unchanged, adds bits that a forger must guess. dns_mix_case() does
 * that to a query from dns_write_query(): letter i becomes upper case if bit i % 64 is set.
 * dns_same_case() is true if the question in a response has that spelling.
 */
void dns_mix_case(uint8_t *packet, size_t len, uint64_t bits);
bool dns_same_case(const uint8_t *packet, size_t len, const char *name, uint64_t bits);

/* Sets TC, which tells the client that the message is truncated. */
void dns_truncate(uint8_t *packet);

enum dns_outcome {
	OUTCOME_ADDRESSES,   /* count records of the requested type, all owned by the end of the
				CNAME chain */
	OUTCOME_EMPTY,       /* the name exists, but has no record of that type */
	OUTCOME_NXDOMAIN,    /* the name doesn't exist */
	OUTCOME_TRUNCATED,   /* retry by TCP */
	OUTCOME_NO_EDNS,     /* FORMERR or NOTIMP: retry without EDNS */
	OUTCOME_SERVER,      /* SERVFAIL, REFUSED and the rest: try another server */
	OUTCOME_UNSOLICITED, /* doesn't match our query (id, question): ignore it */
	OUTCOME_MALFORMED, /* matches our query, but violates the format or a limit: drop it and
			      report it */
};

struct dns_answer {
	uint32_t ttl; /* minimum over the chain and its records; for EMPTY and NXDOMAIN as in
			 RFC 2308 §5, or 0 if the response has no SOA record */
	size_t count;
	size_t strays; /* records of other names in the answer section, ignored */
	union {
		uint8_t addresses[LIMIT_ANSWER_ADDRESSES]
				 [16]; /* the first 4 or 16 octets, depending on the type */
		struct dns_service services[LIMIT_ANSWER_SERVICES];
		uint8_t texts[LIMIT_ANSWER_TEXT]; /* records, each preceded by its length as 16
						     bits, big-endian */
	};
};

/*
 * Parses an upstream's response to the query (id, name, type). name is normalised; type is
 * A, AAAA, SRV or TXT. As many records are returned as fit. CNAMEs are followed from name
 * within the answer section alone. Records that aren't on that chain are ignored, as are the
 * additional section and all of the authority section but its SOA.
 */
enum dns_outcome dns_read_response(const uint8_t *packet, size_t len, uint16_t id,
	const char *name, uint16_t type, struct dns_answer *out);

/*
 * Reads the possibly compressed name at *at (RFC 1035 §4.1.4) and moves *at past it. out
 * gets the text in lower case; an octet other than a letter, digit, '-' or '_' becomes '?'
 * and sets *plain to false. Each compression pointer must point before the name or pointer
 * that led to it, so there can be no loop. Returns false with out empty if the name is
 * malformed.
 */
bool dns_read_name(
	const uint8_t *packet, size_t len, size_t *at, char out[NAME_TEXT], bool *plain);

#endif
