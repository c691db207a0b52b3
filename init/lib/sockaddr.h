/* Conversion of endpoints to socket addresses. */
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

/* Fills *out. port: host byte order. Returns its length. */
socklen_t sockaddr_make(const struct address *a, uint16_t port, union sockaddr_any *out);
socklen_t sockaddr_of(const struct endpoint *e, union sockaddr_any *out);
/* The reverse. Family 0 if it is neither IPv4 nor IPv6. */
struct endpoint sockaddr_endpoint(const union sockaddr_any *from);
/* Compare family and address, and for sockaddr_same() the port. The scope is ignored. */
bool sockaddr_same_address(const union sockaddr_any *a, const union sockaddr_any *b);
bool sockaddr_same(const union sockaddr_any *a, const union sockaddr_any *b);

#endif
