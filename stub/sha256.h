/* SHA-256 (FIPS 180-4), of short texts. Pure. */
#ifndef STUB_SHA256_H
#define STUB_SHA256_H

#include <stddef.h>

#define SHA256_HEX 65 /* with the NUL */

/* Writes the digest of text in lower-case hexadecimal digits. */
void sha256_hex(const void *text, size_t size, char hex[SHA256_HEX]);

#endif
