/*
 * What has to be looked at once a connection stands: the server's first flight, since a server
 * may ask for a second hello, in which a client could name another host; and the answer to a
 * switch of protocols, since only a server that agrees makes the rest unreadable. HTTP
 * requests go on being read by client.c.
 */
#include "connection.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>

/* Of a server's first flight: more than hello_retry_read() ever asks for. */
#define FLIGHT_PEEK 512

bool flight_flush(struct gate *g, struct connection *c)
{
	struct desk *d = table_desk(g, c);
	ssize_t n;

	while (d && d->approved > 0 && c->server.writable) {
		n = send(c->server.fd, d->in, d->approved, MSG_NOSIGNAL | MSG_DONTWAIT);
		if (n < 0 && errno == EAGAIN) {
			c->server.writable = false;
			break;
		}
		if (n < 0) {
			table_end(g, c, true);
			return false;
		}
		d->approved -= (size_t)n;
		d->got -= (size_t)n;
		memmove(d->in, d->in + n, d->got);
		atomic_fetch_add_explicit(
			&g->config->counters->bytes_up, (uint64_t)n, memory_order_relaxed);
	}
	return !d || d->approved == 0;
}

static void leave_empty_desk(struct gate *g, struct connection *c)
{
	struct desk *d = table_desk(g, c);

	if (d && d->got == 0)
		table_leave_desk(g, c);
}

/* Looks at what the server says without taking it. Returns how many octets, 0 when there are
 * none yet, -1 when the connection has ended. */
static ssize_t peek_server(struct gate *g, struct connection *c, size_t most)
{
	ssize_t n;

	if (!c->server.readable)
		return 0;
	n = recv(c->server.fd, g->scratch, most, MSG_PEEK | MSG_DONTWAIT);
	if (n < 0 && errno == EAGAIN) {
		c->server.readable = false;
		return 0;
	}
	if (n < 0 && c->phase == PHASE_PROXY)
		refuse_client(g, c, GATE_PROXY);
	else if (n < 0)
		table_end(g, c, true);
	return n < 0 ? -1 : n;
}

/* What was looked at was not enough: the next octets will be told. True: there will be none. */
static bool all_there_will_be(struct connection *c)
{
	c->server.readable = c->server.hung_up;
	return c->server.hung_up;
}

/* Takes n octets that were looked at off the socket. */
static bool take_server(struct gate *g, struct connection *c, size_t n)
{
	if (recv(c->server.fd, g->scratch, n, MSG_DONTWAIT) == (ssize_t)n)
		return true;
	table_end(g, c, true);
	return false;
}

/* ---- TLS --------------------------------------------------------------------------------- */

static void first_flight(struct gate *g, struct connection *c)
{
	ssize_t n;

	if (!flight_flush(g, c))
		return;
	leave_empty_desk(g, c);
	n = peek_server(g, c, FLIGHT_PEEK);
	if (n < 0 || (n == 0 && !c->server.readable))
		return;
	switch (hello_retry_read(g->scratch, (size_t)n)) {
	case RETRY_MORE:
		if (!all_there_will_be(c))
			return;
		relay_begin(g, c);
		return;
	case RETRY_NO:
		relay_begin(g, c);
		return;
	case RETRY_ASKED:
		c->phase = PHASE_SECOND;
		table_deadline(g, c, true);
		flight_work(g, c);
		return;
	case RETRY_UNCLEAR:
		refuse_client(g, c, GATE_MALFORMED);
		return;
	}
}

/* Reads the client's second hello. GATE_FINE with *done once it is there and approved. */
static enum gate_reason read_second(
	struct gate *g, struct connection *c, struct desk *d, bool *done)
{
	struct hello h;
	size_t at = 0;

	switch (hello_second_find(d->in, d->got, &at)) {
	case HELLO_MORE:
		d->approved = at;
		return d->got == sizeof(d->in) && at == 0 ? GATE_TOO_LONG : GATE_FINE;
	case HELLO_REFUSED:
		return GATE_MALFORMED;
	case HELLO_DONE:
		break;
	}
	switch (hello_read(d->in + at, d->got - at, &h)) {
	case HELLO_MORE:
		d->approved = at;
		return d->got == sizeof(d->in) && at == 0 ? GATE_TOO_LONG : GATE_FINE;
	case HELLO_REFUSED:
		memcpy(d->name, h.name, sizeof(d->name));
		return h.reason;
	case HELLO_DONE:
		break;
	}
	client_complete(g, h.name, c->port);
	memcpy(d->name, h.name, sizeof(d->name));
	if (strcmp(h.name, g->hosts[table_number(g, c)]) != 0)
		return GATE_NAMES_DIFFER;
	if (h.ech && !policy_check_name_port(g->config->policy, h.name, c->port).ech)
		return GATE_ECH;
	d->approved = at + h.length;
	*done = true;
	return GATE_FINE;
}

static void second_hello(struct gate *g, struct connection *c)
{
	bool done = false;

	if (!relay_down(g, c))
		return;
	while (flight_flush(g, c)) {
		enum gate_reason reason;
		enum client_filled filled;
		struct desk *d;

		if (!c->client.readable && c->desk == NONE)
			return;
		filled = client_fill(g, c);
		if (filled == FILL_ENDED || filled == FILL_GONE) {
			table_end(g, c, filled == FILL_GONE);
			return;
		}
		d = table_desk(g, c);
		reason = read_second(g, c, d, &done);
		if (reason != GATE_FINE) {
			refuse_client(g, c, reason);
			return;
		}
		if (done) {
			table_deadline(g, c, false);
			relay_begin(g, c);
			return;
		}
		if (!c->client.readable && d->approved == 0)
			return;
	}
}

/* ---- HTTP -------------------------------------------------------------------------------- */

/* The status that a server answers with, looked at and not taken; *length is its head's. 0: the
 * connection waits for more of it, or has ended; -1: what there is, or will be, is none. */
static int peek_status(struct gate *g, struct connection *c, size_t *length)
{
	ssize_t n = peek_server(g, c, LIMIT_GATE_HEAD);
	int status;

	if (n < 0 || (n == 0 && !c->server.readable))
		return 0;
	status = http_status_read(g->scratch, (size_t)n, length);
	if (status == 0 && n > 0 && !all_there_will_be(c))
		return 0;
	return status ? status : -1;
}

/* The answer to a request for a websocket: only 101 makes it one (RFC 6455 §4.2.2). */
static void upgrade_answer(struct gate *g, struct connection *c)
{
	while (flight_flush(g, c)) {
		size_t length = 0;
		int status = peek_status(g, c, &length);

		if (status == 0)
			return;
		if (status == 101) {
			relay_begin(g, c);
			return;
		}
		/* Something on the way (RFC 9110 §15.2), or the answer: no websocket. */
		if (status < 100 || status > 199) {
			c->phase = PHASE_HTTP;
			requests_work(g, c);
			return;
		}
		if (!take_server(g, c, length))
			return;
		refuse_tell(c, g->scratch, length);
	}
}

/* ---- Through a proxy --------------------------------------------------------------------- */

static void stand(struct gate *g, struct connection *c);

static void ask_proxy(struct gate *g, struct connection *c)
{
	const struct gate_proxy *proxy = &g->config->proxy;
	const char *name = table_desk(g, c)->name;
	char text[2 * NAME_TEXT + sizeof(proxy->authorization) + 128];
	int len = snprintf(text, sizeof(text),
		"CONNECT %s:%u HTTP/1.1\r\nHost: %s:%u\r\n%s%s%s\r\n", name, c->port, name,
		c->port, proxy->authorization[0] ? "Proxy-Authorization: " : "",
		proxy->authorization, proxy->authorization[0] ? "\r\n" : "");

	c->phase = PHASE_PROXY;
	table_deadline(g, c, true);
	/* A new socket's buffer takes it whole. */
	if (send(c->server.fd, text, (size_t)len, MSG_NOSIGNAL | MSG_DONTWAIT) != len)
		refuse_client(g, c, GATE_PROXY);
}

static void proxy_answer(struct gate *g, struct connection *c)
{
	size_t length = 0;
	int status = peek_status(g, c, &length);

	if (status == 0)
		return;
	/* RFC 9110 §9.3.6: any 2xx, and no body behind it. */
	if (status < 200 || status > 299) {
		refuse_client(g, c, GATE_PROXY);
		return;
	}
	if (take_server(g, c, length))
		stand(g, c);
}

/* ---- The connection stands --------------------------------------------------------------- */

static void stand(struct gate *g, struct connection *c)
{
	static const char established[] = "HTTP/1.1 200 Connection established\r\n\r\n";
	static const char go_on[] = "HTTP/1.1 100 Continue\r\n\r\n";
	struct desk *d = table_desk(g, c);

	table_deadline(g, c, false);
	memcpy(g->hosts[table_number(g, c)], d->name, sizeof(d->name));
	if (c->established)
		refuse_tell(c, established, sizeof(established) - 1);
	if (c->established || c->pass || c->raw) {
		d->approved = d->got;
		relay_begin(g, c);
		return;
	}
	/* The field was hidden from the server. Of a later request the client waits in vain,
	 * and then sends: our word could fall into the middle of another's answer. */
	if (d->expect)
		refuse_tell(c, go_on, sizeof(go_on) - 1);
	c->phase = c->tls ? PHASE_FLIGHT : d->upgrade ? PHASE_UPGRADE : PHASE_HTTP;
	flight_work(g, c);
}

void flight_begin(struct gate *g, struct connection *c)
{
	if (g->config->proxy.port && !c->pass)
		ask_proxy(g, c);
	else
		stand(g, c);
}

void flight_work(struct gate *g, struct connection *c)
{
	switch ((enum phase)c->phase) {
	case PHASE_PROXY:
		proxy_answer(g, c);
		break;
	case PHASE_FLIGHT:
		first_flight(g, c);
		break;
	case PHASE_SECOND:
		second_hello(g, c);
		break;
	case PHASE_UPGRADE:
		upgrade_answer(g, c);
		break;
	case PHASE_HTTP:
		requests_work(g, c);
		break;
	default:
		break;
	}
}
