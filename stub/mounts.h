/*
 * The list of mounts: each path in the container is used once, and parents are mounted
 * before what is inside them.
 */
#ifndef STUB_MOUNTS_H
#define STUB_MOUNTS_H

#include "argv.h"
#include "log.h"

struct mounts {
	struct mount *mount;
	size_t count, room;
};

/* Adds a mount; the strings aren't copied. Fails for paths that can't be passed to an engine
 * and for a target that is taken, unless the very same mount is already there. */
int mounts_add(struct mounts *m, const char *source, const char *target, bool writable,
	struct error *t);
/* Removes the mount on this path in the container, if there is one. */
void mounts_remove(struct mounts *m, const char *target);
/* Sorts parents before children; mounts of the same depth keep their order. */
void mounts_sort(struct mounts *m);
void mounts_free(struct mounts *m);

#endif
