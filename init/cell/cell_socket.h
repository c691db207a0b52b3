/*
 * A socket that can't leave: IPv4 TCP, bound to the loopback device. Whoever gets it can't take
 * the binding back without CAP_NET_RAW (socket(7), SO_BINDTODEVICE), nor by connecting to
 * AF_UNSPEC, nor do accepted sockets lose it.
 *
 * Not of IPv6: bind(2) to a link-local address with a scope moves such a socket to that device,
 * whatever it was bound to, even where the address isn't ours (__inet6_bind()); it then reaches
 * IPv4 as well. Nor UDP: there IP_PKTINFO and AF_UNSPEC override the binding.
 */
#ifndef INIT_CELL_CELL_SOCKET_H
#define INIT_CELL_CELL_SOCKET_H

#include <stdbool.h>
#include <stdint.h>

/*
 * What socket(2) was called with, as the registers had it. Returns a descriptor of ours (close
 * on exec), or a negative errno: it is no IPv4 TCP socket that was asked for, or the kernel has
 * none to give.
 */
int cell_socket(uint64_t family, uint64_t type, uint64_t protocol);

/*
 * On a user-defined network the engine's resolver is on loopback (127.0.0.11), and would carry
 * anybody's questions out. Can such a socket be kept from it? A kernel without
 * CONFIG_TCP_MD5SIG can't; then the cell must not be where that resolver is.
 */
bool cell_socket_bars_embedded(void);

#endif
