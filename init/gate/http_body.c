/*
 * The end of a body, after which the next request may begin (RFC 9112 §6, §7.1).
 */
#include <string.h>

#include "http_line.h"

#include "../lib/num.h"

/* States of the chunked coding. */
enum {
	SIZE_FIRST, /* first digit of a chunk size */
	SIZE,
	EXTENSION, /* ";" and the rest of the line */
	SIZE_LF,
	DATA,
	DATA_CR,
	DATA_LF,
	TRAILER, /* start of a line after the last chunk */
	FIELD_NAME,
	FIELD_VALUE,
	FIELD_LF,
	END_LF,
};

void http_body_begin(struct http_body *b, const struct http_head *head)
{
	*b = (struct http_body){.kind = head->body, .state = SIZE_FIRST};
	if (head->body == HTTP_LENGTH)
		b->left = head->content_length;
	b->done = head->body != HTTP_CHUNKED && b->left == 0;
}

static bool size_digit(struct http_body *b, uint8_t c)
{
	if (num_hex((char)c) < 0 || b->line++ == LIMIT_GATE_CHUNK_DIGITS)
		return false;
	b->left = b->left << 4 | (uint64_t)num_hex((char)c);
	b->state = SIZE;
	return b->left <= LIMIT_GATE_CHUNK;
}

/* Accepts another octet of an extension or trailer. */
static bool spare(struct http_body *b, uint8_t c)
{
	return (c >= ' ' || c == '\t') && c != 0x7f && b->line++ < LIMIT_GATE_LINE;
}

static bool expect(struct http_body *b, uint8_t c, uint8_t wanted, uint8_t next)
{
	b->state = next;
	return c == wanted;
}

/* Consumes an octet that isn't chunk data. Returns false if it is malformed. */
static bool step(struct http_body *b, uint8_t c)
{
	switch (b->state) {
	case SIZE_FIRST:
		b->line = 0;
		b->left = 0;
		return size_digit(b, c);
	case SIZE:
		if (num_hex((char)c) >= 0)
			return size_digit(b, c);
		if (c == ';') {
			b->line = 0;
			b->state = EXTENSION;
			return true;
		}
		return expect(b, c, '\r', SIZE_LF);
	case EXTENSION:
		return c == '\r' ? expect(b, c, '\r', SIZE_LF) : spare(b, c);
	case SIZE_LF:
		b->line = 0;
		return expect(b, c, '\n', b->left > 0 ? DATA : TRAILER);
	case DATA_CR:
		return expect(b, c, '\r', DATA_LF);
	case DATA_LF:
		return expect(b, c, '\n', SIZE_FIRST);
	case TRAILER:
		if (c == '\r')
			return expect(b, c, '\r', END_LF);
		b->state = FIELD_NAME;
		return http_token(c) && spare(b, c);
	case FIELD_NAME:
		if (c == ':')
			b->state = FIELD_VALUE;
		return (c == ':' || http_token(c)) && spare(b, c);
	case FIELD_VALUE:
		return c == '\r' ? expect(b, c, '\r', FIELD_LF) : spare(b, c);
	case FIELD_LF:
		return expect(b, c, '\n', TRAILER);
	case END_LF:
		b->done = c == '\n';
		return b->done;
	default:
		return false;
	}
}

ssize_t http_body_take(struct http_body *b, const uint8_t *bytes, size_t len)
{
	size_t at = 0;

	while (at < len && !b->done) {
		if (b->kind == HTTP_CHUNKED && b->state != DATA) {
			if (!step(b, bytes[at]))
				return -1;
			at++;
			continue;
		}
		if (b->left > len - at) {
			b->left -= len - at;
			return (ssize_t)len;
		}
		at += b->left;
		b->left = 0;
		if (b->kind == HTTP_CHUNKED)
			b->state = DATA_CR;
		else
			b->done = true;
	}
	return (ssize_t)at;
}
