/*
 * A socket that can't reach the outside: IPv4 TCP, bound to the loopback device. That can't
 * be undone without CAP_NET_RAW (socket(7), SO_BINDTODEVICE), nor by connecting to
 * AF_UNSPEC, and accepted sockets inherit it.
 *
 * Not IPv6: bind(2) to a link-local address with a scope moves such a socket to that device,
 * whatever it was bound to, even if the address isn't ours (__inet6_bind()); it then reaches
 * IPv4 as well. Nor UDP: there IP_PKTINFO and AF_UNSPEC override the binding.
 */
#ifndef INIT_CELL_CELL_SOCKET_H
#define INIT_CELL_CELL_SOCKET_H

#include <stdint.h>

/*
 * The arguments are those of socket(2), as in the registers. Returns a new descriptor
 * (close-on-exec), or a negative errno if that isn't an IPv4 TCP socket or the kernel can't
 * create one.
 */
int cell_socket(uint64_t family, uint64_t type, uint64_t protocol);

#endif
