/*
 * The first flight of a TLS client (RFC 8446 §4.1.2, RFC 5246 §7.4.1.2; server name: RFC 6066
 * §3; Encrypted Client Hello: RFC 9849), and the one thing of a server's that matters here:
 * whether it asks for a second hello. Pure: reads the bytes it is given, keeps nothing.
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
	size_t length; /* octets, record headers included, up to the end of the hello's last
			* record */
	bool ech;      /* it carries encrypted_client_hello (GREASE too) or ESNI */
	char name[NAME_TEXT]; /* HELLO_DONE: normalised. HELLO_REFUSED: what it named, as far as
			       * it got, for the report; an octet that no name has is '?' */
	enum gate_reason reason; /* HELLO_REFUSED: why */
};

enum hello_result {
	HELLO_MORE, /* not whole, and nothing wrong that can be told yet: read on */
	HELLO_DONE,
	HELLO_REFUSED,
};

/*
 * Reads a ClientHello from the len octets at bytes, which begin at a record. It may be spread
 * over any number of records (an empty one, or one of another type in between, is refused).
 * Done only when the hello is whole and names exactly one host: one server_name extension with
 * one entry, of type host_name, which is a name that a rule can hold as it stands there (ASCII
 * letters of either case, digits, hyphens, underscores, dots; no address). An
 * extension that stands there twice is refused, and so are lengths that do not add up, octets
 * behind the hello in its last record, and more than LIMIT_GATE_HELLO octets (GATE_TOO_LONG).
 * ech is only told: whether it may pass is the policy's to say.
 */
enum hello_result clienthello_read(const uint8_t *bytes, size_t len, struct hello *out);

/*
 * Does the server's first flight, of which the first len octets are given, ask for a second
 * ClientHello (HelloRetryRequest, RFC 8446 §4.1.4)? Whoever asks must see that the second one
 * names the same host: a client may write another, and servers differ in which they obey.
 */
enum hello_retry {
	RETRY_MORE,    /* too little to tell */
	RETRY_NO,      /* a ServerHello, an alert, or whatever else ends the matter */
	RETRY_ASKED,   /* the client will send a second hello */
	RETRY_UNCLEAR, /* a ServerHello in splinters: can't be told, must not pass */
};
enum hello_retry clienthello_retry_read(const uint8_t *bytes, size_t len);

/*
 * After a HelloRetryRequest: the records of the client from the len octets at bytes on. Those
 * before the second hello (change_cipher_spec, early data that the server ignores) are
 * skipped; *at is where it begins when it is there (clienthello_read() takes it from there).
 * HELLO_MORE: not there yet, and *at is how many octets are whole records that may go on.
 * HELLO_DONE: it begins at *at. HELLO_REFUSED: what is there can't be before one.
 */
enum hello_result clienthello_second_find(const uint8_t *bytes, size_t len, size_t *at);

/* A fatal alert as a plaintext record (RFC 8446 §5.1). */
#define HELLO_ALERT_SIZE 7
void clienthello_alert(enum clienthello_alert description, uint8_t out[HELLO_ALERT_SIZE]);

#endif
