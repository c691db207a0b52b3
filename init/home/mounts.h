/*
 * The mounts of our namespace, as proc(5) lists them: what root without DAC_OVERRIDE may always
 * read. getmntent(3) would bring a scanner of formats along, 12 KB.
 */
#ifndef INIT_HOME_MOUNTS_H
#define INIT_HOME_MOUNTS_H

#include <stdbool.h>

/* Calls see() for each mount, the lowest first: a later one at the same place hides it. Returns
 * 0, or -1 with errno. */
int mounts_each(void (*see)(void *context, const char *place, bool readonly), void *context);

/* Splits one line of the list; place is decoded in it. False: it isn't one. */
bool mounts_read(char *line, char **place, bool *readonly);

#endif
