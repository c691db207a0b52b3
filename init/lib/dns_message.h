/*
 * DNS messages on the wire (RFC 1035 §4, EDNS0: RFC 6891, extended errors: RFC 8914). Pure:
 * reads and writes the buffers it is given, keeps nothing, prints nothing.
 *
 *	dns_message.c	names, the payload's questions, our replies, our questions upstream
 *	dns_response.c	what an upstream answered
 *
 * Both directions are hostile. Counts in a packet are hints: every read is checked against the
 * packet's end, every loop against a limit.
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
};

enum { DNS_CLASS_IN = 1 };

enum dns_rcode {
	RCODE_NOERROR = 0,
	RCODE_FORMERR = 1,
	RCODE_SERVFAIL = 2,
	RCODE_NXDOMAIN = 3,
	RCODE_NOTIMP = 4,
	RCODE_REFUSED = 5,
	RCODE_BADVERS = 16, /* RFC 6891 §9: its upper bits travel in the OPT record */
};

/* RFC 1035 §4.1.1. */
#define DNS_HEADER 12
/* A question section: the longest name, type and class. */
#define DNS_QUESTION (255 + 4)
/* What every DNS client takes by UDP without having said more (RFC 1035 §2.3.4). */
#define MESSAGE_PLAIN_SIZE 512
/* RFC 8914 §4.16 "Blocked": the policy of whoever runs this resolver forbids the name. */
#define DNS_EDE_BLOCKED 15
/* RFC 8914 §4.4 "Stale Answer". */
#define DNS_EDE_STALE 3

/* What a reply must repeat of the question it answers. */
struct dns_asked {
	uint16_t id;
	uint16_t room; /* octets that the client takes by UDP */
	bool recursion_desired;
	bool edns;
	bool dnssec_ok; /* RFC 3225 §3: copied back */
	uint16_t question_len;
	uint8_t question[DNS_QUESTION]; /* as sent, letter case and all */
};

/* A question of the payload. */
struct dns_query {
	struct dns_asked asked;
	uint16_t type, class;
	bool plain; /* it is a host's name (name_of_host()): only such can be allowed */
	char name[NAME_TEXT]; /* lower case, no trailing dot ("" is the root); an octet that
			       * is not plain is '?' */
};

/*
 * Reads a question. Returns RCODE_NOERROR with *out filled; another rcode with out->asked
 * good enough for a reply that carries it (with no question where that was at fault); or -1:
 * not a question, to be passed over in silence (a reply, or less than a header: answering
 * could start a loop).
 */
int dns_read_query(const uint8_t *packet, size_t len, struct dns_query *out);

/* A record of a service (RFC 2782). */
struct dns_service {
	uint16_t priority, weight, port;
	char target[NAME_TEXT];
};

/* What to reply. */
struct dns_reply {
	enum dns_rcode rcode;
	uint16_t type;                      /* DNS_A, _AAAA, _PTR, _SRV or _TXT */
	uint32_t ttl;                       /* seconds, for each record */
	const uint8_t *addresses;           /* count times 4 or 16 octets, as type says */
	size_t count;                       /* records; 0: an empty answer */
	const char *pointer;                /* DNS_PTR: the name */
	const struct dns_service *services; /* DNS_SRV: count of them */
	const uint8_t *texts; /* DNS_TXT: count records, as in struct dns_answer */
	int ede;              /* an extended error code, or -1 */
	const char *ede_text; /* its text, or NULL */
};

/*
 * Writes the reply to out: QR and RA set, AA and AD clear, the question repeated, an OPT record
 * where the question had one (the extended error in it). Records that do not fit in room octets
 * are left out and TC is set. Returns its length, or 0 when room is less than what a header, a
 * question and an OPT record take.
 */
size_t dns_write_reply(const struct dns_asked *asked, const struct dns_reply *reply,
	uint8_t *out, size_t room);

/*
 * Writes a question to an upstream, made of nothing but these values: RD set, one question of
 * class IN, and with edns an OPT record that offers LIMIT_DNS_UDP octets. Returns its length,
 * or 0 when the name is no name or room is too small (DNS_HEADER + DNS_QUESTION + 11
 * is always enough).
 */
size_t dns_write_query(
	uint16_t id, const char *name, uint16_t type, bool edns, uint8_t *out, size_t room);

/*
 * "0x20" (draft-vixie-dnsext-dns0x20): a question's letters written large or small by chance,
 * which most servers repeat as they came, is more for a forger to guess. dns_mix_case()
 * does that to a question that dns_write_query() has made: a letter is large where its bit
 * is set, bit i for the letters i, i + 64, and so on. dns_same_case() tells whether an
 * answer's question is spelt so.
 */
void dns_mix_case(uint8_t *packet, size_t len, uint64_t bits);
bool dns_same_case(const uint8_t *packet, size_t len, const char *name, uint64_t bits);

/* Marks an answer as cut short. */
void dns_truncate(uint8_t *packet);

enum dns_outcome {
	OUTCOME_ADDRESSES,   /* count of what was asked for, all of the chain's end */
	OUTCOME_EMPTY,       /* the name exists, and has no record of that type */
	OUTCOME_NXDOMAIN,    /* it does not exist */
	OUTCOME_TRUNCATED,   /* ask again by TCP */
	OUTCOME_NO_EDNS,     /* FORMERR or NOTIMP: ask again without EDNS */
	OUTCOME_SERVER,      /* SERVFAIL, REFUSED and the rest: ask somebody else */
	OUTCOME_UNSOLICITED, /* not an answer to this question (id, question): ignore it */
	OUTCOME_MALFORMED, /* an answer to it that breaks the format or a limit: drop, report */
};

struct dns_answer {
	uint32_t ttl; /* the least of the chain and its end; for EMPTY and NXDOMAIN what RFC
		       * 2308 §5 says, or 0 when the answer has no SOA record */
	size_t count;
	size_t strays; /* addresses of other names in the answer section: not looked at */
	union {
		uint8_t addresses[LIMIT_ANSWER_ADDRESSES][16]; /* 4 or 16 used, as asked */
		struct dns_service services[LIMIT_ANSWER_SERVICES];
		uint8_t texts[LIMIT_ANSWER_TEXT]; /* records, each behind its length in two
						   * octets */
	};
};

/*
 * Reads an upstream's answer to the question id, name (normalised), type (A, AAAA, SRV, TXT; of
 * these as many as there is room for). Aliases
 * are followed inside the answer section only, from the name asked; records that are not on
 * that way, the authority section but for its SOA, and the additional section are not looked
 * at.
 */
enum dns_outcome dns_read_response(const uint8_t *packet, size_t len, uint16_t id,
	const char *name, uint16_t type, struct dns_answer *out);

/*
 * Reads the possibly compressed name at *at (RFC 1035 §4.1.4) and moves *at behind it. out gets
 * its text in lower case (plain false: an octet that is not a letter, digit, '-' or '_' stands
 * in it as '?'). Each pointer must point before the name or pointer that led to it, so that
 * none loops. Returns false when the name is malformed,
 * and out is empty then.
 */
bool dns_read_name(
	const uint8_t *packet, size_t len, size_t *at, char out[NAME_TEXT], bool *plain);

#endif
