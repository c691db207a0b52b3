/*
 * Parser for the client's half of HTTP/1.x (RFC 9110, RFC 9112). It is strict: where the RFC
 * allows recipients to be lenient, and two of them could disagree about the end of a request
 * or its host, the request is refused. Pure: works on the given buffer.
 */
#ifndef INIT_GATE_HTTP_H
#define INIT_GATE_HTTP_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

#include "../lib/address.h"
#include "../lib/name.h"
#include "gate_ipc.h"

enum http_form {
	HTTP_ORIGIN,    /* GET /path, or OPTIONS *: the host is in Host */
	HTTP_ABSOLUTE,  /* GET http://host:port/path: Host must agree */
	HTTP_AUTHORITY, /* CONNECT host:port */
};

enum http_body_kind {
	HTTP_NO_BODY,
	HTTP_LENGTH,  /* Content-Length */
	HTTP_CHUNKED, /* Transfer-Encoding: chunked */
};

struct http_head {
	size_t length; /* octets, empty line included */
	enum http_form form;
	char name[NAME_TEXT];   /* HTTP_WHOLE: normalised. HTTP_REFUSED: as in struct hello */
	uint16_t port;          /* the port in the request; 0 if there is none */
	struct address literal; /* GATE_BAD_NAME: the address there instead; or family 0 */
	enum http_body_kind body;
	uint64_t content_length; /* HTTP_LENGTH */
	bool websocket; /* requests an upgrade to websocket (RFC 6455) and nothing else */
	bool expect;    /* waits for 100 (Continue) before sending the body; see below */
	enum gate_reason reason; /* HTTP_REFUSED: why */
};

enum http_result {
	HTTP_MORE, /* incomplete, and no error so far: read more */
	HTTP_WHOLE,
	HTTP_REFUSED,
};

/*
 * Parses a request head from the len octets at bytes. Refused: a line that doesn't end in CR
 * LF, a bare CR, NUL or another control character; a line that begins with a blank
 * (obs-fold); a blank before the colon; versions other than HTTP/1.0 and 1.1 (GATE_PROTOCOL
 * for the preface of HTTP/2); a target of another form or scheme, or with user information
 * or a fragment; no Host (except for CONNECT in HTTP/1.0), two of them, or one that differs
 * from the target's host or port; Content-Length twice, not a plain number, above
 * LIMIT_GATE_LENGTH, or together with Transfer-Encoding; a Transfer-Encoding that isn't
 * exactly "chunked", or in HTTP/1.0; either of them with an underscore for the hyphen; a
 * CONNECT with a body; a Connection field that names Host, Content-Length or
 * Transfer-Encoding. Blank lines before the first request are refused too. A head above
 * LIMIT_GATE_HEAD or LIMIT_GATE_FIELDS is refused with GATE_TOO_LONG. The contents of lines
 * are checked when the head is complete, line ends and the method before.
 *
 * The buffer may be changed in one way: a field name is overwritten in place by an unknown
 * one of the same length. This is done to Expect, because servers that respond before the
 * body disagree on whether the body or another request follows: the caller sends the 100
 * itself (see expect), or lets the client wait in vain, which clients must cope with (RFC
 * 9110 §10.1.1). And to Upgrade for anything but websocket (h2c would make the rest opaque),
 * or for websocket if allow_upgrade is false, so that the server continues in HTTP/1.1, as
 * RFC 9110 §7.8 permits.
 */
enum http_result http_head_read(
	uint8_t *bytes, size_t len, bool allow_upgrade, struct http_head *out);

/* Position in a body. Initialised by http_body_begin(). */
struct http_body {
	enum http_body_kind kind;
	uint8_t state; /* private: state of the chunked coding */
	uint16_t line; /* private: octets of the current line */
	uint64_t left; /* remaining octets of the body or the current chunk */
	bool done;
};
void http_body_begin(struct http_body *b, const struct http_head *head);
/*
 * Consumes octets of a body from the len at bytes. Returns how many belong to it (all of
 * them, unless it ends there; then done is set), or -1 if the chunked coding is malformed: a
 * size that isn't hexadecimal, above LIMIT_GATE_CHUNK or longer than
 * LIMIT_GATE_CHUNK_DIGITS, a line that doesn't end in CR LF, trailer fields or chunk
 * extensions above LIMIT_GATE_LINE. A body of length 0 is done at once.
 */
ssize_t http_body_take(struct http_body *b, const uint8_t *bytes, size_t len);

/*
 * Parses the status of a response head from the len octets at bytes. Returns the status (100
 * to 599) with *length set to the length of the head if it is complete, 0 if more is needed,
 * -1 if it isn't an HTTP/1.x response or is longer than LIMIT_GATE_HEAD.
 */
int http_status_read(const uint8_t *bytes, size_t len, size_t *length);
/* Writes status and reason phrase of such a head, cut to size, with '?' for octets that
 * aren't printable ASCII. */
void http_status_text(const uint8_t *bytes, char *out, size_t size);

/*
 * Writes the response to a refused request: 403 if the policy refuses, 400 if it is
 * malformed, 502 if the name can't be reached; with one line of text that names the host,
 * the reason and, if a rule would help, that rule. said: a proxy's reply, or "". The
 * response closes the connection. Returns its length, at most HTTP_REFUSAL_SIZE.
 */
#define HTTP_REFUSAL_SIZE 1024
size_t http_refusal_write(enum gate_reason reason, const char *name, uint16_t port,
	const char *said, char out[HTTP_REFUSAL_SIZE]);

#endif
