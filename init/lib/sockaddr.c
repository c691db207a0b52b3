/* See sockaddr.h. */
#include "sockaddr.h"

#include <string.h>

socklen_t sockaddr_make(const struct address *a, uint16_t port, union sockaddr_any *out)
{
	memset(out, 0, sizeof(*out));
	if (a->family == 4) {
		out->v4.sin_family = AF_INET;
		out->v4.sin_port = htons(port);
		memcpy(&out->v4.sin_addr, a->bytes, 4);
		return sizeof(out->v4);
	}
	out->v6.sin6_family = AF_INET6;
	out->v6.sin6_port = htons(port);
	memcpy(&out->v6.sin6_addr, a->bytes, 16);
	return sizeof(out->v6);
}

socklen_t sockaddr_of(const struct endpoint *e, union sockaddr_any *out)
{
	return sockaddr_make(&e->address, e->port, out);
}

struct endpoint sockaddr_endpoint(const union sockaddr_any *from)
{
	/* The port is at the same place in both. */
	struct endpoint e = {.port = ntohs(from->v4.sin_port)};

	if (from->any.sa_family == AF_INET) {
		e.address.family = 4;
		memcpy(e.address.bytes, &from->v4.sin_addr, 4);
	} else if (from->any.sa_family == AF_INET6) {
		e.address.family = 6;
		memcpy(e.address.bytes, &from->v6.sin6_addr, 16);
	} else {
		e.port = 0;
	}
	return e;
}

bool sockaddr_same_address(const union sockaddr_any *a, const union sockaddr_any *b)
{
	if (a->any.sa_family != b->any.sa_family)
		return false;
	if (a->any.sa_family == AF_INET)
		return a->v4.sin_addr.s_addr == b->v4.sin_addr.s_addr;
	return memcmp(&a->v6.sin6_addr, &b->v6.sin6_addr, sizeof(a->v6.sin6_addr)) == 0;
}

bool sockaddr_same(const union sockaddr_any *a, const union sockaddr_any *b)
{
	/* Both families have the port at the same offset. */
	return sockaddr_same_address(a, b) && a->v4.sin_port == b->v4.sin_port;
}
