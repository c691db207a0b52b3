/*
 * The listening sockets, which PID 1 opens and the gate uses; accepting clients and finding
 * their original destination.
 */
#include "connection.h"

#include <errno.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <unistd.h>

#include "../lib/sockaddr.h"
#include "../lib/worker.h"

/* SO_ORIGINAL_DST of <linux/netfilter_ipv4.h> and <linux/netfilter_ipv6/ip6_tables.h>: the
 * destination before NAT. */
#define ORIGINAL_DST 80

/* The payload's own servers may use ports 443 and 80 while diverted connections have these
 * ports on this machine too: both sides must set SO_REUSEADDR. */
static bool make_transparent(int fd, int level, int option)
{
	int on = 1;

	return fd < 0 ||
	       (setsockopt(fd, level, option, &on, sizeof(on)) == 0 &&
		       setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &on, sizeof(on)) == 0);
}

int gate_listen(struct gate_sockets *out, struct failure *f)
{
	for (int i = 0; i < WORKER_PORT_TRIES; i++) {
		*out = (struct gate_sockets){.tcp6 = -1};
		out->tcp4 = worker_bind(AF_INET, SOCK_STREAM, 0);
		if (out->tcp4 < 0)
			return fail_errno(f, "listen for the gate", "127.0.0.1");
		out->port = worker_port(out->tcp4);
		out->tcp6 = worker_bind(AF_INET6, SOCK_STREAM, out->port);
		if (out->tcp6 >= 0 || worker_no_ipv6()) {
			out->transparent =
				make_transparent(out->tcp4, IPPROTO_IP, IP_TRANSPARENT) &&
				make_transparent(out->tcp6, IPPROTO_IPV6, IPV6_TRANSPARENT);
			return 0;
		}
		close(out->tcp4);
		if (errno != EADDRINUSE)
			return fail_errno(f, "listen for the gate", "::1");
	}
	return fail(f, "listen for the gate", "127.0.0.1 and ::1", "no port is free for both");
}

void gate_unlisten(struct gate_sockets *s)
{
	if (s->tcp4 >= 0)
		close(s->tcp4);
	if (s->tcp6 >= 0)
		close(s->tcp6);
	s->tcp4 = s->tcp6 = -1;
}

/* Options that accepted sockets inherit. */
static void set_options(const struct gate *g, int fd)
{
	int on = 1;

	if (fd < 0)
		return;
	setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof(on));
	setsockopt(fd, SOL_SOCKET, SO_KEEPALIVE, &on, sizeof(on));
	/* Web clients send first: accept when data has arrived, or after a second. Behind a
	 * proxy there are other protocols. */
	if (!g->config->proxy.port)
		setsockopt(fd, IPPROTO_TCP, TCP_DEFER_ACCEPT, &on, sizeof(on));
}

int listen_init(struct gate *g)
{
	const int fds[] = {g->config->sockets.tcp4, g->config->sockets.tcp6};

	for (uint32_t i = 0; i < 2; i++) {
		set_options(g, fds[i]);
		if (fds[i] >= 0 &&
			table_watch(g, fds[i], EPOLLIN, EVENT_DATA(EVENT_LISTEN, 0, 0, i)) < 0)
			return -1;
	}
	g->listening = true;
	return 0;
}

/*
 * The original destination: the local address of a connection that was routed here, the
 * address before NAT of one to our own port. If it has neither, it was made to our port
 * directly: the client uses us as a proxy and has to name its destination.
 */
static void find_orig_dst(struct connection *c, int family, uint16_t own_port)
{
	union sockaddr_any a;
	struct endpoint to = {0};
	socklen_t len = sizeof(a);
	const int level = family == AF_INET ? IPPROTO_IP : IPPROTO_IPV6;
	bool known = getsockname(c->client.fd, &a.any, &len) == 0;

	/* Both families have the port at the same offset. */
	if (known && a.v4.sin_port == htons(own_port)) {
		len = sizeof(a);
		known = getsockopt(c->client.fd, level, ORIGINAL_DST, &a, &len) == 0;
	}
	if (known)
		to = sockaddr_endpoint(&a);
	c->orig_dst = to.address;
	c->orig_dst_port = to.port;
	c->direct = c->orig_dst.family == 0;
	c->port = c->orig_dst_port;
	/* Until it sends something, assume the protocol of the port. */
	c->tls = c->orig_dst_port == 443;
}

/* One at a time: the socket stays ready while there are more. An accept that fails, as a
 * second one mostly would, costs the kernel a socket and a file. */
struct connection *listen_take(struct gate *g, uint32_t which)
{
	const struct gate_sockets *s = &g->config->sockets;
	struct gate_counters *counters = g->config->counters;
	struct connection *c;
	int fd = accept4(which ? s->tcp6 : s->tcp4, NULL, NULL, SOCK_NONBLOCK | SOCK_CLOEXEC);

	if (fd < 0)
		return NULL;
	c = table_new(g);
	c->client.fd = fd;
	c->client.readable = c->client.writable = true;
	find_orig_dst(c, which ? AF_INET6 : AF_INET, s->port);
	atomic_fetch_add_explicit(&counters->connections, 1, memory_order_relaxed);
	atomic_fetch_add_explicit(&counters->flows, 1, memory_order_relaxed);
	table_deadline(g, c, true);
	return c;
}
