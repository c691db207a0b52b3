/*
 * A destination as a user writes it: HOST, HOST:PORT, ADDRESS, ADDRESS:PORT or
 * [ADDRESS6]:PORT. Pure.
 */
#ifndef INIT_POLICY_TARGET_H
#define INIT_POLICY_TARGET_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "../lib/address.h"
#include "../lib/name.h"

struct target {
	char name[NAME_TEXT];   /* normalised; "" if it is an address */
	struct address address; /* family 0 if it is a name */
	uint16_t port;          /* host byte order; 0 if none was given */
};

/*
 * Parses text. An IPv6 address needs brackets only before a port. Returns true, or false
 * with *reason set to static text; *out is then undefined.
 */
bool target_parse(const char *text, struct target *out, const char **reason);

/* Size of a buffer for the text of any target, NUL included. */
#define TARGET_TEXT (NAME_TEXT + 8)

/* Writes the target in the syntax of target_parse(). Returns out. */
char *target_text(const struct target *t, char out[TARGET_TEXT]);

#endif
