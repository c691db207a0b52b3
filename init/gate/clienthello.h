/*
 * Parser for a TLS client's first flight (RFC 8446 §4.1.2, RFC 5246 §7.4.1.2; server name:
 * RFC 6066 §3; Encrypted Client Hello: RFC 9849), and for the one thing in a server's that
 * matters here: whether it requests a second hello. Pure.
 */
#ifndef INIT_GATE_CLIENTHELLO_H
#define INIT_GATE_CLIENTHELLO_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "../lib/name.h"
#include "gate_ipc.h"

/* TLS alert descriptions (RFC 8446 §6, RFC 6066 §9). */
enum clienthello_alert {
	ALERT_DECODE_ERROR = 50,
	ALERT_ACCESS_DENIED = 49,
	ALERT_INTERNAL_ERROR = 80,
	ALERT_UNRECOGNIZED_NAME = 112,
};

struct hello {
	size_t length;        /* octets up to the end of the hello's last record, record headers
				 included */
	bool ech;             /* has encrypted_client_hello (GREASE too) or ESNI */
	char name[NAME_TEXT]; /* HELLO_DONE: normalised. HELLO_REFUSED: the name as far as it
				 was parsed, for the report, with '?' for octets that no name
				 has */
	enum gate_reason reason; /* HELLO_REFUSED: why */
};

enum hello_result {
	HELLO_MORE, /* incomplete, and no error so far: read more */
	HELLO_DONE,
	HELLO_REFUSED,
};

/*
 * Parses a ClientHello from the len octets at bytes, which begin with a record. It may be
 * spread over any number of records (but an empty record or one of another type in between
 * is refused). Done only if the hello is complete and names exactly one host: one
 * server_name extension with one entry of type host_name, which is a name that a rule can
 * have as it stands (ASCII letters of either case, digits, hyphens, underscores, dots; no
 * address). Duplicate extensions are refused, and so are inconsistent lengths, octets after
 * the hello in its last record, and more than LIMIT_GATE_HELLO octets (GATE_TOO_LONG). ech
 * is only reported: whether it may pass depends on the policy.
 */
enum hello_result clienthello_read(const uint8_t *bytes, size_t len, struct hello *out);

/*
 * Whether the server's first flight, whose first len octets are given, requests a second
 * ClientHello (HelloRetryRequest, RFC 8446 §4.1.4). If so, the caller must check that the
 * second one names the same host: a client could change the name, and servers differ in
 * which one they use.
 */
enum hello_retry {
	RETRY_MORE,    /* not enough data */
	RETRY_NO,      /* a ServerHello, an alert, or anything else that rules it out */
	RETRY_ASKED,   /* the client will send a second hello */
	RETRY_UNCLEAR, /* a fragmented ServerHello: undecidable, must not pass */
};
enum hello_retry clienthello_retry_read(const uint8_t *bytes, size_t len);

/*
 * After a HelloRetryRequest: skips the client's records before the second hello
 * (change_cipher_spec, early data that the server ignores) in the len octets at bytes.
 * HELLO_MORE: it isn't there yet, and *at is the length of complete records, which may be
 * forwarded. HELLO_DONE: it begins at *at, from where clienthello_read() can parse it.
 * HELLO_REFUSED: what is there can't precede one.
 */
enum hello_result clienthello_second_find(const uint8_t *bytes, size_t len, size_t *at);

/* A fatal alert as a plaintext record (RFC 8446 §5.1). */
#define HELLO_ALERT_SIZE 7
void clienthello_alert(enum clienthello_alert description, uint8_t out[HELLO_ALERT_SIZE]);

#endif
