/*
 * The protocol between resolver and PID 1: SOCK_SEQPACKET messages, each one or more struct
 * resolver_message to PID 1 and struct resolver_pinned from it, fixed-width integers in host
 * order (same machine, same binary). The receiver checks every field against its range and
 * the policy; on a message of another size or an unknown type the worker is ended.
 */
#ifndef INIT_RESOLVER_RESOLVER_IPC_H
#define INIT_RESOLVER_RESOLVER_IPC_H

#include <stdint.h>

#include "../lib/address.h"
#include "../lib/limits.h"

/* Most structs in one message to PID 1, which is cheaper than single ones. */
#define RESOLVER_BATCH 16

enum resolver_message_type {
	RESOLVER_PIN =
		1, /* name, addresses: open these; the reply is a struct resolver_pinned */
	RESOLVER_REFUSED,    /* name, reason, count: the payload queried it so often and no rule
				allows it, or REASON_LONG, LIMIT or TARGET. '?' for each octet that
				no host name has. Name "": queries not reported individually */
	RESOLVER_UNRESOLVED, /* name, reason: an allowed name without a usable address */
	RESOLVER_DROPPED,    /* name, reason, addresses[0]: an answer that was not used */
	RESOLVER_BOOTED,     /* every exact name is pinned or reported; count: names pinned */
	RESOLVER_USED,       /* name, client: the first question about an allowed name */
	RESOLVER_UNSOLICITED, /* count: datagrams from upstreams that matched no query;
				 REASON_GUESSED: so many that the query was sent again from
				 another port */
};

enum resolver_reason {
	REASON_NONE,
	REASON_NXDOMAIN,   /* the name doesn't exist */
	REASON_NO_ADDRESS, /* it exists, but has neither A nor AAAA */
	REASON_TIMEOUT,    /* no upstream answered */
	REASON_SERVER,     /* the upstreams answered SERVFAIL, REFUSED or the like */
	REASON_NOT_PUBLIC, /* its addresses are private or special and the rule lacks +private
			    */
	REASON_MALFORMED,  /* the response was malformed or didn't match the query */
	REASON_LONG,       /* too long for a wildcard */
	REASON_LIMIT,      /* too many queries in a minute */
	REASON_TARGET,     /* an allowed name's service is there, and no rule allows it */
	REASON_GUESSED,    /* somebody is guessing ids and letter case of queries */
	REASON_LAST = REASON_GUESSED,
};

struct resolver_address {
	uint8_t family; /* 4 or 6 */
	uint8_t reserved[3];
	uint32_t ttl; /* seconds, from the record (RFC 2181 §8: above 2^31-1 is 0) */
	uint8_t bytes[16];
};

#define RESOLVER_BY_TCP 0x10000U

struct resolver_message {
	uint32_t type;
	uint32_t sequence; /* RESOLVER_PIN: returned in the reply */
	uint32_t reason;   /* enum resolver_reason */
	uint32_t count;    /* addresses; names in RESOLVER_BOOTED; queries in RESOLVER_REFUSED;
			      datagrams in RESOLVER_UNSOLICITED */
	uint32_t port;     /* for REASON_TARGET, else 0 */
	uint32_t client;   /* RESOLVER_REFUSED, RESOLVER_USED: the port of the client's socket,
			      plus RESOLVER_BY_TCP; 0: unknown */
	char name[256];    /* normalised, NUL-padded; "" if there is none */
	struct resolver_address addresses[LIMIT_ANSWER_ADDRESSES];
};

/* PID 1's reply to a RESOLVER_PIN, after the pins are in the wall; replies for one
 * transaction are sent in one message. */
struct resolver_pinned {
	uint32_t sequence;
	uint32_t accepted; /* bit i: addresses[i] is open */
};

/*
 * PID 1's notice that a pin is in use and expires soon: look the name up again, within its
 * limit, unless that is known already. One per datagram; its size differs from all others.
 */
struct resolver_in_use {
	uint8_t family; /* 4 or 6: which addresses */
	char name[256]; /* as in struct resolver_message */
};

#endif
