/*
 * HTTP requests on an established connection: each is parsed before it is forwarded, as long
 * as the connection lives, and bodies are followed to their end, so that part of one can't
 * pass as a request.
 */
#include "connection.h"

#include <string.h>
#include <sys/socket.h>

/* Parses the next request. AGAIN: it is approved; WAIT: it is incomplete. */
static enum action next_request(struct gate *g, struct connection *c, struct inspect_buffer *d)
{
	const char *host = g->hosts[table_number(g, c)];
	enum gate_reason reason = GATE_FINE;
	uint16_t port = c->port;
	struct http_head h;
	bool same;

	/* Only the first request may switch protocols: later on we don't know which response
	 * belongs to which request. The others continue in HTTP/1.1. */
	switch (http_head_read(d->in + d->approved, d->got - d->approved, false, &h)) {
	case HTTP_MORE:
		if (d->approved > 0 || d->got < sizeof(d->in)) {
			/* The rest of it must come soon. */
			if (c->deadline == INT64_MAX)
				table_deadline(g, c, true);
			return WAIT;
		}
		reason = GATE_TOO_LONG;
		break;
	case HTTP_REFUSED:
		reason = h.reason;
		break;
	case HTTP_WHOLE:
		reason = client_port(c, &h);
		client_complete(g, c, h.name);
		same = h.form != HTTP_AUTHORITY && port == c->port && strcmp(h.name, host) == 0;
		/* Another host may be allowed too, but not through this connection. */
		if (reason == GATE_FINE && !same)
			reason = client_judge(g, c, h.name, false);
		if (reason == GATE_FINE && !same)
			reason = GATE_NAMES_DIFFER;
		break;
	}
	if (reason != GATE_FINE) {
		memcpy(d->name, h.name, sizeof(d->name));
		return gate_refused(c, reason);
	}
	table_deadline(g, c, false);
	d->approved += h.length;
	http_body_begin(&c->body, &h);
	return AGAIN;
}

/* Approves as much of the buffer as may be forwarded. Returns WAIT or REFUSE. */
static enum action approve(struct gate *g, struct connection *c, struct inspect_buffer *d)
{
	while (d->approved < d->got && !c->refused) {
		ssize_t n;

		if (c->body.done) {
			enum action next = next_request(g, c, d);

			if (next != AGAIN)
				return next;
			continue;
		}
		n = http_body_take(&c->body, d->in + d->approved, d->got - d->approved);
		if (n < 0) {
			memcpy(d->name, g->hosts[table_number(g, c)], sizeof(d->name));
			return gate_refused(c, GATE_MALFORMED);
		}
		d->approved += (size_t)n;
	}
	return WAIT;
}

/* Reads more from the client. Returns AGAIN if there was something, WAIT if there is nothing
 * more now. */
static enum action read_on(struct gate *g, struct connection *c)
{
	enum client_filled filled;

	if (!c->client.readable || c->client.finished || c->refused)
		return WAIT;
	filled = client_fill(g, c);
	if (filled == FILL_NO_BUFFER)
		return NO_BUFFER;
	if (filled == FILL_GONE)
		return RESET;
	c->client.finished = filled == FILL_ENDED;
	return filled == FILL_SOME ? AGAIN : WAIT;
}

/* Forwards approved data from client to server. */
static enum action forward_requests(struct gate *g, struct connection *c)
{
	enum action next;

	do {
		struct inspect_buffer *d = table_buffer(g, c);
		enum relay_flushed flushed;

		next = d ? approve(g, c, d) : WAIT;
		if (next != WAIT)
			return next;
		flushed = relay_flush(g, c);
		if (flushed != FLUSH_ALL)
			return flushed == FLUSH_BROKEN ? RESET : WAIT;
		next = read_on(g, c);
	} while (next == AGAIN);
	return next;
}

static void end_half(struct connection *c)
{
	if (!c->server.shut)
		shutdown(c->server.fd, SHUT_WR);
	c->server.shut = true;
}

enum action requests_work(struct gate *g, struct connection *c)
{
	enum action up = forward_requests(g, c), down;
	struct inspect_buffer *d = table_buffer(g, c);

	if (up != WAIT)
		return up;
	if (d && d->got == 0) {
		table_release_buffer(g, c);
		d = NULL;
	}
	if ((c->client.finished || c->refused) && (!d || d->approved == 0))
		end_half(c);
	down = relay_down(g, c);
	if (down == RESET || !c->server.finished || c->down.held > 0)
		return down;
	if (c->refused)
		refuse_behind(g, c);
	else
		refuse_linger(g, c);
	return WAIT;
}
