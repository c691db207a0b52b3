/*
 * A git configuration file: git-config(1), "CONFIGURATION FILE", read as git's own config.c
 * does, to the byte, since what we take for harmless git must not take for something else.
 * Shared with the launcher. Pure.
 */
#ifndef INIT_LIB_GITCONFIG_H
#define INIT_LIB_GITCONFIG_H

#include <stdbool.h>
#include <stddef.h>

#include "limits.h"

struct gitconfig_entry {
	/* section.name or section.subsection.name; section and name are in lower case. */
	char key[LIMIT_GITCONFIG_KEY];
	char value[LIMIT_GITCONFIG_VALUE];
	bool bare;         /* a key without '=', which stands for true; value is "" */
	size_t begin, end; /* where it stands in the text, the end of its line included */
};

/* A text that is being read; text must live as long. */
struct gitconfig {
	const char *text;
	size_t size, at;
	char section[LIMIT_GITCONFIG_KEY]; /* with its '.' at the end; "" before the first */
};

void gitconfig_begin(struct gitconfig *c, const char *text, size_t size);

/* The next setting. Returns 1 with *e filled, 0 at the end, or -1 where git would refuse the
 * file, or a key or value is longer than our limits. */
int gitconfig_next(struct gitconfig *c, struct gitconfig_entry *e);

/* Writes value as a config takes it, in double quotes. Returns its length, or 0 where it has no
 * room or holds a line break or a control character. */
size_t gitconfig_quote(const char *value, char *out, size_t size);

#endif
