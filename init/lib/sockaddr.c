/* See sockaddr.h. */
#include "sockaddr.h"

#include <string.h>

socklen_t sockaddr_of(const struct endpoint *e, union sockaddr_any *out)
{
	memset(out, 0, sizeof(*out));
	if (e->address.family == 4) {
		out->v4.sin_family = AF_INET;
		out->v4.sin_port = htons(e->port);
		memcpy(&out->v4.sin_addr, e->address.bytes, 4);
		return sizeof(out->v4);
	}
	out->v6.sin6_family = AF_INET6;
	out->v6.sin6_port = htons(e->port);
	memcpy(&out->v6.sin6_addr, e->address.bytes, 16);
	return sizeof(out->v6);
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
