/*
 * Names reached without the proxy: a list in the format of NO_PROXY (which has no standard;
 * this is what curl and Go agree on). Pure.
 */
#ifndef INIT_POLICY_EXCEPTIONS_H
#define INIT_POLICY_EXCEPTIONS_H

#include <stdbool.h>
#include <stddef.h>

#include "../lib/limits.h"

struct exceptions {
	bool all; /* "*": nothing uses the proxy */
	size_t used;
	char names[LIMIT_EXCEPTIONS]; /* normalised, NUL-terminated, back to back */
};

/*
 * Adds the entries of a list separated by commas or blanks. An entry is "*", or a name (a
 * leading "." or "*." changes nothing), which stands for itself and all names below it. A
 * port is ignored: a name takes the same route on all ports. So are addresses and networks:
 * connections to an address never go through the proxy. Returns 0, or -1 with *bad at the
 * first entry that is invalid or doesn't fit; the others are added nevertheless.
 */
int exceptions_add(struct exceptions *e, const char *list, const char **bad);

/* True if it covers this normalised name. */
bool exceptions_have(const struct exceptions *e, const char *name);

#endif
