/*
 * What is reached without the proxy: a list as NO_PROXY has it (no standard; curl's and Go's
 * readings, where they agree). Pure.
 */
#ifndef INIT_POLICY_EXCEPTIONS_H
#define INIT_POLICY_EXCEPTIONS_H

#include <stdbool.h>
#include <stddef.h>

#include "../lib/limits.h"

struct exceptions {
	bool all; /* "*": the proxy is for nobody */
	size_t used;
	char names[LIMIT_EXCEPTIONS]; /* normalised, each ended by NUL */
};

/*
 * Adds the entries of a list, which commas or blanks separate: "*", or a name (with "." or
 * "*." before it, which changes nothing), which stands for itself and all names below it. A
 * port behind it is passed over: a name has one way, whatever the port. So are addresses and
 * networks: who names an address is never led to the proxy. Returns 0, or -1 with *bad where
 * the first entry begins that is neither or finds no room; the others are added all the same.
 */
int exceptions_add(struct exceptions *e, const char *list, const char **bad);

/* Does it cover this normalised name? */
bool exceptions_have(const struct exceptions *e, const char *name);

#endif
