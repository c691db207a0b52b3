#include "cell_socket.h"

#include <errno.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <stddef.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

/* The kernel uses the low four bits of the type; flags are above (SOCK_TYPE_MASK). */
#define TYPE     0xf
#define EMBEDDED 0x7f00000bU /* 127.0.0.11 */
/* It needn't be secret. */
#define KEY "codex-cell"

/* What may be requested: returns 0, or the negative errno of a kernel without the rest. */
static int check_request(uint64_t family, uint64_t type, uint64_t protocol)
{
	const uint32_t flags = (uint32_t)type & ~(uint32_t)TYPE;

	if ((uint32_t)family != AF_INET)
		return -EAFNOSUPPORT;
	if (flags & ~(uint32_t)(SOCK_NONBLOCK | SOCK_CLOEXEC))
		return -EINVAL;
	if (((uint32_t)type & TYPE) != SOCK_STREAM)
		return -EACCES;
	return (uint32_t)protocol == 0 || (uint32_t)protocol == IPPROTO_TCP ? 0
									    : -EPROTONOSUPPORT;
}

/*
 * Segments to and from this address without a signature (RFC 2385) are dropped, and signed
 * ones are dropped by the engine's resolver, which has no key. The payload's filter refuses
 * this option, so it can't be undone.
 */
static int block_embedded(int fd)
{
	struct tcp_md5sig m = {.tcpm_keylen = sizeof(KEY) - 1};
	struct sockaddr_in peer = {.sin_family = AF_INET, .sin_addr.s_addr = htonl(EMBEDDED)};

	memcpy(&m.tcpm_addr, &peer, sizeof(peer));
	memcpy(m.tcpm_key, KEY, sizeof(KEY) - 1);
	return setsockopt(fd, IPPROTO_TCP, TCP_MD5SIG, &m, sizeof(m));
}

static int confine(int fd)
{
	static const char device[] = "lo";
	/* A connection to the outside gets no answer, not even a refusal: two attempts
	 * rather than six take two or three seconds. On loopback no packet is lost. */
	const int tries = 1;

	if (setsockopt(fd, SOL_SOCKET, SO_BINDTODEVICE, device, sizeof(device)) < 0)
		return -1;
	/* Not every kernel has it: cell_socket_bars_embedded(). One that has it may be out of
	 * memory. */
	if (block_embedded(fd) < 0 && (errno == ENOMEM || errno == ENOBUFS))
		return -1;
	setsockopt(fd, IPPROTO_TCP, TCP_SYNCNT, &tries, sizeof(tries));
	return 0;
}

bool cell_socket_bars_embedded(void)
{
	int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
	bool bars = fd >= 0 && block_embedded(fd) == 0;

	if (fd >= 0)
		close(fd);
	return bars;
}

int cell_socket(uint64_t family, uint64_t type, uint64_t protocol)
{
	int error = check_request(family, type, protocol), fd;

	if (error < 0)
		return error;
	fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC | ((int)type & SOCK_NONBLOCK), 0);
	if (fd < 0)
		return -errno;
	if (confine(fd) == 0)
		return fd;
	error = -errno;
	close(fd);
	return error;
}
