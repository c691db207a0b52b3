/*
 * Forged responses (RFC 5452). A forger that can send with an upstream's address, and sees
 * our ports in /proc/net, has to guess the id and letter case of a query. So a datagram that
 * matches nothing is taken for a guess: after a few of them, queries outstanding on that
 * socket are sent again, with new ids, from a new one; and by TCP if that is attacked as
 * well.
 */
#include "upstream_private.h"

#include <string.h>
#include <unistd.h>

/*
 * Consecutive responses with matching id, port, sender and question but another letter case
 * after which we conclude that the server doesn't keep it. After each the query is sent
 * again from another port with another id, so this is how often a forger must have been
 * lucky. A server that kept it before may have been replaced; by TCP a single response is
 * conclusive.
 */
#define RESPELT_UNKNOWN 2
#define RESPELT_KEPT    4

bool upstream_right_spelling(struct upstream *u, const struct sent *s, int which,
	const char *name, const uint8_t *packet, size_t len, bool tcp)
{
	struct server *v = &u->servers[which];
	bool has_question = (packet[4] << 8 | packet[5]) != 0; /* an old server's FORMERR */

	if (!s->bits || !has_question || v->spelling == SPELLING_LOST)
		return true;
	if (dns_same_case(packet, len, name, s->bits)) {
		v->spelling = SPELLING_KEPT;
		v->respelt = 0;
		return true;
	}
	v->respelt++;
	if (tcp ||
		v->respelt >= (v->spelling == SPELLING_KEPT ? RESPELT_KEPT : RESPELT_UNKNOWN))
		v->spelling = SPELLING_LOST;
	return v->spelling == SPELLING_LOST;
}

static void ask_anew(struct upstream *u, struct upstream_question *q, int which, int64_t now)
{
	const struct sent *s = &q->sent[which];

	if (upstream_needs_tcp(s))
		upstream_tcp_open(u, q, which, now);
	else
		upstream_send(u, q, which);
	if (!s->live && q->tcp == NONE)
		upstream_failed(u, q, which, REASON_MALFORMED, now);
}

void upstream_change_port(struct upstream *u, int which, int slot, int64_t now)
{
	struct pool_socket *s = &u->sockets[which][slot];

	u->config.malformed(u->config.context, UPSTREAM_GUESSED);
	upstream_flush(u);
	upstream_close(s);
	u->slot[which] = slot; /* its replacement is used first */
	for (unsigned i = 0; i < u->fresh; i++) {
		struct upstream_question *q = &u->questions[i];

		if (!q->sent[which].live || q->sent[which].slot != slot)
			continue;
		upstream_withdraw(u, q, which);
		q->sent[which].moves++;
		q->sent[which].moving = true;
	}
	/* Only now: sending again may finish other queries and start new ones. */
	for (unsigned i = 0; i < u->fresh; i++) {
		struct upstream_question *q = &u->questions[i];

		if (!q->sent[which].moving)
			continue;
		q->sent[which].moving = false;
		ask_anew(u, q, which, now);
	}
}

void upstream_wrong(struct upstream *u, int which, int slot, size_t len, int64_t now)
{
	u->config.malformed(u->config.context, UPSTREAM_UNSOLICITED);
	/* Shorter than a header: garbage rather than a guess. */
	if (len >= DNS_HEADER && ++u->sockets[which][slot].wrong >= LIMIT_UPSTREAM_WRONG)
		upstream_change_port(u, which, slot, now);
}
