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
#include <sys/un.h>
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
		*out = (struct gate_sockets){.tcp6 = -1, .broker = -1};
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

int gate_listen_broker(struct gate_sockets *out, struct failure *f)
{
	struct sockaddr_un to = {.sun_family = AF_UNIX};

	memcpy(to.sun_path + 1, GATE_BROKER_NAME, sizeof(GATE_BROKER_NAME));
	out->broker = socket(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
	if (out->broker < 0 ||
		bind(out->broker, (const struct sockaddr *)&to, sizeof(to)) < 0 ||
		listen(out->broker, WORKER_BACKLOG) < 0)
		return fail_errno(f, "listen for the broker", GATE_BROKER_NAME);
	return 0;
}

static int listen_inward(uint16_t port)
{
	const struct sockaddr_in any = {.sin_family = AF_INET, .sin_port = htons(port)};
	int fd = socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0), on = 1;

	if (fd < 0)
		return -1;
	setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &on, sizeof(on));
	if (worker_bind_lo(fd) == 0 &&
		bind(fd, (const struct sockaddr *)&any, sizeof(any)) == 0 &&
		listen(fd, WORKER_BACKLOG) == 0)
		return fd;
	close(fd);
	return -1;
}

/* Adds the port unless it is there. Returns whether there is room. */
static bool add_port(struct gate_sockets *s, uint16_t port)
{
	for (size_t i = 0; i < s->inward_count; i++)
		if (s->inward[i].port == port)
			return true;
	if (s->inward_count == LIMIT_CELL_PORTS)
		return false;
	s->inward[s->inward_count++] = (struct gate_inward){-1, port};
	return true;
}

int gate_listen_inward(struct gate_sockets *out, const struct policy *p, struct failure *f)
{
	size_t left = 0, count;

	out->inward_count = 0;
	for (size_t i = 0; i < p->count; i++)
		for (unsigned j = 0;
			p->rules[i].effect == RULE_ALLOW && p->rules[i].kind != RULE_NETWORK &&
			j < p->rules[i].ports.count;
			j++)
			if (!add_port(out, p->rules[i].ports.port[j]))
				return fail(f, "listen for the gate", "",
					"the rules have more than %d ports in all",
					LIMIT_CELL_PORTS);
	count = out->inward_count;
	for (size_t i = 0; i < count; i++) {
		struct gate_inward in = out->inward[i];

		in.fd = listen_inward(in.port);
		if (in.fd >= 0)
			out->inward[left++] = in;
	}
	out->inward_count = left;
	return (int)(count - left);
}

void gate_unlisten(struct gate_sockets *s)
{
	if (s->tcp4 >= 0)
		close(s->tcp4);
	if (s->tcp6 >= 0)
		close(s->tcp6);
	if (s->broker >= 0)
		close(s->broker);
	for (size_t i = 0; i < s->inward_count; i++)
		close(s->inward[i].fd);
	s->tcp4 = s->tcp6 = s->broker = -1;
	s->inward_count = 0;
}

/* Options that accepted sockets inherit. */
static void set_options(int fd, bool client_first)
{
	int on = 1;

	if (fd < 0)
		return;
	setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof(on));
	setsockopt(fd, SOL_SOCKET, SO_KEEPALIVE, &on, sizeof(on));
	/* Web clients send first: accept when data has arrived, or after a second. */
	if (client_first)
		setsockopt(fd, IPPROTO_TCP, TCP_DEFER_ACCEPT, &on, sizeof(on));
}

int listen_init(struct gate *g)
{
	const struct gate_sockets *s = &g->config->sockets;

	for (uint32_t i = 0; i < TABLE_INWARD + s->inward_count; i++) {
		const int fd = table_listener(g, i);
		const uint16_t port = i < TABLE_INWARD ? 0 : s->inward[i - TABLE_INWARD].port;

		/* Behind a proxy, on other ports of the cell, and at addresses that stand for
		 * names to be asked about, there are other protocols. */
		set_options(fd, !g->config->proxy.port && !g->config->ask &&
					(i < TABLE_INWARD || port == 443 || port == 80));
		if (fd >= 0 &&
			table_watch(g, fd, EPOLLIN, EVENT_DATA(EVENT_LISTEN, 0, 0, i)) < 0)
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
static void find_orig_dst(struct connection *c, int family, uint16_t own_port, bool direct)
{
	union sockaddr_any a;
	struct endpoint to = {0};
	socklen_t len = sizeof(a);
	const int level = family == AF_INET ? IPPROTO_IP : IPPROTO_IPV6;
	bool known = !direct && getsockname(c->client.fd, &a.any, &len) == 0;

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

/* The name that it sends in TLS is all that is known, and the port is always the same. */
static void take_broker(struct connection *c)
{
	c->broker = c->tls = true;
	c->port = 443;
}

static bool is_broker(int fd)
{
	struct ucred peer = {.uid = (uid_t)-1};
	socklen_t len = sizeof(peer);

	return getsockopt(fd, SOL_SOCKET, SO_PEERCRED, &peer, &len) == 0 &&
	       peer.uid == UID_BROKER;
}

/* One at a time: the socket stays ready while there are more. An accept that fails, as a
 * second one mostly would, costs the kernel a socket and a file. */
struct connection *listen_take(struct gate *g, uint32_t which)
{
	const struct gate_sockets *s = &g->config->sockets;
	struct gate_counters *counters = g->config->counters;
	struct connection *c;
	union sockaddr_any from;
	socklen_t len = sizeof(from);
	int fd = accept4(
		table_listener(g, which), &from.any, &len, SOCK_NONBLOCK | SOCK_CLOEXEC);

	if (fd >= 0 && which == TABLE_BROKER && !is_broker(fd)) {
		close(fd);
		errno = EACCES;
		return NULL;
	}
	if (fd < 0)
		return NULL;
	c = table_new(g);
	c->client.fd = fd;
	c->client_port = sockaddr_endpoint(&from).port;
	c->client.readable = c->client.writable = true;
	/* In the cell nothing is redirected: a client that connects to our own port takes us
	 * for a proxy. */
	if (which == TABLE_BROKER)
		take_broker(c);
	else
		find_orig_dst(c, which == 1 ? AF_INET6 : AF_INET, s->port,
			g->config->cell && which < TABLE_BROKER);
	atomic_fetch_add_explicit(&counters->connections, 1, memory_order_relaxed);
	atomic_fetch_add_explicit(&counters->flows, 1, memory_order_relaxed);
	table_deadline(g, c, true);
	return c;
}
