/*
 * Programs ask the servers that /etc/resolv.conf names, and nftables redirects the questions to
 * our resolver. One kind never gets that far: a question to an IPv6 server where the container
 * has no IPv6 at all, or to a link-local one, which leaves by its link. Where resolv.conf names
 * such a server, 127.0.0.1 is put before it.
 */
#ifndef INIT_BOOT_NAMESERVER_H
#define INIT_BOOT_NAMESERVER_H

#include <stdbool.h>
#include <stddef.h>
#include <stdio.h>

#include "../lib/say.h"

/* Does this resolv.conf name a server that a program's question can't be sent to? ipv6: there
 * is a ::1 to send from. Pure. */
bool nameserver_is_out_of_reach(const char *text, size_t len, bool ipv6);

/*
 * Has the engine made this file for this container? By a table in the form of
 * /proc/self/mountinfo: it is mounted from a directory with a container's number for its name.
 * Any other file may be somebody's on the host, mounted, or the host's own.
 */
bool nameserver_is_engines(FILE *mountinfo, const char *path);

/*
 * Puts `nameserver 127.0.0.1` before all that the file says, if it has to be. To be called
 * after the file was read for the upstreams. Returns 0; or -1, with *f filled: it isn't the
 * engine's file or can't be written, and programs may find no server.
 */
int nameserver_lead(const char *path, bool ipv6, struct failure *f);

#endif
