/*
 * The payload's queries by TCP (RFC 7766): one at a time on each connection; the next is
 * read when the reply has been sent. If all slots are taken, the longest idle connection is
 * closed.
 */
#include "client.h"

#include <errno.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <unistd.h>

/* Connections accepted at a time. */
#define BURST 16

static struct connection_data *data_of(struct worker *w, const struct client_connection *c)
{
	return &w->clients->data[c - w->clients->connections];
}

static void watch(struct worker *w, struct client_connection *c, int how, uint32_t events)
{
	int slot = (int)(c - w->clients->connections);
	struct epoll_event e = {
		.events = events, .data.u64 = WORKER_DATA(KIND_TCP, (unsigned)slot)};

	epoll_ctl(w->epoll, how, c->fd, &e);
}

static void close_connection(struct worker *w, struct client_connection *c)
{
	close(c->fd);
	c->fd = -1;
	c->generation++; /* replies for its waiters find nobody */
	w->clients->open--;
}

/* A free slot, or that of the longest idle connection, even if it waits for us. */
static struct client_connection *find_connection(struct worker *w)
{
	struct client_connection *best = NULL;

	for (int i = 0; i < LIMIT_CLIENT_TCP; i++) {
		struct client_connection *c = &w->clients->connections[i];

		if (c->fd < 0)
			return c;
		if (!best || c->since < best->since)
			best = c;
	}
	close_connection(w, best);
	return best;
}

void client_tcp_accept(struct worker *w, int listener)
{
	for (int i = 0; i < BURST; i++) {
		union sockaddr_any from;
		socklen_t len = sizeof(from);
		int fd = accept4(listener, &from.any, &len, SOCK_NONBLOCK | SOCK_CLOEXEC);
		struct client_connection *c;

		if (fd < 0)
			return;
		c = find_connection(w);
		c->fd = fd;
		c->waiting = false;
		c->port = sockaddr_endpoint(&from).port;
		c->since = w->now;
		c->got = c->out_len = c->out_sent = 0;
		w->clients->open++;
		watch(w, c, EPOLL_CTL_ADD, EPOLLIN);
	}
}

static void push(struct worker *w, struct client_connection *c)
{
	ssize_t n = send(c->fd, data_of(w, c)->out + c->out_sent, c->out_len - c->out_sent,
		MSG_DONTWAIT | MSG_NOSIGNAL);

	if (n < 0 && errno != EAGAIN) {
		close_connection(w, c);
		return;
	}
	c->out_sent += n > 0 ? (size_t)n : 0;
	if (c->out_sent < c->out_len) {
		watch(w, c, EPOLL_CTL_MOD, EPOLLOUT);
		return;
	}
	c->out_len = c->out_sent = 0;
	watch(w, c, EPOLL_CTL_MOD, EPOLLIN);
}

static struct client_connection *find(struct worker *w, const struct origin *o)
{
	struct client_connection *c = &w->clients->connections[o->tcp];

	return c->fd >= 0 && c->generation == o->generation ? c : NULL;
}

void client_tcp_reply(
	struct worker *w, const struct origin *o, const uint8_t *packet, size_t len)
{
	struct client_connection *c = find(w, o);
	struct connection_data *d;

	if (!c || len == 0 || len > LIMIT_DNS_UDP)
		return;
	d = data_of(w, c);
	d->out[0] = (uint8_t)(len >> 8);
	d->out[1] = (uint8_t)len;
	memcpy(d->out + 2, packet, len);
	c->out_len = len + 2;
	c->out_sent = 0;
	c->waiting = false;
	c->since = w->now;
	push(w, c);
}

void client_tcp_drop(struct worker *w, const struct origin *o)
{
	struct client_connection *c = find(w, o);

	if (c)
		close_connection(w, c);
}

/* The length of the query being read, as far as it is known. */
static size_t octets_needed(const struct client_connection *c, const uint8_t *in)
{
	return c->got < 2 ? 2 : 2 + (size_t)(in[0] << 8 | in[1]);
}

static void pull(struct worker *w, struct client_connection *c, client_taken *taken)
{
	struct origin o = {.fd = -1,
		.tcp = (int)(c - w->clients->connections),
		.generation = c->generation,
		.port = c->port};
	uint8_t *in = data_of(w, c)->in;
	ssize_t n = recv(c->fd, in + c->got, octets_needed(c, in) - c->got, MSG_DONTWAIT);

	if (n < 0 && errno == EAGAIN)
		return;
	if (n <= 0) {
		close_connection(w, c);
		return;
	}
	c->got += (size_t)n;
	c->since = w->now;
	/* An empty or oversized query would never be complete. */
	if (octets_needed(c, in) > 2 + QUERY_ROOM ||
		(c->got >= 2 && octets_needed(c, in) == 2)) {
		close_connection(w, c);
		return;
	}
	if (c->got < octets_needed(c, in))
		return;
	c->waiting = true;
	/* Don't read until it is answered; only its end matters. */
	watch(w, c, EPOLL_CTL_MOD, 0);
	n = (ssize_t)c->got - 2;
	c->got = 0;
	taken(w, in + 2, (size_t)n, &o);
}

void client_tcp_ready(struct worker *w, int slot, uint32_t events, client_taken *taken)
{
	struct client_connection *c = &w->clients->connections[slot];

	if (c->fd < 0)
		return;
	if (events & EPOLLERR || (events & EPOLLHUP && !(events & EPOLLIN)))
		close_connection(w, c);
	else if (c->out_len > 0)
		push(w, c);
	else if (!c->waiting)
		pull(w, c, taken);
}

int64_t client_tcp_tick(struct worker *w)
{
	int64_t next = INT64_MAX;

	if (w->clients->open == 0)
		return next;
	for (int i = 0; i < LIMIT_CLIENT_TCP; i++) {
		struct client_connection *c = &w->clients->connections[i];

		if (c->fd >= 0 && w->now - c->since >= LIMIT_CLIENT_TCP_MS)
			close_connection(w, c);
		if (c->fd >= 0 && c->since + LIMIT_CLIENT_TCP_MS < next)
			next = c->since + LIMIT_CLIENT_TCP_MS;
	}
	return next;
}
