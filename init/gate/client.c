/*
 * What a client says first: a TLS hello, or HTTP requests. The name in it is held against the
 * policy here, and nowhere else in the gate; what isn't allowed is refused here, in the
 * client's own protocol.
 */
#include "connection.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>

/* The first octet of a TLS record that holds a handshake message (RFC 8446 §5.1). */
#define TLS_HANDSHAKE 0x16

static bool web_port(uint16_t port)
{
	return port == 443 || port == 80;
}

void client_tell(struct connection *c, const void *bytes, size_t len)
{
	/* Its buffer is empty, or all that went before has been taken: it fits, or the client
	 * reads nothing and doesn't want to know. */
	if (send(c->client.fd, bytes, len, MSG_NOSIGNAL | MSG_DONTWAIT) < 0)
		return;
}

/* A close with unread octets would be a reset, and a reset takes away what was told. */
static void last_words(struct gate *g, struct connection *c)
{
	shutdown(c->client.fd, SHUT_WR);
	gate_leave_desk(g, c);
	gate_end_server(g, c);
	c->phase = PHASE_LAST;
	gate_deadline(g, c, true);
	client_last(g, c);
}

void client_last(struct gate *g, struct connection *c)
{
	while (c->client.readable) {
		ssize_t n = recv(c->client.fd, g->scratch, GATE_SCRATCH, MSG_DONTWAIT);

		if (n < 0 && errno == EAGAIN) {
			c->client.readable = false;
			return;
		}
		if (n > 0)
			c->discarded += (uint32_t)n;
		if (n <= 0 || c->discarded > LIMIT_GATE_DISCARD) {
			gate_end(g, c, n < 0 || c->discarded > LIMIT_GATE_DISCARD);
			return;
		}
	}
}

static void tell_http(struct connection *c, enum gate_reason reason, const char *name)
{
	char text[HTTP_REFUSAL_SIZE];
	size_t len = http_refusal_write(reason, name, c->port, text);

	client_tell(c, text, len);
}

static void tell_tls(struct connection *c, enum gate_reason reason)
{
	uint8_t alert[HELLO_ALERT_SIZE];

	hello_alert(reason == GATE_MALFORMED || reason == GATE_TOO_LONG ? ALERT_DECODE_ERROR
									: ALERT_ACCESS_DENIED,
		alert);
	client_tell(c, alert, sizeof(alert));
}

/* In audit mode: to where the client aimed at, whatever it says. */
static bool let_pass(struct gate *g, struct connection *c)
{
	struct address aim = c->aim;

	if (!g->config->audit || c->pass || c->tunnel || aim.family == 0 || !gate_sit(g, c))
		return false;
	c->pass = true;
	c->port = c->aim_port;
	connect_begin(g, c, &aim, 1);
	return true;
}

void client_refuse(struct gate *g, struct connection *c, enum gate_reason reason)
{
	const struct desk *d = gate_desk(g, c);
	char name[NAME_TEXT] = "";

	if (d)
		memcpy(name, d->name, sizeof(name));
	report_refused(g, c, name, reason);
	if (c->server.fd < 0 && let_pass(g, c))
		return;
	/* The name was fine, its servers are not: what a client knows of that is a reset. */
	if (c->raw || (c->tls && (reason == GATE_UNRESOLVED || reason == GATE_UNREACHABLE ||
					 reason == GATE_PROXY))) {
		gate_end(g, c, true);
		return;
	}
	if (c->server.fd >= 0 && c->phase == PHASE_HTTP) {
		/* Answers to earlier requests may still come: the refusal goes after them. */
		c->refused = true;
		c->refusal = (uint8_t)reason;
		/* The server's end isn't the client's: last_words() ends that. */
		c->client.shut = true;
		memcpy(g->hosts[gate_number(g, c)], name, sizeof(name));
		gate_deadline(g, c, true);
		gate_again(g, c);
		return;
	}
	if (c->tls)
		tell_tls(c, reason);
	else
		tell_http(c, reason, name);
	last_words(g, c);
}

/* The refusal of a request that came after others, whose answers have gone before it. */
static void refused_last(struct gate *g, struct connection *c)
{
	tell_http(c, (enum gate_reason)c->refusal, g->hosts[gate_number(g, c)]);
	last_words(g, c);
}

void client_slow(struct gate *g, struct connection *c)
{
	const struct desk *d = gate_desk(g, c);

	/* Nothing was said, so nothing was refused: browsers open connections in advance. In
	 * audit mode the server may be the one to begin. */
	if (c->phase == PHASE_HEAD && !d) {
		if (!let_pass(g, c))
			gate_end(g, c, true);
		return;
	}
	/* The server has had its time to answer what came before. */
	if (c->refused) {
		refused_last(g, c);
		return;
	}
	client_refuse(g, c, GATE_TOO_SLOW);
}

/* May this name be reached on this port? GATE_FINE, or why not. */
static enum gate_reason judge(struct gate *g, const char *name, uint16_t port, bool ech)
{
	struct verdict v = policy_check_name_port(g->config->policy, name, port);

	if (!v.allowed)
		return v.rule && v.rule->effect == RULE_DENY ? GATE_DENIED : GATE_NOT_ALLOWED;
	return ech && !v.ech ? GATE_ECH : GATE_FINE;
}

void client_complete(struct gate *g, char name[NAME_TEXT], uint16_t port)
{
	const struct resolvconf *conf = g->config->conf;
	char whole[2 * NAME_TEXT];
	unsigned dots = 0;

	for (const char *p = name; *p; p++)
		dots += *p == '.';
	if (!name[0] || dots >= conf->ndots || judge(g, name, port, false) == GATE_FINE)
		return;
	for (size_t i = 0; i < conf->search_count; i++) {
		int len = snprintf(whole, sizeof(whole), "%s.%s", name, conf->search[i]);

		if (len < NAME_TEXT && judge(g, whole, port, false) == GATE_FINE) {
			memcpy(name, whole, (size_t)len + 1);
			return;
		}
	}
}

static void go_on(struct gate *g, struct connection *c)
{
	enum gate_reason reason = judge(g, gate_desk(g, c)->name, c->port, false);

	if (reason != GATE_FINE) {
		client_refuse(g, c, reason);
		return;
	}
	c->phase = PHASE_NAME;
	gate_deadline(g, c, true);
	names_need(g, c);
}

void client_named(struct gate *g, struct connection *c, const char *name)
{
	struct desk *d;

	c->raw = true;
	if (!gate_sit(g, c)) {
		gate_end(g, c, true);
		return;
	}
	d = gate_desk(g, c);
	strncpy(d->name, name, sizeof(d->name) - 1);
	go_on(g, c);
}

/* Each returns true when more has to be read. */
static bool read_hello(struct gate *g, struct connection *c, struct desk *d)
{
	struct hello h;
	enum hello_result result = hello_read(d->in, d->got, &h);

	c->tls = true;
	if (result == HELLO_MORE && d->got < sizeof(d->in))
		return true;
	memcpy(d->name, h.name, sizeof(d->name));
	if (result != HELLO_DONE) {
		client_refuse(g, c, result == HELLO_MORE ? GATE_TOO_LONG : h.reason);
		return false;
	}
	if (c->direct && !c->tunnel) {
		client_refuse(g, c, GATE_PROTOCOL);
		return false;
	}
	client_complete(g, d->name, c->port);
	if (h.ech && judge(g, d->name, c->port, true) == GATE_ECH) {
		client_refuse(g, c, GATE_ECH);
		return false;
	}
	d->approved = d->hello = h.length;
	go_on(g, c);
	return false;
}

/* What a request says about its port, with what is known of it already. */
static enum gate_reason take_port(struct connection *c, const struct http_head *h)
{
	switch (h->form) {
	case HTTP_AUTHORITY:
		c->port = h->port;
		return h->port ? GATE_FINE : GATE_MALFORMED;
	case HTTP_ABSOLUTE:
		c->port = h->port ? h->port : 80;
		return GATE_FINE;
	case HTTP_ORIGIN:
		/* Without a place where it was sent to, it is nobody's request. */
		if (c->direct && !c->tunnel)
			return GATE_PROTOCOL;
		return h->port && h->port != c->port ? GATE_NAMES_DIFFER : GATE_FINE;
	}
	return GATE_MALFORMED;
}

/* CONNECT: what follows it is looked at like what comes without it, where it can be. */
static bool tunnel(struct gate *g, struct connection *c, struct desk *d, size_t head)
{
	static const char established[] = "HTTP/1.1 200 Connection established\r\n\r\n";
	enum gate_reason reason = judge(g, d->name, c->port, false);

	if (c->tunnel)
		reason = GATE_PROTOCOL; /* one in another: for what? */
	if (reason != GATE_FINE) {
		client_refuse(g, c, reason);
		return false;
	}
	d->got -= head;
	memmove(d->in, d->in + head, d->got);
	c->tunnel = true;
	if (!web_port(c->port)) {
		c->established = true;
		go_on(g, c);
		return false;
	}
	client_tell(c, established, sizeof(established) - 1);
	gate_deadline(g, c, true);
	return true;
}

static bool read_request(struct gate *g, struct connection *c, struct desk *d)
{
	struct http_head h;
	enum http_result result = http_head_read(d->in, d->got, true, &h);
	enum gate_reason reason;

	c->tls = false;
	if (result == HTTP_MORE && d->got < sizeof(d->in))
		return true;
	memcpy(d->name, h.name, sizeof(d->name));
	reason = result == HTTP_MORE    ? GATE_TOO_LONG
		 : result == HTTP_WHOLE ? take_port(c, &h)
					: h.reason;
	if (reason != GATE_FINE) {
		client_refuse(g, c, reason);
		return false;
	}
	client_complete(g, d->name, c->port);
	if (h.form == HTTP_AUTHORITY)
		return tunnel(g, c, d, h.length);
	d->approved = h.length;
	d->upgrade = h.websocket;
	d->expect = h.expect;
	http_body_begin(&c->body, &h);
	go_on(g, c);
	return false;
}

enum client_filled client_fill(struct gate *g, struct connection *c)
{
	struct desk *d;
	ssize_t n;

	if (!gate_sit(g, c))
		return FILL_GONE;
	d = gate_desk(g, c);
	if (!c->client.readable || d->got == sizeof(d->in))
		return FILL_NONE;
	n = recv(c->client.fd, d->in + d->got, sizeof(d->in) - d->got, MSG_DONTWAIT);
	if (n < 0 && errno == EAGAIN) {
		c->client.readable = false;
		return FILL_NONE;
	}
	if (n <= 0)
		return n == 0 ? FILL_ENDED : FILL_GONE;
	d->got += (size_t)n;
	return FILL_SOME;
}

void client_read(struct gate *g, struct connection *c)
{
	bool more = true;

	while (c->phase == PHASE_HEAD && more && c->client.readable) {
		enum client_filled filled = client_fill(g, c);
		struct desk *d = gate_desk(g, c);

		if (filled == FILL_NONE) {
			if (d->got == 0)
				gate_leave_desk(g, c);
			return;
		}
		if (filled != FILL_SOME) {
			gate_end(g, c, filled == FILL_GONE);
			return;
		}
		/* What came behind a CONNECT is read once more from the start. */
		do {
			bool tunnelled = c->tunnel;

			more = d->in[0] == TLS_HANDSHAKE ? read_hello(g, c, d)
							 : read_request(g, c, d);
			if (c->tunnel == tunnelled)
				break;
		} while (c->phase == PHASE_HEAD && more && d->got > 0);
	}
}

/* The next request of an HTTP connection. False: there is none yet, or it is refused. */
static bool next_request(struct gate *g, struct connection *c, struct desk *d)
{
	const char *host = g->hosts[gate_number(g, c)];
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
				gate_deadline(g, c, true);
			return false;
		}
		reason = GATE_TOO_LONG;
		break;
	case HTTP_REFUSED:
		reason = h.reason;
		break;
	case HTTP_WHOLE:
		reason = take_port(c, &h);
		client_complete(g, h.name, c->port);
		same = h.form != HTTP_AUTHORITY && port == c->port && strcmp(h.name, host) == 0;
		/* Another may be allowed too, but not at the end of this connection. */
		if (reason == GATE_FINE && !same)
			reason = judge(g, h.name, c->port, false);
		if (reason == GATE_FINE && !same)
			reason = GATE_NAMES_DIFFER;
		break;
	}
	if (reason != GATE_FINE) {
		memcpy(d->name, h.name, sizeof(d->name));
		client_refuse(g, c, reason);
		return false;
	}
	gate_deadline(g, c, false);
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
			memcpy(d->name, g->hosts[gate_number(g, c)], sizeof(d->name));
			client_refuse(g, c, GATE_MALFORMED);
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
		gate_end(g, c, true);
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

void client_http(struct gate *g, struct connection *c)
{
	struct desk *d;

	do {
		d = gate_desk(g, c);
		if (d)
			approve(g, c, d);
		if (d && !flight_flush(g, c))
			break;
	} while (read_on(g, c));
	if (c->phase == PHASE_FREE)
		return;
	d = gate_desk(g, c);
	if (d && d->got == 0)
		gate_leave_desk(g, c);
	if ((c->client.finished || c->refused) && (!d || d->approved == 0))
		end_half(c);
	if (!relay_down(g, c))
		return;
	if (c->server.finished && c->down.held == 0) {
		if (c->refused)
			refused_last(g, c);
		else
			last_words(g, c);
	}
}
