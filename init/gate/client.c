/*
 * What a client sends first: a ClientHello, or HTTP requests. The policy is applied to the
 * name in it here and nowhere else in the gate; what isn't allowed is refused here.
 */
#include "connection.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>

#include "../lib/fake_ip.h"
#include "ssh.h"

/* The first octet of a TLS handshake record (RFC 8446 §5.1). */
#define TLS_HANDSHAKE 0x16

static bool web_port(uint16_t port)
{
	return port == 443 || port == 80;
}

enum gate_reason client_judge(
	struct gate *g, const struct connection *c, const char *name, bool ech)
{
	const struct policy *p = g->config->policy;
	struct verdict v = c->broker ? policy_check_broker(p, name, c->port)
				     : policy_check_name_port(p, name, c->port);

	if (!v.allowed && v.rule && v.rule->effect == RULE_DENY)
		return GATE_DENIED;
	if (!v.allowed)
		return policy_only_broker(p, name) ? GATE_BROKER : GATE_NOT_ALLOWED;
	return ech && !v.ech ? GATE_ECH : GATE_FINE;
}

void client_complete(struct gate *g, const struct connection *c, char name[NAME_TEXT])
{
	const struct resolvconf *conf = g->config->conf;
	char whole[2 * NAME_TEXT];
	unsigned dots = 0;

	for (const char *p = name; *p; p++)
		dots += *p == '.';
	if (!name[0] || dots >= conf->ndots || client_judge(g, c, name, false) == GATE_FINE)
		return;
	for (size_t i = 0; i < conf->search_count; i++) {
		int len = snprintf(whole, sizeof(whole), "%s.%s", name, conf->search[i]);

		if (len < NAME_TEXT && client_judge(g, c, whole, false) == GATE_FINE) {
			memcpy(name, whole, (size_t)len + 1);
			return;
		}
	}
}

/* Nobody has decided: whoever watches is asked. */
static enum action refused(struct gate *g, struct connection *c, enum gate_reason reason)
{
	return reason == GATE_NOT_ALLOWED && held_begin(g, c) ? WAIT : gate_refused(c, reason);
}

static enum action judged(struct gate *g, struct connection *c)
{
	enum gate_reason reason = client_judge(g, c, table_buffer(g, c)->name, false);

	if (reason != GATE_FINE)
		return refused(g, c, reason);
	c->phase = PHASE_NAME;
	return WAIT;
}

/* On a port other than 443 and 80 a fake IP identifies the name: behind a proxy, in the cell,
 * and if it is to be asked about. */
static bool is_named(const struct gate *g, const struct connection *c, size_t *index)
{
	const enum fake_ip_range range = g->config->cell ? FAKE_IP_CELL : FAKE_IP_PROXY;

	if (c->orig_dst_port == 443 || c->orig_dst_port == 80)
		return false;
	if (g->config->stand_ins && fake_ip_index(range, &c->orig_dst, index) &&
		*index >= FAKE_IP_ASKED)
		return true;
	return (g->config->proxy.port && fake_ip_index(FAKE_IP_PROXY, &c->orig_dst, index)) ||
	       (g->config->cell && fake_ip_index(FAKE_IP_CELL, &c->orig_dst, index));
}

static enum action named(struct gate *g, struct connection *c, size_t index)
{
	const struct policy *p = g->config->policy;

	c->raw = true;
	if (!table_acquire_buffer(g, c))
		return NO_BUFFER;
	if (g->config->stand_ins && index >= FAKE_IP_ASKED)
		stand_ins_name(
			g->config->stand_ins, index - FAKE_IP_ASKED, table_buffer(g, c)->name);
	else if (index < p->names_count)
		strncpy(table_buffer(g, c)->name, p->names[index].name, NAME_TEXT - 1);
	return judged(g, c);
}

/* These parse what has been received. WAIT in PHASE_HEAD: it is incomplete. */
static enum action read_hello(struct gate *g, struct connection *c, struct inspect_buffer *d)
{
	struct hello h;
	enum hello_result result = clienthello_read(d->in, d->got, &h);
	enum gate_reason reason;

	c->tls = true;
	if (result == HELLO_MORE && d->got < sizeof(d->in))
		return WAIT;
	memcpy(d->name, h.name, sizeof(d->name));
	if (result != HELLO_DONE)
		return gate_refused(c, result == HELLO_MORE ? GATE_TOO_LONG : h.reason);
	if (c->direct && !c->tunnel)
		return gate_refused(c, GATE_PROTOCOL);
	client_complete(g, c, d->name);
	/* What a yes to the outer name would not let through is not asked about. */
	if (h.ech && (reason = client_judge(g, c, d->name, true)) != GATE_FINE)
		return gate_refused(c, reason);
	d->approved = h.length;
	return judged(g, c);
}

/* Checks the port in a request against what is known, and sets c->port. */
enum gate_reason client_port(struct connection *c, const struct http_head *h)
{
	switch (h->form) {
	case HTTP_AUTHORITY:
		c->port = h->port;
		return h->port ? GATE_FINE : GATE_MALFORMED;
	case HTTP_ABSOLUTE:
		c->port = h->port ? h->port : 80;
		return GATE_FINE;
	case HTTP_ORIGIN:
		/* Without an original destination the request has no recipient. */
		if (c->direct && !c->tunnel)
			return GATE_PROTOCOL;
		return h->port && h->port != c->port ? GATE_NAMES_DIFFER : GATE_FINE;
	}
	return GATE_MALFORMED;
}

/* CONNECT: what follows is inspected like a direct connection, if its port permits. */
static enum action tunnel(
	struct gate *g, struct connection *c, struct inspect_buffer *d, size_t head)
{
	static const char established[] = "HTTP/1.1 200 Connection established\r\n\r\n";
	enum gate_reason reason = client_judge(g, c, d->name, false);

	if (c->tunnel)
		reason = GATE_PROTOCOL; /* a tunnel in a tunnel has no legitimate use */
	if (reason != GATE_FINE)
		return refused(g, c, reason);
	d->got -= head;
	memmove(d->in, d->in + head, d->got);
	c->tunnel = true;
	if (!web_port(c->port)) {
		c->established = true;
		return judged(g, c);
	}
	refuse_send(c, established, sizeof(established) - 1);
	table_deadline(g, c, true);
	return WAIT;
}

/* What is told then is where it was to lead. */
static enum gate_reason literal(
	struct connection *c, struct inspect_buffer *d, const struct http_head *h)
{
	client_port(c, h);
	c->orig_dst = h->literal;
	d->name[0] = '\0';
	return GATE_ADDRESS;
}

static enum action read_request(struct gate *g, struct connection *c, struct inspect_buffer *d)
{
	struct http_head h;
	enum http_result result = http_head_read(d->in, d->got, true, &h);
	enum gate_reason reason;

	c->tls = false;
	if (result == HTTP_MORE && d->got < sizeof(d->in))
		return WAIT;
	memcpy(d->name, h.name, sizeof(d->name));
	reason = result == HTTP_MORE    ? GATE_TOO_LONG
		 : result == HTTP_WHOLE ? client_port(c, &h)
					: h.reason;
	if (reason == GATE_BAD_NAME && h.literal.family && h.form != HTTP_ORIGIN &&
		g->config->cell)
		reason = literal(c, d, &h);
	if (reason != GATE_FINE)
		return gate_refused(c, reason);
	client_complete(g, c, d->name);
	if (h.form == HTTP_AUTHORITY)
		return tunnel(g, c, d, h.length);
	d->approved = h.length;
	d->upgrade = h.websocket;
	d->expect = h.expect;
	http_body_begin(&c->body, &h);
	return judged(g, c);
}

static enum action read_first(struct gate *g, struct connection *c, struct inspect_buffer *d)
{
	if (d->in[0] == TLS_HANDSHAKE)
		return read_hello(g, c, d);
	if (c->broker) /* it speaks nothing but TLS */
		return gate_refused(c, GATE_PROTOCOL);
	if (ssh_begins(d->in, d->got))
		return gate_refused(c, GATE_SSH);
	return read_request(g, c, d);
}

static enum action read_whole(struct gate *g, struct connection *c)
{
	struct inspect_buffer *d = table_buffer(g, c);
	const bool tunnelled = c->tunnel;
	enum action next = read_first(g, c, d);

	/* What followed a CONNECT is parsed from the start. */
	if (c->tunnel != tunnelled && c->phase == PHASE_HEAD && next == WAIT && d->got > 0)
		next = read_first(g, c, d);
	return next;
}

enum client_filled client_fill(struct gate *g, struct connection *c)
{
	struct inspect_buffer *d;
	size_t room;
	ssize_t n;

	if (!table_acquire_buffer(g, c))
		return FILL_NO_BUFFER;
	d = table_buffer(g, c);
	room = sizeof(d->in) - d->got;
	if (!c->client.readable || room == 0)
		return FILL_NONE;
	n = recv(c->client.fd, d->in + d->got, room, MSG_DONTWAIT);
	if (n < 0 && errno == EAGAIN) {
		c->client.readable = false;
		return FILL_NONE;
	}
	if (n <= 0)
		return n == 0 ? FILL_ENDED : FILL_GONE;
	/* epoll(7): a short read means that there is no more, unless the end came with it. */
	if ((size_t)n < room && !c->client.hung_up)
		c->client.readable = false;
	d->got += (size_t)n;
	return FILL_SOME;
}

enum action client_work(struct gate *g, struct connection *c)
{
	enum action next = WAIT;
	size_t index;

	if (is_named(g, c, &index))
		return named(g, c, index);
	if (c->again) {
		c->again = false;
		next = read_whole(g, c);
	}
	while (c->phase == PHASE_HEAD && next == WAIT && c->client.readable) {
		enum client_filled filled = client_fill(g, c);
		struct inspect_buffer *d = table_buffer(g, c);

		if (filled == FILL_NO_BUFFER)
			return NO_BUFFER;
		if (filled == FILL_NONE) {
			if (d->got == 0)
				table_release_buffer(g, c);
			return WAIT;
		}
		if (filled != FILL_SOME)
			return filled == FILL_GONE ? RESET : END;
		next = read_whole(g, c);
	}
	return next;
}
