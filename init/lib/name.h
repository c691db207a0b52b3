/*
 * Domain names as rules hold them: lower case A-labels without the trailing dot. Pure.
 */
#ifndef INIT_LIB_NAME_H
#define INIT_LIB_NAME_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "limits.h"

/* Size of a buffer for any normalised name, NUL included. */
#define NAME_TEXT (LIMIT_NAME_TEXT + 1)

/*
 * Normalises the len bytes at text (UTF-8) to out: ASCII letters in lower case, U-labels as
 * A-labels (RFC 5890, RFC 3492), one trailing dot removed. Returns true, or false with
 * *position set to the offending byte and *reason to static text. Rejected: empty and
 * overlong labels and names, characters other than letters, digits, hyphens and underscores,
 * a name that begins with a hyphen, "xn--" labels that don't decode, addresses, names whose
 * last label is a number, and U-labels that can't be proved to be in canonical form.
 */
bool name_normalise(const char *text, size_t len, char out[NAME_TEXT], size_t *position,
	const char **reason);

/*
 * The same for a name as a program sends it, in DNS, SNI, Host or a request target. Such
 * names are ASCII; a U-label is rejected, because servers disagree on what it means.
 * Everything that decides about a host named by the payload parses it with this, so that all
 * see the same name.
 */
bool name_of_host(const void *bytes, size_t len, char out[NAME_TEXT]);

/*
 * Copies a name for a report: cut to LIMIT_NAME_TEXT, with '?' for each octet that no host
 * name has. The result is safe to print.
 */
void name_report(const void *bytes, size_t len, char out[NAME_TEXT]);

/* Hash for tables. seed must be secret and random, so that nobody can pick names that
 * collide. */
uint32_t name_hash(const char *name, uint32_t seed);

/*
 * True if the name is printable, NUL-terminated within size octets and no longer than a name
 * can be, so that it can go into an event. It needn't be a valid host name: refused names
 * are whatever the payload sent.
 */
bool name_printable(const char *name, size_t size);

/* True if name (normalised) is a proper subdomain of parent. */
bool name_below(const char *name, const char *parent);

#endif
