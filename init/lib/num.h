/* Parsing of digits. Pure; independent of the locale. */
#ifndef INIT_LIB_NUM_H
#define INIT_LIB_NUM_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* The value of a hexadecimal digit of either case, or -1. */
int num_hex(char c);

/* Reads the decimal number at the beginning of text. Returns what follows it, or NULL if there
 * is none, or one of more than 64 bits; *out is 0 then. */
const char *num_read(const char *text, uint64_t *out);

/* Parses all of text[0, len) as a port: 1 to 65535, decimal, without leading zeros. */
bool num_port(const char *text, size_t len, uint16_t *out);

#endif
