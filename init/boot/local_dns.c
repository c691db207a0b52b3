/* See local_dns.h. */
#include "local_dns.h"

#include <string.h>
#include <unistd.h>

#include "../lib/file.h"
#include "../lib/num.h"
#include "../lib/sockaddr.h"

#define SOCKETS     "/proc/net/udp"
#define EMBEDDED    0x7f00000bU /* 127.0.0.11 */
#define UNCONNECTED "07"        /* TCP_CLOSE, which the kernel uses for UDP as well */

bool local_dns_embedded(FILE *udp, uid_t payload)
{
	char line[256], address[16];

	snprintf(address, sizeof(address), "%08X:", htonl(EMBEDDED));
	for (int i = 0; i < LIMIT_SOCKETS && fgets(line, sizeof(line), udp); i++) {
		/* Slot, local and remote address, state, queues, timer, retries, uid. */
		char *field[8];
		uint64_t owner;

		file_fields(line, field, 8);
		if (strncmp(field[1], address, strlen(address)) == 0 &&
			strcmp(field[3], UNCONNECTED) == 0 && num_read(field[7], &owner) &&
			owner != payload)
			return true;
	}
	return false;
}

bool local_dns_embedded_is_there(uid_t payload, bool unknown)
{
	FILE *udp = fopen(SOCKETS, "re");
	bool there;

	if (!udp)
		return unknown;
	there = local_dns_embedded(udp, payload);
	fclose(udp);
	return there;
}

static bool is_embedded(const struct endpoint *e)
{
	const uint32_t address = htonl(EMBEDDED);

	return e->address.family == 4 && e->port == RESOLVCONF_PORT &&
	       memcmp(e->address.bytes, &address, sizeof(address)) == 0;
}

/*
 * True if a datagram sent to it would come back to this container. The kernel tells: for a
 * destination that is one of our addresses it chooses that same address as the source, and
 * for 0.0.0.0 it uses 127.0.0.1 as both.
 */
bool local_dns_has(const struct endpoint *e)
{
	union sockaddr_any to, own = {0}, peer = {0};
	socklen_t len = sockaddr_of(e, &to), own_len = sizeof(own), peer_len = sizeof(peer);
	int fd = socket(to.any.sa_family, SOCK_DGRAM | SOCK_CLOEXEC, 0);
	bool inside = fd >= 0 && connect(fd, &to.any, len) == 0 &&
		      getsockname(fd, &own.any, &own_len) == 0 &&
		      getpeername(fd, &peer.any, &peer_len) == 0 &&
		      sockaddr_same_address(&own, &peer);

	if (fd >= 0)
		close(fd);
	return inside || address_classify(&e->address) == ADDRESS_LOOPBACK;
}

/* ::ffff:1.2.3.4 is IPv4, on the wire and for the wall. */
static void unmap(struct address *a)
{
	static const struct address mapped = {6, {[10] = 0xff, [11] = 0xff}};
	struct address v4 = {.family = 4};

	if (!address_inside(a, &mapped, 96))
		return;
	memcpy(v4.bytes, a->bytes + 12, 4);
	*a = v4;
}

void local_dns_leave_out(struct resolvconf *c, uid_t payload, struct local_dns *out)
{
	size_t left = 0;

	memset(out, 0, sizeof(*out));
	for (size_t i = 0; i < c->upstreams_count; i++) {
		struct endpoint *e = &c->upstreams[i];
		bool embedded;

		unmap(&e->address);
		embedded = is_embedded(e) && local_dns_embedded_is_there(payload, false);
		out->embedded |= embedded;
		if (!embedded && local_dns_has(e))
			out->left_out[out->count++] = *e;
		else
			c->upstreams[left++] = *e;
	}
	c->upstreams_count = left;
}
