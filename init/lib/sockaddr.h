/* The kernel's form of an address and port. */
#ifndef INIT_LIB_SOCKADDR_H
#define INIT_LIB_SOCKADDR_H

#include <netinet/in.h>
#include <stdbool.h>
#include <sys/socket.h>

#include "address.h"

union peer {
	struct sockaddr any;
	struct sockaddr_in v4;
	struct sockaddr_in6 v6;
};

/* Fills *out; returns its length. */
socklen_t peer_of(const struct endpoint *e, union peer *out);
/* Are family and address the same; and the port as well? A scope isn't looked at. */
bool peer_same_address(const union peer *a, const union peer *b);
bool peer_same(const union peer *a, const union peer *b);

#endif
