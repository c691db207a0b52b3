/*
 * The client's half of HTTP/1.x (RFC 9110, RFC 9112), read strictly: where the RFC lets a
 * recipient be lenient, and two recipients could therefore disagree about where a request ends
 * or whom it is for, the request is refused. Pure: works on the buffer it is given.
 */
#ifndef INIT_GATE_HTTP_H
#define INIT_GATE_HTTP_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

#include "../lib/name.h"
#include "gate_ipc.h"

enum http_form {
	HTTP_ORIGIN,    /* GET /path, or OPTIONS *: the host is Host's */
	HTTP_ABSOLUTE,  /* GET http://host:port/path: Host must say the same */
	HTTP_AUTHORITY, /* CONNECT host:port */
};

enum http_body_kind {
	HTTP_NO_BODY,
	HTTP_LENGTH,  /* Content-Length */
	HTTP_CHUNKED, /* Transfer-Encoding: chunked */
};

struct http_head {
	size_t length; /* octets, the empty line included */
	enum http_form form;
	char name[NAME_TEXT]; /* HTTP_WHOLE: normalised. HTTP_REFUSED: as in struct hello */
	uint16_t port;        /* that the request says; 0: says none */
	enum http_body_kind body;
	uint64_t content_length; /* HTTP_LENGTH */
	bool websocket;  /* asks for an upgrade to websocket (RFC 6455), and for nothing else */
	bool expect;     /* waits for 100 (Continue) before it sends the body; see below */
	bool keep_alive; /* another request may follow */
	enum gate_reason reason; /* HTTP_REFUSED: why */
};

enum http_result {
	HTTP_MORE, /* not whole, and nothing wrong that can be told yet: read on */
	HTTP_WHOLE,
	HTTP_REFUSED,
};

/*
 * Reads a request's head from the len octets at bytes. Refused: a line that does not end in
 * CR LF, a bare CR, NUL or another control character; a line that begins with a blank
 * (obs-fold); a blank before the colon; anything but HTTP/1.0 and 1.1 (the preface of HTTP/2
 * with GATE_PROTOCOL); a target of another form or scheme, with user information, a fragment;
 * no Host (but in a CONNECT of HTTP/1.0), two of them, one that differs from the target's host
 * or port; Content-Length twice, not a plain number, beyond LIMIT_GATE_LENGTH, or with
 * Transfer-Encoding; a Transfer-Encoding that is not exactly "chunked", or in HTTP/1.0; either
 * of them with an underscore for its hyphen; a body of a CONNECT; a Connection field that names
 * Host, Content-Length or Transfer-Encoding. Blank lines before the first request are refused
 * too. A head beyond LIMIT_GATE_HEAD or LIMIT_GATE_FIELDS is refused with GATE_TOO_LONG. What
 * stands in a line is looked at when the head is whole; line ends and the method are before.
 *
 * The buffer may be changed in one way: the name of a field is overwritten in place by one of
 * the same length that nobody knows. That of an Expect field, because servers that answer
 * before the body differ in whether they take what comes next for the body or for a request:
 * whoever asks is to send the 100 itself (expect tells), or to let the client wait in vain, as
 * clients have to allow for (RFC 9110 §10.1.1). And the name of an Upgrade field that asks for
 * anything but websocket (h2c would make the rest unreadable), or for websocket where
 * allow_upgrade is false, so that the server goes on in HTTP/1.1, as RFC 9110 §7.8 lets it.
 */
enum http_result http_head_read(
	uint8_t *bytes, size_t len, bool allow_upgrade, struct http_head *out);

/* Where a body is at. Zero it with http_body_begin(). */
struct http_body {
	enum http_body_kind kind;
	uint8_t state; /* private: of the chunked coding */
	uint16_t line; /* private: octets of the line that is being read */
	uint64_t left; /* octets of the body, or of this chunk, still to come */
	bool done;
};
void http_body_begin(struct http_body *b, const struct http_head *head);
/*
 * Takes octets of a body from the len at bytes. Returns how many belong to it (all of them
 * unless it ends there: then done is set), or -1 when the chunked coding is malformed: a size
 * that is no hexadecimal number, beyond LIMIT_GATE_CHUNK or longer than
 * LIMIT_GATE_CHUNK_DIGITS, a line that does not end in CR LF, trailer fields or chunk
 * extensions beyond LIMIT_GATE_LINE. A body of length 0 is done at once.
 */
ssize_t http_body_take(struct http_body *b, const uint8_t *bytes, size_t len);

/*
 * Reads the status of a response head in the len octets at bytes. Returns the status (100 to
 * 599) with *length set to the head's octets where it is whole, 0 when more is needed, -1 when
 * it is no HTTP/1.x response, or longer than LIMIT_GATE_HEAD.
 */
int http_status_read(const uint8_t *bytes, size_t len, size_t *length);
/* Writes status and phrase of a head that was read so, as much as there is room for, each octet
 * that isn't printable ASCII as '?'. */
void http_status_text(const uint8_t *bytes, char *out, size_t size);

/*
 * Writes the response to a refused request: 403 where the policy refuses, 400 where it is
 * malformed, 502 where the name could not be reached, with one line of text that names the
 * host, says why and, where a rule would help, which. said: what a proxy answered, or "".
 * Closes the connection. Returns its length, at most HTTP_REFUSAL_SIZE.
 */
#define HTTP_REFUSAL_SIZE 1024
size_t http_refusal_write(enum gate_reason reason, const char *name, uint16_t port,
	const char *said, char out[HTTP_REFUSAL_SIZE]);

#endif
