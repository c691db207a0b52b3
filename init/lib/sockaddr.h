/* The kernel's form of an address and port. */
#ifndef INIT_LIB_SOCKADDR_H
#define INIT_LIB_SOCKADDR_H

#include <netinet/in.h>
#include <stdbool.h>
#include <sys/socket.h>

#include "address.h"

union sockaddr_any {
	struct sockaddr any;
	struct sockaddr_in v4;
	struct sockaddr_in6 v6;
};

/* Fills *out; returns its length. */
socklen_t sockaddr_of(const struct endpoint *e, union sockaddr_any *out);
/* Are family and address the same; and the port as well? A scope isn't looked at. */
bool sockaddr_same_address(const union sockaddr_any *a, const union sockaddr_any *b);
bool sockaddr_same(const union sockaddr_any *a, const union sockaddr_any *b);

#endif
