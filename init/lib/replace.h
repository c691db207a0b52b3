/*
 * A file of root's that everybody may read, written anew beside the old one and then renamed: a
 * reader never sees half of it.
 */
#ifndef INIT_LIB_REPLACE_H
#define INIT_LIB_REPLACE_H

#include <stdbool.h>
#include <stdio.h>

#include "say.h"

struct replacement {
	char path[192], temporary[208];
	FILE *file; /* to write to, between begin and end */
};

/* Creates dir, 0755, where it is missing. Returns 0, or -1 with *f filled. */
int replace_begin(struct replacement *r, const char *dir, const char *name, struct failure *f);

/* good: what was to be written was written. Returns 0 when the file is in its place, or -1 with
 * *f filled: the old one is. */
int replace_end(struct replacement *r, bool good, struct failure *f);

#endif
