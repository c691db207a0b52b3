/*
 * The text of a file of options: one a line, named as on the command line but without dashes,
 * its value after a blank. '#' at the start of a line or after a blank begins a comment. Pure.
 */
#ifndef STUB_KEPT_TEXT_H
#define STUB_KEPT_TEXT_H

#include <stddef.h>

struct kept_text {
	char *next, *end;
	unsigned line;      /* of the last option, counted from 1 */
	char *name, *value; /* of that; value is "" if there is none */
	const char *why;    /* the error */
};

/* text[size] must be writable, and is: lines are cut in place. The strings point into it. */
void kept_text_begin(struct kept_text *k, char *text, size_t size);

/* Goes to the next option. Returns 1, or 0 at the end, or -1 with k->why and k->line set: a NUL
 * or another control character, or too many lines. */
int kept_text_next(struct kept_text *k);

#endif
