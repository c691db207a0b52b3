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

/* Fills *out. Returns its length. */
socklen_t sockaddr_of(const struct endpoint *e, union sockaddr_any *out);
/* Compare family and address, and for sockaddr_same() the port. The scope is ignored. */
bool sockaddr_same_address(const union sockaddr_any *a, const union sockaddr_any *b);
bool sockaddr_same(const union sockaddr_any *a, const union sockaddr_any *b);

#endif
