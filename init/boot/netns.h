/*
 * Is this network namespace ours alone? The wall is for all that is in the namespace, and so
 * must never be built in the machine's, or in one that others live in.
 */
#ifndef INIT_BOOT_NETNS_H
#define INIT_BOOT_NETNS_H

#include <stdbool.h>
#include <stdio.h>

#include "../lib/say.h"

/*
 * To be called before we have opened any socket of the internet's families. Returns 0 where
 * nobody else shows; else -1 with *f saying who does: a bridge, a socket of another process, or
 * a service of the machine's. What can't be read counts as somebody else. Not found is who has
 * no socket at all, such as the process that holds a pod's namespace open.
 */
int netns_alone(struct failure *f);

/* Pure, for the tables in the form of /proc/net: the first line that shows somebody else's
 * socket is written to `on`. LIMIT_SOCKETS lines are looked at. */
#define NETNS_TEXT 160
bool netns_inet_taken(FILE *table, const char *name, char on[NETNS_TEXT]);
bool netns_unix_taken(FILE *table, char on[NETNS_TEXT]);

#endif
