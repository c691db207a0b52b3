/*
 * What the resolver and PID 1 say to each other: SOCK_SEQPACKET datagrams of one message or a
 * few, each exactly a struct resolver_message to PID 1 and a struct resolver_pinned from it,
 * fixed-width integers in host order (one machine, one binary). The receiver checks every field
 * against its range and the policy; a datagram of another size or an unknown type ends the
 * worker.
 */
#ifndef INIT_RESOLVER_RESOLVER_IPC_H
#define INIT_RESOLVER_RESOLVER_IPC_H

#include <stdint.h>

#include "../lib/address.h"
#include "../lib/limits.h"

/* Messages to PID 1 in one datagram, at most: what comes together is cheaper together. */
#define RESOLVER_TOGETHER 16

enum resolver_message_type {
	RESOLVER_PIN = 1, /* name, addresses: open these; answered by struct resolver_pinned */
	RESOLVER_REFUSED, /* name, reason, count: the payload asked for it so often and no rule
			   * allows it, or REASON_LONG, LIMIT or TARGET. An octet that
			   * no host name has is '?'. Name "": that many more questions, not
			   * told one by one */
	RESOLVER_UNRESOLVED, /* name, reason: an allowed name that has no usable address now */
	RESOLVER_DROPPED,    /* name, reason, addresses[0]: an answer that was not used */
	RESOLVER_BOOTED, /* every exact name has been pinned or reported; count: names pinned */
	RESOLVER_UNSOLICITED, /* count: datagrams of upstreams that answered no question of
			       * ours; REASON_GUESSED: so many that it was asked anew by another
			       * port */
};

enum resolver_reason {
	REASON_NONE,
	REASON_NXDOMAIN,   /* the name does not exist */
	REASON_NO_ADDRESS, /* it exists and has neither A nor AAAA */
	REASON_TIMEOUT,    /* no upstream answered */
	REASON_SERVER,     /* the upstreams answered SERVFAIL, REFUSED or the like */
	REASON_NOT_PUBLIC, /* its addresses are private or special and the rule lacks +private
			    */
	REASON_MALFORMED,  /* the answer was malformed or not about the question */
	REASON_LONG,       /* too long a name under a wildcard */
	REASON_LIMIT,      /* too many questions in a minute */
	REASON_TARGET,     /* an allowed name's service is there, and no rule allows that */
	REASON_GUESSED,    /* somebody guesses at ids and letters of questions */
	REASON_LAST = REASON_GUESSED,
};

struct resolver_address {
	uint8_t family; /* 4 or 6 */
	uint8_t reserved[3];
	uint32_t ttl; /* seconds, as the record said (RFC 2181 §8: above 2^31-1 is 0) */
	uint8_t bytes[16];
};

struct resolver_message {
	uint32_t type;
	uint32_t sequence; /* of RESOLVER_PIN: comes back in its answer */
	uint32_t reason;   /* enum resolver_reason */
	uint32_t count;    /* addresses; names in RESOLVER_BOOTED; questions in
			    * RESOLVER_REFUSED; datagrams in RESOLVER_UNSOLICITED */
	uint32_t port;     /* of REASON_TARGET; else 0 */
	char name[256];    /* normalised, NUL-terminated, the rest zero; "" where none */
	struct resolver_address addresses[LIMIT_ANSWER_ADDRESSES];
};

/* PID 1's answer to a RESOLVER_PIN, when what it asked for is in the wall; those to one
 * transaction come in one datagram. */
struct resolver_pinned {
	uint32_t sequence;
	uint32_t accepted; /* bit i: addresses[i] is open now */
};

#endif
