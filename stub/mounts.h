/*
 * The list of mounts, as it grows: each place in the container is given away once, and parents
 * are mounted before what lies in them.
 */
#ifndef STUB_MOUNTS_H
#define STUB_MOUNTS_H

#include "argv.h"
#include "log.h"

struct mounts {
	struct mount *mount;
	size_t count, room;
};

/* Adds a mount; the strings belong to somebody else. Refuses paths that an engine can't be told
 * and a place that is taken, unless the very same mount is there already. */
int mounts_add(struct mounts *m, const char *source, const char *target, bool writable,
	struct error *t);
/* Sorts parents before children; what is equally deep stays in the order it was added. */
void mounts_sort(struct mounts *m);
void mounts_free(struct mounts *m);

#endif
