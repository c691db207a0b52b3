/*
 * A place as a person names it: HOST, HOST:PORT, ADDRESS, ADDRESS:PORT or [ADDRESS6]:PORT.
 * Pure.
 */
#ifndef INIT_POLICY_TARGET_H
#define INIT_POLICY_TARGET_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "../lib/address.h"
#include "../lib/name.h"

struct target {
	char name[NAME_TEXT];   /* normalised; "": it is an address */
	struct address address; /* family 0: it is a name */
	uint16_t port;          /* host byte order; 0: none was given */
};

/*
 * Reads text. An IPv6 address needs its brackets only where a port follows. Returns true, or
 * false with *reason set to static text; *out is then undefined.
 */
bool target_parse(const char *text, struct target *out, const char **reason);

/* Room for the text of any target, with its NUL. */
#define TARGET_TEXT (NAME_TEXT + 8)

/* Writes the target as target_parse() reads it; returns out. */
char *target_text(const struct target *t, char out[TARGET_TEXT]);

#endif
