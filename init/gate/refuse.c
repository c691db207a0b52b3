/*
 * Refusals in the client's own protocol, and lingering close.
 */
#include "connection.h"

#include <errno.h>
#include <string.h>
#include <sys/socket.h>

#include "ssh.h"

void refuse_send(struct connection *c, const void *bytes, size_t len)
{
	/* Its send buffer is empty, so this fits; otherwise the client doesn't read, and
	 * doesn't want to know. */
	if (send(c->client.fd, bytes, len, MSG_NOSIGNAL | MSG_DONTWAIT) < 0)
		return;
}

/* Closing with unread octets would send a RST, which discards what was sent. */
void refuse_linger(struct gate *g, struct connection *c)
{
	shutdown(c->client.fd, SHUT_WR);
	table_release_buffer(g, c);
	table_end_server(g, c);
	c->phase = PHASE_LINGER;
}

enum action refuse_wait(struct gate *g, struct connection *c)
{
	while (c->client.readable) {
		ssize_t n = recv(c->client.fd, g->scratch, GATE_SCRATCH, MSG_DONTWAIT);

		if (n < 0 && errno == EAGAIN) {
			c->client.readable = false;
			return WAIT;
		}
		if (n > 0)
			c->discarded += (uint32_t)n;
		if (n < 0 || c->discarded > LIMIT_GATE_DISCARD)
			return RESET;
		if (n == 0)
			return END;
	}
	return WAIT;
}

static void send_http(
	struct connection *c, enum gate_reason reason, const char *name, const char *said)
{
	char text[HTTP_REFUSAL_SIZE];
	size_t len = http_refusal_write(reason, name, c->port, said, text);

	refuse_send(c, text, len);
}

static void send_tls(struct connection *c, enum gate_reason reason)
{
	uint8_t alert[HELLO_ALERT_SIZE];

	clienthello_alert(reason == GATE_MALFORMED || reason == GATE_TOO_LONG
				  ? ALERT_DECODE_ERROR
				  : ALERT_ACCESS_DENIED,
		alert);
	refuse_send(c, alert, sizeof(alert));
}

static void send_ssh(struct connection *c)
{
	/* In a tunnel the host isn't at the original destination. */
	const struct address none = {0};
	uint8_t text[SSH_REFUSAL_SIZE];
	size_t len = ssh_refusal_write(c->tunnel ? &none : &c->orig_dst, c->port, text);

	refuse_send(c, text, len);
}

void refuse_behind(struct gate *g, struct connection *c)
{
	send_http(c, (enum gate_reason)c->refusal, g->hosts[table_number(g, c)], "");
	refuse_linger(g, c);
}

enum action refuse_client(struct gate *g, struct connection *c)
{
	const enum gate_reason reason = c->refusal;
	const struct inspect_buffer *d = table_buffer(g, c);
	const char *name = d ? d->name : "";

	/* The name was allowed but its servers don't work: a TLS client expects a reset. */
	if (c->raw || (c->tls && (reason == GATE_UNRESOLVED || reason == GATE_UNREACHABLE ||
					 reason == GATE_PROXY)))
		return RESET;
	if (c->server.fd >= 0 && c->phase == PHASE_HTTP) {
		/* Responses to earlier requests may still come: the refusal follows them. */
		c->refused = true;
		strncpy(g->hosts[table_number(g, c)], name, NAME_TEXT - 1);
		table_deadline(g, c, true);
		return AGAIN;
	}
	if (reason == GATE_SSH)
		send_ssh(c);
	else if (c->tls)
		send_tls(c, reason);
	else
		send_http(c, reason, name, d ? d->said : "");
	refuse_linger(g, c);
	return WAIT;
}
