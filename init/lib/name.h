/*
 * Domain names as rules hold them: lower case A-labels without the trailing dot. Pure.
 */
#ifndef INIT_LIB_NAME_H
#define INIT_LIB_NAME_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "limits.h"

/* Room for any normalised name and its NUL. */
#define NAME_TEXT (LIMIT_NAME_TEXT + 1)

/*
 * Writes the normalised form of the len bytes at text (UTF-8) to out: ASCII letters in lower
 * case, U-labels as A-labels (RFC 5890, RFC 3492), one trailing dot removed. Returns true, or
 * false with *position set to the byte at fault and *reason to static text. Refused: empty
 * and over-long labels and names, characters other than letters, digits, hyphens and
 * underscores, a name that begins with a hyphen, "xn--" labels that do not decode, names that
 * are an address or whose last label is all digits, and U-labels that we cannot prove to be in
 * canonical form.
 */
bool name_normalise(const char *text, size_t len, char out[NAME_TEXT], size_t *position,
	const char **reason);

/*
 * The same for a name as a program sends it: to a resolver, in a hello, in Host, in a target.
 * There a name is ASCII: a U-label is refused, because servers differ in what they make of it.
 * Whoever has to decide about a host of the payload's reads its name with this, so that all
 * take the same names for the same.
 */
bool name_of_host(const void *bytes, size_t len, char out[NAME_TEXT]);

/*
 * Writes the octets for a report: as they stand, cut to LIMIT_NAME_TEXT, each that no host name
 * has as '?'. Safe to print.
 */
void name_report(const void *bytes, size_t len, char out[NAME_TEXT]);

/* A hash of it for a table, with a start that nobody outside knows: so nobody can choose names
 * of one bucket. */
uint32_t name_hash(const char *name, uint32_t seed);

/*
 * May it go into an event? Printable, NUL-terminated within size octets, and no longer than a
 * name is. What was refused are the payload's own words: they need not be proper host names.
 */
bool name_printable(const char *name, size_t size);

/* True when name (normalised) is a sub-name of parent, not parent itself. */
bool name_below(const char *name, const char *parent);

#endif
