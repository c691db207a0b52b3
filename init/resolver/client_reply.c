/* Replies to the payload's queries: batched by UDP, or by TCP; and the lists of waiting
 * clients. */
#include "client.h"

#include <sys/socket.h>
#include <sys/syscall.h>
#include <unistd.h>

/* A client that doesn't read loses its own replies, as always with UDP; so does one with an
 * unreachable address, which is skipped. */
void client_flush(struct worker *w)
{
	struct datagrams *o = &w->clients->outbox;
	unsigned sent = 0;

	while (sent < o->count) {
		/* musl's sendmmsg() calls sendmsg(2) for each message to fix up control
		 * data, of which there is none here. */
		long n = syscall(SYS_sendmmsg, o->fd, o->header + sent, o->count - sent,
			MSG_DONTWAIT | MSG_NOSIGNAL);

		sent += n > 0 ? (unsigned)n : 1;
	}
	o->count = 0;
}

void client_reply(struct worker *w, const struct origin *o, const struct dns_asked *asked,
	const struct dns_reply *r)
{
	struct datagrams *out = &w->clients->outbox;
	uint8_t *packet;
	size_t len;

	if (out->count == DATAGRAMS || (out->count > 0 && o->fd >= 0 && out->fd != o->fd))
		client_flush(w);
	/* The next packet in the batch; a TCP reply only borrows it. */
	packet = out->packet[out->count];
	len = dns_write_reply(asked, r, packet, o->fd >= 0 ? asked->room : LIMIT_DNS_UDP);
	if (o->fd < 0) {
		client_tcp_reply(w, o, packet, len);
	} else if (len > 0) {
		out->fd = o->fd;
		out->with[out->count] = *o;
		out->header[out->count].msg_hdr.msg_namelen = o->len;
		out->part[out->count++].iov_len = len;
	}
}

void client_reply_code(struct worker *w, const struct origin *o, const struct dns_asked *asked,
	enum dns_rcode rcode, const char *why)
{
	struct dns_reply r = {
		.rcode = rcode, .ede = why ? DNS_EDE_BLOCKED : -1, .ede_text = why};

	client_reply(w, o, asked, &r);
}

static struct waiter *new_waiter(struct clients *c)
{
	struct waiter *x;

	if (c->free == NONE)
		return c->fresh < LIMIT_WAITERS ? &c->waiters[c->fresh++] : NULL;
	x = &c->waiters[c->free];
	c->free = x->next;
	return x;
}

bool client_wait(struct worker *w, int *list, const struct dns_query *q, const struct origin *o)
{
	struct waiter *x = new_waiter(w->clients);

	if (!x) {
		client_reply_code(w, o, &q->asked, RCODE_SERVFAIL, NULL);
		return false;
	}
	x->origin = *o;
	x->asked = q->asked;
	x->next = *list;
	*list = (int)(x - w->clients->waiters);
	return true;
}

struct waiter *client_next(struct worker *w, int *list)
{
	struct clients *c = w->clients;
	int at = *list;

	if (at == NONE)
		return NULL;
	*list = c->waiters[at].next;
	c->waiters[at].next = c->free;
	c->free = at;
	return &c->waiters[at];
}
