/*
 * Common to the HTTP parsers: octets and lines. Private to http*.c.
 */
#ifndef INIT_GATE_HTTP_LINE_H
#define INIT_GATE_HTTP_LINE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "http.h"

/* A part of the buffer. */
struct http_text {
	uint8_t *at;
	size_t len;
};

/* Longest method expected in what may not be HTTP; WebDAV's longest has 16. */
#define HTTP_METHOD 32

/* True if c may be part of a token (RFC 9110 §5.6.2). */
bool http_token(uint8_t c);

/*
 * Finds the end of a head: the first empty line, which must not be its first line.
 * HTTP_WHOLE: *length is the number of octets up to and including that line. *count is the
 * number of lines without it. HTTP_REFUSED: a line doesn't end in CR LF, or the first one is
 * empty.
 */
enum http_result http_lines(const uint8_t *bytes, size_t len, size_t *length, size_t *count);

#endif
