/* UTF-8 (RFC 3629). Pure. */
#ifndef INIT_LIB_UTF8_H
#define INIT_LIB_UTF8_H

#include <stddef.h>
#include <stdint.h>

/* Reads one code point from text[0, len): the shortest form alone, no surrogates. Returns how
 * many bytes it has, with *out filled, or 0 when it is none. */
size_t utf8_read(const unsigned char *text, size_t len, uint32_t *out);

#endif
