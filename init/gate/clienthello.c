/*
 * ClientHello, HelloRetryRequest, and the records around them.
 *
 * A hello is parsed only when it is complete: until then only record headers are walked, so
 * a client that sends one octet at a time costs little. Anything that two parsers could
 * understand differently is refused.
 */
#include "clienthello.h"

#include <string.h>

#include "host.h"

enum {
	RECORD_CHANGE_CIPHER_SPEC = 20, /* RFC 8446 §5.1 */
	RECORD_ALERT = 21,
	RECORD_HANDSHAKE = 22,
	RECORD_APPLICATION_DATA = 23,

	RECORD_HEADER = 5,
	RECORD_PLAIN = 1 << 14,             /* the largest plaintext record */
	RECORD_CIPHER = RECORD_PLAIN + 256, /* the largest encrypted record, RFC 8446 §5.2 */

	CLIENT_HELLO = 1, /* RFC 8446 §4 */
	SERVER_HELLO = 2,
	HANDSHAKE_HEADER = 4,
	RANDOM = 32,
	SESSION_ID = 32,

	EXTENSION_SERVER_NAME = 0, /* RFC 6066 §3 */
	NAME_TYPE_HOST = 0,
};

/*
 * Extensions that hide the real hello or its name: the drafts of ESNI, those of ECH, some of
 * whose numbers were deployed, and ECH itself (RFC 9849).
 */
static const uint16_t hidden[] = {
	0xffce, 0xff02, 0xfe08, 0xfe09, 0xfe0a, 0xfe0b, 0xfe0c, 0xfe0d};

/* A cursor. A read past its end empties it and marks it bad. */
struct octet_reader {
	const uint8_t *at;
	size_t left;
	bool bad;
};

static struct octet_reader take(struct octet_reader *r, size_t n)
{
	struct octet_reader part = {r->at, n, false};

	if (r->bad || n > r->left) {
		*r = (struct octet_reader){r->at, 0, true};
		return *r;
	}
	r->at += n;
	r->left -= n;
	return part;
}

static size_t number(struct octet_reader *r, size_t octets)
{
	struct octet_reader part = take(r, octets);
	size_t value = 0;

	for (size_t i = 0; i < part.left; i++)
		value = value << 8 | part.at[i];
	return value;
}

/* A vector: its length, in that many octets, followed by its contents. */
static struct octet_reader vector(struct octet_reader *r, size_t octets)
{
	return take(r, number(r, octets));
}

static size_t number16(const uint8_t *at)
{
	return (size_t)at[0] << 8 | at[1];
}

/* True for the version field of a TLS record or hello (1.0 to 1.2, which 1.3 uses as well). */
static bool of_tls(const uint8_t *at)
{
	return at[0] == 3 && at[1] >= 1 && at[1] <= 3;
}

/* ---- The hello ----------------------------------------------------------------------- */

static enum gate_reason server_name(struct octet_reader ext, struct hello *out)
{
	struct octet_reader list = vector(&ext, 2), name;
	size_t type;

	if (ext.bad || ext.left != 0)
		return GATE_MALFORMED;
	if (list.left == 0)
		return GATE_NO_NAME;
	type = number(&list, 1);
	name = vector(&list, 2);
	if (list.bad)
		return GATE_MALFORMED;
	name_report(name.at, name.left, out->name);
	if (list.left != 0)
		return GATE_NAMES_DIFFER;
	if (type != NAME_TYPE_HOST)
		return GATE_BAD_NAME;
	return host_read(name.at, name.left, out->name);
}

/*
 * Reads all extensions even after an error, so that the report has the name and ech. The
 * first error is the one returned.
 */
static enum gate_reason extensions(struct octet_reader all, struct hello *out)
{
	uint8_t seen[65536 / 8] = {0};
	enum gate_reason named = GATE_NO_NAME, fault = GATE_FINE;

	while (all.left > 0) {
		size_t type = number(&all, 2);
		struct octet_reader ext = vector(&all, 2);
		bool again = seen[type / 8] >> type % 8 & 1;

		if (all.bad)
			return GATE_MALFORMED;
		seen[type / 8] |= (uint8_t)(1u << type % 8);
		for (size_t i = 0; i < sizeof(hidden) / sizeof(hidden[0]); i++)
			out->ech |= type == hidden[i];
		if (again && fault == GATE_FINE)
			fault = type == EXTENSION_SERVER_NAME ? GATE_NAMES_DIFFER
							      : GATE_MALFORMED;
		if (!again && type == EXTENSION_SERVER_NAME)
			named = server_name(ext, out);
	}
	return fault != GATE_FINE ? fault : named;
}

static enum gate_reason client_hello(struct octet_reader body, struct hello *out)
{
	struct octet_reader version = take(&body, 2), suites, compression, exts;
	struct octet_reader session;

	take(&body, RANDOM);
	session = vector(&body, 1);
	suites = vector(&body, 2);
	compression = vector(&body, 1);
	if (body.bad || !of_tls(version.at) || session.left > SESSION_ID || suites.left == 0 ||
		suites.left % 2 != 0 || compression.left == 0 ||
		!memchr(compression.at, 0, compression.left))
		return GATE_MALFORMED;
	if (body.left == 0)
		return GATE_NO_NAME; /* TLS 1.0 without extensions */
	exts = vector(&body, 2);
	if (body.bad || body.left != 0)
		return GATE_MALFORMED;
	return extensions(exts, out);
}

/* ---- Records ------------------------------------------------------------------------- */

static enum hello_result refuse(struct hello *out, enum gate_reason reason)
{
	out->reason = reason;
	return HELLO_REFUSED;
}

/* Parses the hello of total octets from records whose headers have been checked. */
static enum gate_reason message(const uint8_t *bytes, size_t total, struct hello *out)
{
	struct octet_reader body;

	if (number16(bytes + 3) == total) { /* a single record, the usual case: no copy */
		body = (struct octet_reader){bytes + RECORD_HEADER, total, false};
		take(&body, HANDSHAKE_HEADER);
		return client_hello(body, out);
	}
	uint8_t joined[LIMIT_GATE_HELLO];

	for (size_t got = 0; got < total;) {
		size_t n = number16(bytes + 3);

		memcpy(joined + got, bytes + RECORD_HEADER, n);
		got += n;
		bytes += RECORD_HEADER + n;
	}
	body = (struct octet_reader){joined, total, false};
	take(&body, HANDSHAKE_HEADER);
	return client_hello(body, out);
}

enum hello_result clienthello_read(const uint8_t *bytes, size_t len, struct hello *out)
{
	uint8_t start[HANDSHAKE_HEADER];
	size_t at = 0, announced = 0, got = 0, total = 0;
	enum gate_reason reason;

	*out = (struct hello){.reason = GATE_FINE};
	while (total == 0 || got < total) {
		const uint8_t *record = bytes + at;
		size_t have = len - at, n;

		if (have > 0 && record[0] != RECORD_HANDSHAKE)
			return refuse(out, GATE_MALFORMED);
		if ((have > 1 && record[1] != 3) || (have > 2 && !of_tls(record + 1)))
			return refuse(out, GATE_MALFORMED);
		if (have < RECORD_HEADER)
			return HELLO_MORE;
		n = number16(record + 3);
		if (n == 0 || n > RECORD_PLAIN)
			return refuse(out, GATE_MALFORMED);
		have -= RECORD_HEADER;
		if (have > n)
			have = n;
		for (size_t i = 0; i < have && got + i < sizeof(start); i++)
			start[got + i] = record[RECORD_HEADER + i];
		announced += n;
		got += have;
		if (got > 0 && start[0] != CLIENT_HELLO)
			return refuse(out, GATE_MALFORMED);
		if (got >= sizeof(start))
			total = HANDSHAKE_HEADER + ((size_t)start[1] << 16) +
				number16(start + 2);
		/* A client sends nothing after its hello until the server has replied. */
		if (total > 0 && total <= LIMIT_GATE_HELLO && announced > total)
			return refuse(out, GATE_MALFORMED);
		if (total > LIMIT_GATE_HELLO || at + RECORD_HEADER + n > LIMIT_GATE_HELLO)
			return refuse(out, GATE_TOO_LONG);
		if (have < n)
			return HELLO_MORE;
		at += RECORD_HEADER + n;
	}
	out->length = at;
	reason = message(bytes, total, out);
	return reason == GATE_FINE ? HELLO_DONE : refuse(out, reason);
}

/* ---- The second hello ---------------------------------------------------------------- */

enum hello_retry clienthello_retry_read(const uint8_t *bytes, size_t len)
{
	/* SHA-256 of "HelloRetryRequest", the random value that marks a ServerHello as one. */
	static const uint8_t mark[RANDOM] = {0xcf, 0x21, 0xad, 0x74, 0xe5, 0x9a, 0x61, 0x11,
		0xbe, 0x1d, 0x8c, 0x02, 0x1e, 0x65, 0xb8, 0x91, 0xc2, 0xa2, 0x11, 0x16, 0x7a,
		0xbb, 0x8c, 0x5e, 0x07, 0x9e, 0x09, 0xe2, 0xc8, 0xa8, 0x33, 0x9c};
	const size_t random = RECORD_HEADER + HANDSHAKE_HEADER + 2;
	size_t n;

	if (len == 0)
		return RETRY_MORE;
	/* A client skips a change_cipher_spec and reads on (RFC 8446 §5); no server begins
	 * with one. */
	if (bytes[0] == RECORD_CHANGE_CIPHER_SPEC)
		return RETRY_UNCLEAR;
	if (bytes[0] != RECORD_HANDSHAKE)
		return RETRY_NO;
	if (len < RECORD_HEADER)
		return RETRY_MORE;
	n = number16(bytes + 3);
	if (bytes[1] != 3 || n > RECORD_PLAIN || RECORD_HEADER + n < random + RANDOM)
		return RETRY_UNCLEAR;
	/* A client skips a HelloRequest as well. */
	if (len > RECORD_HEADER && bytes[RECORD_HEADER] != SERVER_HELLO)
		return RETRY_UNCLEAR;
	if (len < random + RANDOM)
		return RETRY_MORE;
	return memcmp(bytes + random, mark, RANDOM) == 0 ? RETRY_ASKED : RETRY_NO;
}

enum hello_result clienthello_second_find(const uint8_t *bytes, size_t len, size_t *at)
{
	for (*at = 0; *at < len;) {
		const uint8_t *record = bytes + *at;
		size_t have = len - *at, n;
		uint8_t type = record[0];

		if (type == RECORD_HANDSHAKE)
			return HELLO_DONE;
		if (type != RECORD_CHANGE_CIPHER_SPEC && type != RECORD_ALERT &&
			type != RECORD_APPLICATION_DATA)
			return HELLO_REFUSED;
		if ((have > 1 && record[1] != 3) || (have > 2 && !of_tls(record + 1)))
			return HELLO_REFUSED;
		if (have < RECORD_HEADER)
			return HELLO_MORE;
		n = number16(record + 3);
		if ((type == RECORD_CHANGE_CIPHER_SPEC && n != 1) ||
			(type == RECORD_ALERT && n != 2) || n == 0 || n > RECORD_CIPHER)
			return HELLO_REFUSED;
		if (have < RECORD_HEADER + n)
			return HELLO_MORE;
		*at += RECORD_HEADER + n;
	}
	return HELLO_MORE;
}

void clienthello_alert(enum clienthello_alert description, uint8_t out[HELLO_ALERT_SIZE])
{
	const uint8_t alert[HELLO_ALERT_SIZE] = {
		RECORD_ALERT, 3, 3, 0, 2, 2 /* fatal */, (uint8_t)description};

	memcpy(out, alert, sizeof(alert));
}
