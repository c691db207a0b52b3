/*
 * Whether this network namespace is ours alone. The wall affects everything in the
 * namespace, so it must never be built in the machine's, or in one that others use.
 */
#ifndef INIT_BOOT_NETNS_H
#define INIT_BOOT_NETNS_H

#include <stdbool.h>
#include <stdio.h>

#include "../lib/say.h"

/*
 * Call before we open any internet socket. Returns 0 if nobody else is visible; or -1 with
 * *f saying who is: a bridge, a socket of another process, or a service of the machine. What
 * can't be read counts as somebody else. Processes without any socket aren't found, such as
 * the one that holds a pod's namespace open.
 */
int netns_alone(struct failure *f);

/* Parsers for tables in the format of /proc/net; at most LIMIT_SOCKETS lines are read.
 * Return true if there is a socket of somebody else, described in `on`. Pure. */
#define NETNS_TEXT 160
bool netns_inet_taken(FILE *table, const char *name, char on[NETNS_TEXT]);
bool netns_unix_taken(FILE *table, char on[NETNS_TEXT]);

#endif
