/*
 * The mounts of our namespace, from /proc/self/mounts (proc(5)), which root can always read,
 * even without DAC_OVERRIDE. getmntent(3) would add scanf(), 12 KB.
 */
#ifndef INIT_HOME_MOUNTS_H
#define INIT_HOME_MOUNTS_H

#include <stdbool.h>

struct mounts_entry {
	const char *place;
	bool readonly;
	bool idmapped; /* owners differ from those on disk */
};

/* Calls see() for each mount, the lowest first: a later one at the same place hides it. Returns
 * 0, or -1 with errno. */
int mounts_each(void (*see)(void *context, const struct mounts_entry *e), void *context);

/* Splits one line of the list; e->place is decoded in it. False: it isn't one. */
bool mounts_read(char *line, struct mounts_entry *e);

#endif
