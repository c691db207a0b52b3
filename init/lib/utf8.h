/* UTF-8 (RFC 3629). Pure. */
#ifndef INIT_LIB_UTF8_H
#define INIT_LIB_UTF8_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* Decodes one code point from text[0, len): only shortest forms, no surrogates. Returns its
 * length in bytes with *out filled, or 0 if it is invalid. */
size_t utf8_read(const unsigned char *text, size_t len, uint32_t *out);

/* True if a terminal shows this character and no more: it is no control character, and leaves
 * the direction of the others alone (UAX #9), so that a name looks like itself. */
bool utf8_is_plain(uint32_t c);

#endif
