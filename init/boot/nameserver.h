/*
 * Programs query the servers in /etc/resolv.conf, and nftables redirects the queries to our
 * resolver. Some never get that far: a query to an IPv6 server if the container has no IPv6
 * at all, and one to a link-local server, which leaves by its link. If resolv.conf has such
 * a server, 127.0.0.1 is put before it.
 */
#ifndef INIT_BOOT_NAMESERVER_H
#define INIT_BOOT_NAMESERVER_H

#include <stdbool.h>
#include <stddef.h>
#include <stdio.h>

#include "../lib/say.h"

/* True if this resolv.conf has a server to which a program can't send a query. ipv6: ::1
 * exists as a source address. Pure. */
bool nameserver_is_out_of_reach(const char *text, size_t len, bool ipv6);

/*
 * True if the engine created this file for this container, according to a table in the
 * format of /proc/self/mountinfo: it is mounted from a directory named by a container id.
 * Any other file may be mounted from the host by the user, or be the host's own.
 */
bool nameserver_is_engines(FILE *mountinfo, const char *path);

/* The same with the table as an argument. */
bool nameserver_is_engines_own(const char *path);

/* True if the file is the engine's own, or the container's: on the root's mount (by its number:
 * a directory of the host's may be on the same device). Never for one of the host's. */
bool nameserver_may_write(const char *path);

/*
 * Prepends `nameserver 127.0.0.1` if necessary. Call after the file has been read for the
 * upstreams. Returns 0; or -1 with *f filled if it isn't the engine's file or can't be
 * written, so that programs may find no server.
 */
int nameserver_redirect(const char *path, bool ipv6, struct failure *f);

#endif
