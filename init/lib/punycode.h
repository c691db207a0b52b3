/* Punycode (RFC 3492): the ASCII form of an internationalised label, without "xn--". Pure. */
#ifndef INIT_LIB_PUNYCODE_H
#define INIT_LIB_PUNYCODE_H

#include <stddef.h>
#include <stdint.h>

#include "limits.h"

#define PUNYCODE_FIRST 0x80 /* the first code point that isn't ASCII */

/* Encodes count code points, at most LIMIT_LABEL. Returns the length, or 0 if it exceeds size.
 */
size_t punycode_encode(const uint32_t *in, size_t count, char *out, size_t size);

/* Decodes in[0, len). Returns the number of code points, or 0 if it is invalid. */
size_t punycode_decode(const char *in, size_t len, uint32_t out[LIMIT_LABEL]);

#endif
