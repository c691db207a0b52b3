/*
 * Connecting to one of a name's addresses: the client's original destination if it is among
 * them, otherwise both families in turn, starting the next attempt before the last one has
 * failed (Happy Eyeballs, RFC 8305 §5).
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
#include "../lib/fake_ip.h"
#include "../lib/worker.h"

/* Source ports tried if another connection to the same server occupies one; then the kernel
 * chooses. */
#define PORT_TRIES 8

/* Ports are used in turn, so that none is reused soon, starting at an offset for each server
 * that nobody outside can guess (RFC 6056 §3.3.3). */
static uint16_t next_port(struct gate *g, const struct address *to)
{
	uint32_t place = g->secret;

	for (size_t i = 0; i < sizeof(to->bytes); i++)
		place = (place ^ to->bytes[i]) * 16777619U;
	return (uint16_t)(WORKER_FIRST_PORT + ((place >> 8) + g->ports++) % WORKER_PORTS);
}

/*
 * we_begin: we send as soon as the connection is established, so the ACK can be delayed
 * until then, which saves a packet. (If the server begins, it would wait for that ACK.) from
 * 0: the kernel chooses the port. Returns the socket, or -1 with errno.
 */
static int connect_once(const struct address *a, uint16_t port, uint16_t from, bool we_begin)
{
	const struct address any = {.family = a->family};
	union sockaddr_any to, ours;
	socklen_t to_len = sockaddr_make(a, port, &to),
		  ours_len = sockaddr_make(&any, from, &ours);
	int fd = socket(to.any.sa_family, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
	int on = 1, quick = 0, saved;

	if (fd < 0)
		return -1;
	setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof(on));
	setsockopt(fd, SOL_SOCKET, SO_KEEPALIVE, &on, sizeof(on));
	if (we_begin)
		setsockopt(fd, IPPROTO_TCP, TCP_QUICKACK, &quick, sizeof(quick));
	/* Other connections of ours may use the port, to other servers. */
	if (from)
		setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &on, sizeof(on));
	if ((from == 0 || bind(fd, &ours.any, ours_len) == 0) &&
		(connect(fd, &to.any, to_len) == 0 || errno == EINPROGRESS))
		return fd;
	saved = errno;
	close(fd);
	errno = saved;
	return -1;
}

static int open_socket(struct gate *g, const struct address *a, uint16_t port, bool we_begin)
{
	for (int i = 0; i < PORT_TRIES; i++) {
		int fd = connect_once(a, port, next_port(g, a), we_begin);

		if (fd >= 0 || (errno != EADDRINUSE && errno != EADDRNOTAVAIL))
			return fd;
	}
	return connect_once(a, port, 0, we_begin);
}

static bool any_pending(const struct inspect_buffer *d)
{
	for (int i = 0; i < ATTEMPTS; i++)
		if (d->attempt[i] >= 0)
			return true;
	return false;
}

bool connect_to_fake_ip(const struct gate *g, const struct connection *c)
{
	size_t unused;

	return g->config->proxy.port && fake_ip_index(FAKE_IP_PROXY, &c->orig_dst, &unused);
}

static bool by_proxy(const struct gate *g, const struct connection *c)
{
	if (c->pass)
		return connect_to_fake_ip(g, c);
	return policy_by_proxy(g->config->policy, g->buffers[c->inspect_buffer].name);
}

static enum action failed(struct gate *g, struct connection *c)
{
	bool proxy = by_proxy(g, c);

	names_invalidate(g, proxy ? g->config->proxy.name : table_buffer(g, c)->name);
	return gate_refused(c, proxy ? GATE_PROXY : GATE_UNREACHABLE);
}

/* Starts the next attempt that can be started. */
static enum action try_next(struct gate *g, struct connection *c)
{
	struct inspect_buffer *d = table_buffer(g, c);
	bool proxy = by_proxy(g, c), we_begin = proxy || d->approved > 0;
	uint16_t port = proxy ? g->config->proxy.port : c->port;

	while (d->tried < d->candidates_count) {
		unsigned i = d->tried++;
		int fd = open_socket(g, &d->candidates[i], port, we_begin);

		if (fd < 0)
			continue;
		d->attempt[i] = fd;
		/* With the flags of the server side from the start, which saves a call on
		 * success. */
		if (table_watch(g, fd, EPOLLIN | EPOLLOUT | EPOLLRDHUP | EPOLLET,
			    EVENT_DATA(EVENT_SERVER, i, c->generation, table_number(g, c))) <
			0) {
			close(fd);
			d->attempt[i] = -1;
			continue;
		}
		d->next_attempt = d->tried < d->candidates_count
					  ? g->now + LIMIT_GATE_ATTEMPT_MS
					  : INT64_MAX;
		if (d->next_attempt < g->connect_due)
			g->connect_due = d->next_attempt;
		return WAIT;
	}
	d->next_attempt = INT64_MAX;
	return any_pending(d) ? WAIT : failed(g, c);
}

/* Determines the destination: the addresses of the name, or of the proxy. */
enum action connect_resolve(struct gate *g, struct connection *c)
{
	const struct gate_proxy *proxy = &g->config->proxy;
	struct inspect_buffer *d = table_buffer(g, c);

	if (!d->resolved && g->waits_for[c->inspect_buffer] == NONE) {
		bool proxied = by_proxy(g, c);

		if (proxied && proxy->address.family) {
			d->candidates[0] = proxy->address;
			d->candidates_count = 1;
			d->resolved = true;
		} else if (!names_resolve(g, c, proxied ? proxy->name : d->name)) {
			return gate_refused(c, GATE_UNRESOLVED);
		}
	}
	if (!d->resolved)
		return WAIT;
	if (d->candidates_count == 0)
		return gate_refused(c, GATE_UNRESOLVED);
	d->tried = 0;
	d->next_attempt = g->now;
	c->phase = PHASE_CONNECT;
	return WAIT;
}

enum action connect_work(struct gate *g, struct connection *c)
{
	return table_buffer(g, c)->next_attempt <= g->now ? try_next(g, c) : WAIT;
}

enum action connect_ready(
	struct gate *g, struct connection *c, unsigned attempt, uint32_t events)
{
	struct inspect_buffer *d = table_buffer(g, c);

	if (attempt >= ATTEMPTS || d->attempt[attempt] < 0)
		return WAIT;
	if (events & (EPOLLERR | EPOLLHUP)) {
		close(d->attempt[attempt]);
		d->attempt[attempt] = -1;
		return try_next(g, c);
	}
	if (!(events & EPOLLOUT))
		return WAIT;
	c->server = (struct side){.fd = d->attempt[attempt],
		.writable = true,
		.readable = events & (EPOLLIN | EPOLLRDHUP),
		.hung_up = events & EPOLLRDHUP};
	c->attempt = (uint8_t)attempt;
	d->attempt[attempt] = -1;
	table_close_attempts(d);
	c->phase = by_proxy(g, c) ? PHASE_PROXY : PHASE_CONNECTED;
	return WAIT;
}

int64_t connect_tick(struct gate *g)
{
	int64_t next = INT64_MAX;

	if (g->connect_due > g->now)
		return g->connect_due;
	for (size_t i = 0; i < LIMIT_GATE_BUFFERS; i++) {
		struct inspect_buffer *d = &g->buffers[i];
		struct connection *c = table_of(g, d->connection);

		if (c->phase != PHASE_CONNECT || c->inspect_buffer != (int32_t)i)
			continue;
		if (d->next_attempt <= g->now)
			table_again(g, c);
		else if (d->next_attempt < next)
			next = d->next_attempt;
	}
	g->connect_due = next;
	return next;
}
