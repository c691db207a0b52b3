/*
 * Inspection after the server is connected: the server's first flight, since a server may
 * request a second ClientHello, in which a client could name another host; and the response
 * to an upgrade, since only if the server agrees does the rest become opaque. requests.c
 * goes on parsing HTTP requests.
 */
#include "connection.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>

/* For a server's first flight: more than clienthello_retry_read() ever needs. */
#define FLIGHT_PEEK 512

static void release_empty_buffer(struct gate *g, struct connection *c)
{
	struct inspect_buffer *d = table_buffer(g, c);

	if (d && d->got == 0)
		table_release_buffer(g, c);
}

/* Peeks at what the server has sent. Returns the number of octets, 0 if there are none yet
 * or it has closed, -1 if the connection is broken. */
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
	return n;
}

/* What was peeked at wasn't enough: wait for more. Returns true if there won't be any. */
static bool is_at_end(struct connection *c)
{
	c->server.readable = c->server.hung_up;
	return c->server.hung_up;
}

/* Consumes n octets that were peeked at. */
static bool take_server(struct gate *g, struct connection *c, size_t n)
{
	return recv(c->server.fd, g->scratch, n, MSG_DONTWAIT) == (ssize_t)n;
}

/* Inspection is finished: everything held back may be forwarded. */
static enum action relay(struct gate *g, struct connection *c)
{
	struct inspect_buffer *d = table_buffer(g, c);

	if (d)
		d->approved = d->got;
	c->phase = PHASE_RAW;
	return WAIT;
}

/* ---- TLS ----------------------------------------------------------------------------- */

enum action handshake_first(struct gate *g, struct connection *c)
{
	enum relay_flushed flushed = relay_flush(g, c);
	ssize_t n;

	if (flushed != FLUSH_ALL)
		return flushed == FLUSH_BROKEN ? RESET : WAIT;
	release_empty_buffer(g, c);
	n = peek_server(g, c, FLIGHT_PEEK);
	if (n < 0)
		return RESET;
	if (n == 0 && !c->server.readable)
		return WAIT;
	switch (clienthello_retry_read(g->scratch, (size_t)n)) {
	case RETRY_MORE:
		return is_at_end(c) ? relay(g, c) : WAIT;
	case RETRY_NO:
		return relay(g, c);
	case RETRY_ASKED:
		c->phase = PHASE_SECOND;
		return WAIT;
	case RETRY_UNCLEAR:
		break;
	}
	return gate_refused(c, GATE_MALFORMED);
}

/* Parses the client's second hello. Returns GATE_FINE, with *done set once it is complete
 * and approved. */
static enum gate_reason read_second(
	struct gate *g, struct connection *c, struct inspect_buffer *d, bool *done)
{
	struct hello h;
	size_t at = 0;

	switch (clienthello_second_find(d->in, d->got, &at)) {
	case HELLO_MORE:
		d->approved = at;
		return d->got == sizeof(d->in) && at == 0 ? GATE_TOO_LONG : GATE_FINE;
	case HELLO_REFUSED:
		return GATE_MALFORMED;
	case HELLO_DONE:
		break;
	}
	switch (clienthello_read(d->in + at, d->got - at, &h)) {
	case HELLO_MORE:
		d->approved = at;
		return d->got == sizeof(d->in) && at == 0 ? GATE_TOO_LONG : GATE_FINE;
	case HELLO_REFUSED:
		memcpy(d->name, h.name, sizeof(d->name));
		return h.reason;
	case HELLO_DONE:
		break;
	}
	client_complete(g, c, h.name);
	memcpy(d->name, h.name, sizeof(d->name));
	if (strcmp(h.name, g->hosts[table_number(g, c)]) != 0)
		return GATE_NAMES_DIFFER;
	if (h.ech && client_judge(g, c, h.name, true) == GATE_ECH)
		return GATE_ECH;
	d->approved = at + h.length;
	*done = true;
	return GATE_FINE;
}

/* Reads more of the second hello. Returns WAIT if there is no more now. */
static enum action read_on(struct gate *g, struct connection *c)
{
	bool done = false;
	enum gate_reason reason;

	if (!c->client.readable && c->inspect_buffer == NONE)
		return WAIT;
	switch (client_fill(g, c)) {
	case FILL_NO_BUFFER:
		return NO_BUFFER;
	case FILL_ENDED:
		return END;
	case FILL_GONE:
		return RESET;
	case FILL_SOME:
	case FILL_NONE:
		break;
	}
	reason = read_second(g, c, table_buffer(g, c), &done);
	if (reason != GATE_FINE)
		return gate_refused(c, reason);
	if (done)
		return relay(g, c);
	return c->client.readable || table_buffer(g, c)->approved > 0 ? AGAIN : WAIT;
}

enum action handshake_second(struct gate *g, struct connection *c)
{
	enum action down = relay_down(g, c), next;

	if (down == RESET)
		return RESET;
	do {
		enum relay_flushed flushed = relay_flush(g, c);

		if (flushed == FLUSH_BROKEN)
			return RESET;
		if (flushed == FLUSH_SOME)
			return down;
		next = read_on(g, c);
	} while (next == AGAIN);
	return next == WAIT ? down : next;
}

/* ---- HTTP ---------------------------------------------------------------------------- */

/* Peeks at the server's response status; *length is the length of its head. Returns 0 if it
 * is incomplete, -1 if it isn't a response, -2 if the connection is broken. */
static int peek_status(struct gate *g, struct connection *c, size_t *length)
{
	ssize_t n = peek_server(g, c, LIMIT_GATE_HEAD);
	int status;

	if (n < 0)
		return -2;
	if (n == 0 && !c->server.readable)
		return 0;
	status = http_status_read(g->scratch, (size_t)n, length);
	if (status == 0 && n > 0 && !is_at_end(c))
		return 0;
	return status ? status : -1;
}

/* The response to a websocket upgrade: only 101 accepts it (RFC 6455 §4.2.2). */
enum action handshake_upgrade(struct gate *g, struct connection *c)
{
	enum relay_flushed flushed;

	while ((flushed = relay_flush(g, c)) == FLUSH_ALL) {
		size_t length = 0;
		int status = peek_status(g, c, &length);

		if (status == 0)
			return WAIT;
		if (status == 101)
			return relay(g, c);
		if (status == -2)
			return RESET;
		/* An interim response (RFC 9110 §15.2) is forwarded; a final one means no
		 * websocket. */
		if (status < 100 || status > 199) {
			c->phase = PHASE_HTTP;
			return WAIT;
		}
		if (!take_server(g, c, length))
			return RESET;
		refuse_send(c, g->scratch, length);
	}
	return flushed == FLUSH_BROKEN ? RESET : WAIT;
}

/* ---- Through a proxy ----------------------------------------------------------------- */

/* The empty buffer of a new socket takes all of it. */
static bool ask_proxy(struct gate *g, struct connection *c)
{
	const struct gate_proxy *proxy = &g->config->proxy;
	const char *name = table_buffer(g, c)->name;
	char text[2 * NAME_TEXT + sizeof(proxy->authorization) + 128];
	int len = snprintf(text, sizeof(text),
		"CONNECT %s:%u HTTP/1.1\r\nHost: %s:%u\r\n%s%s%s\r\n", name, c->port, name,
		c->port, proxy->authorization[0] ? "Proxy-Authorization: " : "",
		proxy->authorization, proxy->authorization[0] ? "\r\n" : "");

	return send(c->server.fd, text, (size_t)len, MSG_NOSIGNAL | MSG_DONTWAIT) == len;
}

enum action handshake_proxy(struct gate *g, struct connection *c)
{
	struct inspect_buffer *d = table_buffer(g, c);
	size_t length = 0;
	int status;

	if (!c->asked && !ask_proxy(g, c))
		return gate_refused(c, GATE_PROXY);
	c->asked = true;
	status = peek_status(g, c, &length);
	if (status == 0)
		return WAIT;
	/* RFC 9110 §9.3.6: any 2xx, without a body. */
	if (status > 0 && (status < 200 || status > 299))
		http_status_text(g->scratch, d->said, sizeof(d->said));
	if (status < 200 || status > 299)
		return gate_refused(c, GATE_PROXY);
	if (!take_server(g, c, length))
		return RESET;
	c->phase = PHASE_CONNECTED;
	return WAIT;
}

/* ---- Connected ----------------------------------------------------------------------- */

enum action handshake_connected(struct gate *g, struct connection *c)
{
	static const char established[] = "HTTP/1.1 200 Connection established\r\n\r\n";
	static const char continue_response[] = "HTTP/1.1 100 Continue\r\n\r\n";
	struct inspect_buffer *d = table_buffer(g, c);

	memcpy(g->hosts[table_number(g, c)], d->name, sizeof(d->name));
	if (c->established)
		refuse_send(c, established, sizeof(established) - 1);
	if (c->established || c->pass || c->raw)
		return relay(g, c);
	/*
	 * The Expect field was hidden from the server, so we reply ourselves. For later
	 * requests on the connection the client waits in vain and then sends: a 100 from us
	 * could fall into the middle of another response.
	 */
	if (d->expect)
		refuse_send(c, continue_response, sizeof(continue_response) - 1);
	c->phase = c->tls ? PHASE_HANDSHAKE : d->upgrade ? PHASE_UPGRADE : PHASE_HTTP;
	return WAIT;
}
