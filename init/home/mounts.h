/*
 * The mounts of our namespace, from /proc/self/mounts (proc(5)), which root can always read,
 * even without DAC_OVERRIDE. getmntent(3) would add scanf(), 12 KB.
 */
#ifndef INIT_HOME_MOUNTS_H
#define INIT_HOME_MOUNTS_H

#include <stdbool.h>

/* Calls see() for each mount in order: a later one at the same path hides earlier ones.
 * Returns 0, or -1 with errno. */
int mounts_each(void (*see)(void *context, const char *place, bool readonly), void *context);

/* Splits a line of the list; place is decoded in place. Returns false if it is malformed. */
bool mounts_read(char *line, char **place, bool *readonly);

#endif
