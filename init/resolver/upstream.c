/*
 * Queries to the upstreams: sending, evaluating responses, timeouts. See upstream.h;
 * upstream_questions.c keeps the outstanding queries, upstream_send.c sends them,
 * upstream_order.c chooses the server, upstream_tcp.c does TCP.
 */
#include "upstream_private.h"

#include <errno.h>
#include <string.h>
#include <sys/socket.h>

/* If a stale answer is available: 1.2 s (RFC 8767 §5 suggests at most 1.8 s). */
#define ATTEMPTS_STALE 2

enum resolver_reason upstream_ask(struct upstream *u, const char *name, const char *suffix,
	uint16_t type, int tag, bool stale, int64_t now)
{
	struct upstream_question *q;

	if (u->config.count == 0)
		return REASON_TIMEOUT;
	if (suffix && strlen(name) + 1 + strlen(suffix) > LIMIT_NAME_TEXT)
		return REASON_TIMEOUT;
	q = upstream_slot(u, name, type, tag, now);
	if (!q)
		return REASON_TIMEOUT;
	q->suffix = suffix;
	if (stale)
		q->last = ATTEMPTS_STALE;
	if (upstream_begin(u, q, now))
		return REASON_NONE;
	upstream_release(u, q);
	return q->reason;
}

/* Records whether the server answers queries with EDNS, or only those without. */
static void learn_edns(struct server *v, const struct sent *s)
{
	if (s->edns)
		v->edns = true;
	else if (s->plain && !v->edns)
		v->plain = true;
}

/* A negative answer counts only if no earlier server can still contradict it. */
static void take_answer(struct upstream *u, struct upstream_question *q, int which,
	enum dns_outcome outcome, const struct dns_answer *answer)
{
	if (outcome == OUTCOME_ADDRESSES || !upstream_earlier_pending(q, which)) {
		upstream_finish(u, q, outcome, answer, REASON_NONE);
		return;
	}
	q->held = true;
	q->held_by = (uint8_t)which;
	q->held_outcome = (uint8_t)outcome;
	q->held_ttl = answer->ttl;
}

/* Handles a response, which may finish the query. */
static void take(struct upstream *u, struct upstream_question *q, int which,
	const uint8_t *packet, size_t len, bool tcp, int64_t now)
{
	char text[NAME_TEXT];
	const char *name = upstream_name(q, text);
	struct dns_answer answer;
	enum dns_outcome outcome =
		dns_read_response(packet, len, q->sent[which].id, name, q->type, &answer);

	if (outcome == OUTCOME_UNSOLICITED) {
		if (tcp)
			u->config.malformed(u->config.context, UPSTREAM_UNSOLICITED);
		else
			upstream_wrong(u, which, q->sent[which].slot, len, now);
		return;
	}
	if (!upstream_right_spelling(u, &q->sent[which], which, name, packet, len, tcp)) {
		u->config.malformed(u->config.context, UPSTREAM_UNSOLICITED);
		upstream_change_port(u, which, q->sent[which].slot, now);
		return;
	}
	upstream_answered_by(u, which, now);
	if (q->probe) {
		upstream_finish(u, q, outcome, NULL, REASON_NONE);
		return;
	}
	if (!tcp && outcome != OUTCOME_NO_EDNS)
		learn_edns(&u->servers[which], &q->sent[which]);
	switch (outcome) {
	case OUTCOME_UNSOLICITED:
		return;
	case OUTCOME_ADDRESSES:
	case OUTCOME_EMPTY:
	case OUTCOME_NXDOMAIN:
		take_answer(u, q, which, outcome, &answer);
		return;
	case OUTCOME_TRUNCATED:
		if (!tcp) {
			upstream_tcp_open(u, q, which, now);
			return;
		}
		break;
	case OUTCOME_NO_EDNS:
		if (!tcp && !u->servers[which].plain) {
			u->servers[which].plain = true;
			if (!q->sent[which].plain)
				upstream_send(u, q, which);
			return;
		}
		break;
	case OUTCOME_SERVER:
		break;
	case OUTCOME_MALFORMED:
		u->config.malformed(u->config.context, q->tag);
		break;
	}
	upstream_failed(u, q, which,
		outcome == OUTCOME_MALFORMED ? REASON_MALFORMED : REASON_SERVER, now);
}

/* A datagram that matches no outstanding query. Late responses are recognised: each
 * failover, and each query to two servers at once, causes some. */
static void unsolicited(
	struct upstream *u, int which, int slot, const uint8_t *packet, size_t len, int64_t now)
{
	uint16_t id = (uint16_t)(len < 2 ? 0 : packet[0] << 8 | packet[1]);

	for (unsigned i = 0; len >= DNS_HEADER && i < LIMIT_QUESTIONS; i++)
		if (u->late[i].id == id && u->late[i].which == which &&
			u->late[i].slot == slot) {
			upstream_late(u, which, slot, id, now);
			return;
		}
	upstream_wrong(u, which, slot, len, now);
}

/* The connection stays open until its response is parsed, so q is still valid. A response
 * that doesn't match ends the attempt as well, since nothing else will come. */
static void tcp_ready(struct upstream *u, int slot, uint32_t events, int64_t now)
{
	struct tcp_fetch *t = &u->tcp[slot];
	struct upstream_question *q;

	if (!upstream_tcp_ready(u, slot, events, now))
		return;
	q = &u->questions[t->question];
	take(u, q, t->which, u->tcp_data[slot].answer + 2, t->got - 2, true, now);
	if (t->fd >= 0 && q->tcp == slot)
		upstream_tcp_fail(u, t, REASON_MALFORMED, now);
}

void upstream_ready(struct upstream *u, unsigned number, uint32_t events, int64_t now)
{
	struct rx_batch *a = &u->rx_batch;
	int which = (int)number / LIMIT_UPSTREAM_SOCKETS;
	int slot = (int)number % LIMIT_UPSTREAM_SOCKETS;
	unsigned opened;
	int n;

	if (number >= LIMIT_UPSTREAMS * LIMIT_UPSTREAM_SOCKETS) {
		tcp_ready(
			u, (int)number - LIMIT_UPSTREAMS * LIMIT_UPSTREAM_SOCKETS, events, now);
		return;
	}
	for (int i = 0; i < TOGETHER; i++)
		a->header[i].msg_hdr.msg_namelen = sizeof(a->from[i]);
	opened = u->sockets[which][slot].opened;
	n = recvmmsg(u->sockets[which][slot].fd, a->header, TOGETHER, MSG_DONTWAIT, NULL);
	if (n < 0 && errno == ECONNREFUSED)
		upstream_unreachable(u, which, slot, now);
	/* If the socket was replaced, datagrams received by the old one don't count. */
	for (int i = 0; i < n && u->sockets[which][slot].opened == opened; i++) {
		const uint8_t *packet = a->packet[i];
		size_t len = a->header[i].msg_len;
		struct upstream_question *q;

		/* A connected socket accepts no datagrams of others, except for a moment
		 * before it is connected. */
		if (!sockaddr_same(&a->from[i], &u->servers[which].address)) {
			upstream_wrong(u, which, slot, len, now);
			continue;
		}
		q = len < DNS_HEADER ? NULL
				     : upstream_find(u, which, slot,
					       (uint16_t)(packet[0] << 8 | packet[1]));
		if (len > LIMIT_DNS_UDP) {
			/* Larger than offered, and than the buffer: retry by TCP. */
			dns_truncate(a->packet[i]);
			len = LIMIT_DNS_UDP;
		}
		if (q)
			take(u, q, which, packet, len, false, now);
		else
			unsolicited(u, which, slot, packet, len, now);
	}
}

int64_t upstream_tick(struct upstream *u, int64_t now)
{
	int64_t next = INT64_MAX;

	/* From the last attempt down, so that a query that moves on isn't visited again. */
	for (int i = ATTEMPTS - 1; i >= 0; i--) {
		while (u->list[i].first != NONE) {
			struct upstream_question *q = &u->questions[u->list[i].first];

			if (q->deadline > now)
				break;
			if (q->tcp == NONE ||
				!upstream_needs_tcp(&q->sent[u->tcp[q->tcp].which]))
				upstream_tcp_close(u, q);
			if (q->held) {
				upstream_finish_held(u, q);
			} else if (i + 1 >= q->last) {
				upstream_timed_out(u, q, now);
				upstream_finish(u, q, OUTCOME_SERVER, NULL, q->reason);
			} else {
				upstream_next_attempt(u, q, now);
				upstream_proceed(u, q, now);
			}
		}
	}
	for (int i = 0; i < ATTEMPTS; i++)
		if (u->list[i].first != NONE && u->questions[u->list[i].first].deadline < next)
			next = u->questions[u->list[i].first].deadline;
	return next;
}
