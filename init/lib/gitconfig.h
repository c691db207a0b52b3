/*
 * Parser for git configuration files (git-config(1), "CONFIGURATION FILE"). It follows git's
 * own config.c byte by byte, since git must not see a setting in what we take to be
 * harmless. Shared with the launcher. Pure.
 */
#ifndef INIT_LIB_GITCONFIG_H
#define INIT_LIB_GITCONFIG_H

#include <stdbool.h>
#include <stddef.h>

#include "limits.h"

struct gitconfig_entry {
	/* section.name or section.subsection.name; section and name in lower case. */
	char key[LIMIT_GITCONFIG_KEY];
	char value[LIMIT_GITCONFIG_VALUE];
	bool bare;         /* a key without '=', which means true; value is "" */
	size_t begin, end; /* position in the text, end of line included */
};

/* Parser state; text must outlive it. */
struct gitconfig {
	const char *text;
	size_t size, at;
	char section[LIMIT_GITCONFIG_KEY]; /* with a trailing '.'; "" before the first section
					    */
};

void gitconfig_begin(struct gitconfig *c, const char *text, size_t size);

/* Reads the next setting. Returns 1 with *e filled, 0 at the end, or -1 if git would reject
 * the file, or a key or value exceeds our limits. */
int gitconfig_next(struct gitconfig *c, struct gitconfig_entry *e);

/* Writes value as a double-quoted config value. Returns the length, or 0 if it doesn't fit
 * or contains a line break or control character. */
size_t gitconfig_quote(const char *value, char *out, size_t size);

#endif
