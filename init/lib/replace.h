/*
 * Atomic replacement of a world-readable file owned by root: the new one is written beside
 * the old one and renamed, so a reader never sees half of it.
 */
#ifndef INIT_LIB_REPLACE_H
#define INIT_LIB_REPLACE_H

#include <stdbool.h>
#include <stdio.h>

#include "say.h"

struct replacement {
	char path[192], temporary[208];
	FILE *file; /* open for writing between begin and end */
};

/* Creates dir (0755) if it is missing. Returns 0, or -1 with *f filled. */
int replace_begin(struct replacement *r, const char *dir, const char *name, struct failure *f);

/* good: the contents were written completely. Returns 0 if the file was replaced, or -1 with
 * *f filled; the old file then remains. */
int replace_end(struct replacement *r, bool good, struct failure *f);

#endif
