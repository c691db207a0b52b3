/*
 * DNS servers that are inside the container: at a loopback address, or at another of its own.
 * Whatever runs in the container can listen there and give the answers, so they are not asked.
 * The engine's resolver on a user-defined network, 127.0.0.11, is the exception: the engine
 * redirects what is sent there to a socket of its own.
 */
#ifndef INIT_BOOT_LOCAL_DNS_H
#define INIT_BOOT_LOCAL_DNS_H

#include <stdio.h>
#include <sys/types.h>

#include "../lib/resolvconf.h"

struct local_dns {
	bool embedded; /* the engine's resolver is there, and is one of the upstreams */
	struct endpoint left_out[LIMIT_UPSTREAMS];
	size_t count;
};

/* Does what is sent to it come back to this container? */
bool local_dns_has(const struct endpoint *e);

/*
 * Takes such servers out of c's upstreams and puts them into out. To be called before the
 * payload has run: what listens at 127.0.0.11 then is the engine's. Sends nothing.
 */
void local_dns_leave_out(struct resolvconf *c, uid_t payload, struct local_dns *out);

/* Does this text, in the form of /proc/net/udp, show a socket at 127.0.0.11 that takes
 * anybody's datagrams and isn't the payload's? */
bool local_dns_embedded(FILE *udp, uid_t payload);

#endif
