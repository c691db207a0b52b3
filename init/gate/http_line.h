/*
 * What the readers of HTTP have in common: octets and lines. Private to http*.c.
 */
#ifndef INIT_GATE_HTTP_LINE_H
#define INIT_GATE_HTTP_LINE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "http.h"

/* A piece of the buffer. */
struct http_text {
	uint8_t *at;
	size_t len;
};

/* Longest method looked for in what may not be HTTP; WebDAV's longest has 16. */
#define HTTP_METHOD 32

/* May c be part of a token (RFC 9110 §5.6.2)? */
bool http_token(uint8_t c);

/*
 * Looks for the end of a head, the first empty line that is not its first. HTTP_WHOLE: *length
 * is its octets with that line. *count is how many lines there are, without it. HTTP_REFUSED: a
 * line does not end in CR LF, or the first is empty.
 */
enum http_result http_lines(const uint8_t *bytes, size_t len, size_t *length, size_t *count);

#endif
