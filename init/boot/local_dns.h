/*
 * DNS servers inside the container: on loopback, or another of its addresses. Any program in
 * the container could listen there and answer, so they aren't queried. The exception is the
 * engine's resolver on a user-defined network, 127.0.0.11: the engine redirects what is sent
 * there to a socket of its own.
 */
#ifndef INIT_BOOT_LOCAL_DNS_H
#define INIT_BOOT_LOCAL_DNS_H

#include <stdio.h>
#include <sys/types.h>

#include "../lib/resolvconf.h"

struct local_dns {
	bool embedded; /* the engine's resolver exists and is one of the upstreams */
	struct endpoint left_out[LIMIT_UPSTREAMS];
	size_t count;
};

/* True if what is sent to it comes back to this container. */
bool local_dns_has(const struct endpoint *e);

/*
 * Moves such servers from c's upstreams to out. Call before the payload has run: then
 * whoever listens on 127.0.0.11 is the engine. Sends nothing.
 */
void local_dns_leave_out(struct resolvconf *c, uid_t payload, struct local_dns *out);

/* True if the engine's resolver is there; `unknown` if that can't be found out. Call before the
 * payload has run, or where it can have no UDP socket (payload: -1). */
bool local_dns_embedded_is_there(uid_t payload, bool unknown);

/* True if this text, in the format of /proc/net/udp, shows an unconnected socket on
 * 127.0.0.11 that isn't the payload's. */
bool local_dns_embedded(FILE *udp, uid_t payload);

#endif
