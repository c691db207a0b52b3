/*
 * The requests of an HTTP connection that stands: each is read before it goes on, for as long
 * as the connection lives, and bodies are followed to their end, so that none passes as
 * another.
 */
#include "connection.h"

#include <string.h>
#include <sys/socket.h>

/* The next request of an HTTP connection. False: there is none yet, or it is refused. */
static bool next_request(struct gate *g, struct connection *c, struct desk *d)
{
	const char *host = g->hosts[table_number(g, c)];
	enum gate_reason reason = GATE_FINE;
	uint16_t port = c->port;
	struct http_head h;
	bool same;

	/* A switch of protocols is for the first request: which answer is whose isn't known
	 * here, and later ones go on in HTTP/1.1. */
	switch (http_head_read(d->in + d->approved, d->got - d->approved, false, &h)) {
	case HTTP_MORE:
		if (d->approved > 0 || d->got < sizeof(d->in)) {
			/* The rest of it must come soon. */
			if (c->deadline == INT64_MAX)
				table_deadline(g, c, true);
			return false;
		}
		reason = GATE_TOO_LONG;
		break;
	case HTTP_REFUSED:
		reason = h.reason;
		break;
	case HTTP_WHOLE:
		reason = client_port(c, &h);
		client_complete(g, h.name, c->port);
		same = h.form != HTTP_AUTHORITY && port == c->port && strcmp(h.name, host) == 0;
		/* Another may be allowed too, but not at the end of this connection. */
		if (reason == GATE_FINE && !same)
			reason = client_judge(g, h.name, c->port, false);
		if (reason == GATE_FINE && !same)
			reason = GATE_NAMES_DIFFER;
		break;
	}
	if (reason != GATE_FINE) {
		memcpy(d->name, h.name, sizeof(d->name));
		refuse_client(g, c, reason);
		return false;
	}
	table_deadline(g, c, false);
	d->approved += h.length;
	http_body_begin(&c->body, &h);
	return true;
}

/* Approves as much as may go on of what is there. */
static void approve(struct gate *g, struct connection *c, struct desk *d)
{
	while (d->approved < d->got && !c->refused) {
		ssize_t n;

		if (c->body.done) {
			if (!next_request(g, c, d))
				return;
			continue;
		}
		n = http_body_take(&c->body, d->in + d->approved, d->got - d->approved);
		if (n < 0) {
			memcpy(d->name, g->hosts[table_number(g, c)], sizeof(d->name));
			refuse_client(g, c, GATE_MALFORMED);
			return;
		}
		d->approved += (size_t)n;
	}
}

/* Reads what the client says further. False: it has nothing more now. */
static bool read_on(struct gate *g, struct connection *c)
{
	enum client_filled filled;

	if (!c->client.readable || c->client.finished || c->refused)
		return false;
	filled = client_fill(g, c);
	if (filled == FILL_GONE)
		table_end(g, c, true);
	else
		c->client.finished = filled == FILL_ENDED;
	return filled == FILL_SOME;
}

static void end_half(struct connection *c)
{
	if (!c->server.shut)
		shutdown(c->server.fd, SHUT_WR);
	c->server.shut = true;
}

void requests_work(struct gate *g, struct connection *c)
{
	struct desk *d;

	do {
		d = table_desk(g, c);
		if (d)
			approve(g, c, d);
		if (d && !flight_flush(g, c))
			break;
	} while (read_on(g, c));
	if (c->phase == PHASE_FREE)
		return;
	d = table_desk(g, c);
	if (d && d->got == 0)
		table_leave_desk(g, c);
	if ((c->client.finished || c->refused) && (!d || d->approved == 0))
		end_half(c);
	if (!relay_down(g, c))
		return;
	if (c->server.finished && c->down.held == 0) {
		if (c->refused)
			refuse_behind(g, c);
		else
			refuse_last_words(g, c);
	}
}
