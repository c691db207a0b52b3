/* Questions to the upstreams by UDP: time, failover, answers. See upstream.h; how they leave is
 * upstream_send.c, and TCP upstream_tcp.c. */
#include "upstream_private.h"

#include <errno.h>
#include <netinet/in.h>
#include <netinet/udp.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>

/*
 * Milliseconds from one sending to the next; after the last the question is given up: 4.6 s,
 * just under what a C library waits for us (5 s), and under RESOLVER_BOOT_MS.
 */
static const int schedule[ATTEMPTS] = {400, 800, 1600, 1800};
/* With a stale answer at hand: 1.2 s (RFC 8767 §5 suggests 1.8 s at most). */
#define ATTEMPTS_STALE 2
static void prepare(struct upstream *u)
{
	struct departures *d = &u->departures;
	struct arrivals *a = &u->arrivals;

	for (int i = 0; i < TOGETHER; i++) {
		d->segment[i].header = (struct cmsghdr){.cmsg_level = IPPROTO_UDP,
			.cmsg_type = UDP_SEGMENT,
			.cmsg_len = CMSG_LEN(sizeof(uint16_t))};
		a->part[i] = (struct iovec){a->packet[i], sizeof(a->packet[i])};
		a->header[i].msg_hdr = (struct msghdr){
			.msg_name = &a->from[i], .msg_iov = &a->part[i], .msg_iovlen = 1};
	}
}

struct upstream *upstream_new(const struct upstream_config *c)
{
	struct upstream *u = calloc(1, sizeof(*u));

	if (!u)
		return NULL;
	u->config = *c;
	u->free = NONE;
	prepare(u);
	for (int i = 0; i < LIMIT_UPSTREAMS; i++)
		u->slot[i] = NONE;
	u->room = LIMIT_QUESTIONS;
	for (int i = 0; i < ATTEMPTS; i++)
		u->list[i].first = u->list[i].last = NONE;
	memset(u->buckets, 0xff, sizeof(u->buckets));
	for (size_t i = 0; i < c->count; i++)
		peer_of(&c->endpoints[i], &u->servers[i].address);
	for (int i = 0; i < LIMIT_UPSTREAMS; i++)
		for (int j = 0; j < LIMIT_UPSTREAM_SOCKETS; j++)
			u->sockets[i][j].fd = -1;
	for (int i = 0; i < LIMIT_UPSTREAM_TCP; i++)
		u->tcp[i].fd = -1;
	return u;
}

size_t upstream_room(const struct upstream *u)
{
	return u->room;
}

/* ---- Questions -------------------------------------------------------------------------- */

static void unlist(struct upstream *u, struct question *q)
{
	struct question_list *l = &u->list[q->attempt];

	if (q->previous != NONE)
		u->questions[q->previous].next = q->next;
	else
		l->first = q->next;
	if (q->next != NONE)
		u->questions[q->next].previous = q->previous;
	else
		l->last = q->previous;
}

/* Each list holds one attempt's questions, which all wait equally long: it stays sorted. */
static void enlist(struct upstream *u, struct question *q, int attempt, int64_t now)
{
	struct question_list *l = &u->list[attempt];
	int index = (int)(q - u->questions);

	q->attempt = (uint8_t)attempt;
	q->deadline = now + schedule[attempt];
	q->previous = l->last;
	q->next = NONE;
	if (l->last != NONE)
		u->questions[l->last].next = index;
	else
		l->first = index;
	l->last = index;
}

void upstream_postpone(struct upstream *u, struct question *q, int64_t now)
{
	if (q->attempt >= ATTEMPTS - 2)
		return;
	unlist(u, q);
	enlist(u, q, ATTEMPTS - 2, now);
}

void upstream_unsend(struct upstream *u, struct question *q, int which)
{
	int index = (int)(q - u->questions) * LIMIT_UPSTREAMS + which;
	int *at = &u->buckets[q->sent[which].id % BUCKETS];

	while (*at != index)
		at = &u->questions[*at / LIMIT_UPSTREAMS].sent[*at % LIMIT_UPSTREAMS].chain;
	*at = q->sent[which].chain;
	q->sent[which].live = false;
	u->sockets[which][q->sent[which].slot].out--;
	u->late[u->late_next++ % LIMIT_QUESTIONS] = (struct late){
		.id = q->sent[which].id,
		.which = (uint8_t)which,
		.slot = q->sent[which].slot,
	};
}

static void forget(struct upstream *u, struct question *q)
{
	unlist(u, q);
	q->next = u->free;
	u->free = (int)(q - u->questions);
	u->room++;
}

void upstream_finish(struct upstream *u, struct question *q, enum message_outcome outcome,
	const struct message_answer *answer, enum resolver_reason reason)
{
	int tag = q->tag;
	uint16_t type = q->type;

	for (int i = 0; i < LIMIT_UPSTREAMS; i++)
		if (q->sent[i].live)
			upstream_unsend(u, q, i);
	upstream_tcp_close(u, q);
	forget(u, q);
	u->config.answered(u->config.context, tag, type, outcome, answer, reason);
}

static bool is_out(const struct question *q)
{
	bool live = false;

	for (int i = 0; i < LIMIT_UPSTREAMS; i++)
		live |= q->sent[i].live;
	return live;
}

static void send_to_all(struct upstream *u, struct question *q)
{
	q->failed = 0;
	for (size_t i = 0; i < u->config.count; i++)
		upstream_send(u, q, (int)i);
}

enum resolver_reason upstream_ask(struct upstream *u, const char *name, const char *suffix,
	uint16_t type, int tag, enum upstream_urgency urgency, int64_t now)
{
	struct question *q;

	if (u->room == 0 || u->config.count == 0)
		return REASON_TIMEOUT;
	if (suffix && strlen(name) + 1 + strlen(suffix) > LIMIT_NAME_TEXT)
		return REASON_TIMEOUT;
	if (u->free != NONE) {
		q = &u->questions[u->free];
		u->free = q->next;
	} else {
		q = &u->questions[u->fresh++];
	}
	u->room--;
	memset(q, 0, sizeof(*q));
	q->name = name;
	q->suffix = suffix;
	q->type = type;
	q->tag = tag;
	q->last = (uint8_t)(urgency == UPSTREAM_STALE ? ATTEMPTS_STALE : ATTEMPTS);
	q->reason = REASON_TIMEOUT;
	q->tcp = NONE;
	enlist(u, q, 0, now);
	if (urgency == UPSTREAM_BOOT)
		send_to_all(u, q);
	else
		upstream_send(u, q, (int)u->preferred);
	if (q->reason != REASON_LIMIT || is_out(q))
		return REASON_NONE;
	forget(u, q);
	return REASON_LIMIT;
}

/* One upstream could not answer: the others, and at the next attempt all of them again. */
void upstream_failed(struct upstream *u, struct question *q, int which, enum resolver_reason r)
{
	unsigned all = (1U << u->config.count) - 1;

	q->failed |= (uint8_t)(1U << which);
	q->reason = r;
	for (size_t i = 0; i < u->config.count; i++)
		if (!q->sent[i].live)
			upstream_send(u, q, (int)i);
	/* All failed: once is perhaps a moment's overload, twice is an answer. */
	if ((q->failed & all) == all && q->rounds++ > 0)
		upstream_finish(u, q, OUTCOME_SERVER, NULL, r);
}

void upstream_take(struct upstream *u, struct question *q, int which, const uint8_t *packet,
	size_t len, bool tcp, int64_t now)
{
	char text[NAME_TEXT];
	const char *name = upstream_name(q, text);
	struct message_answer answer;
	enum message_outcome outcome =
		message_read_response(packet, len, q->sent[which].id, name, q->type, &answer);

	if (outcome == OUTCOME_FOREIGN) {
		if (tcp)
			u->config.hostile(u->config.context, UPSTREAM_FOREIGN);
		else
			upstream_wrong(u, which, q->sent[which].slot, len, now);
		return;
	}
	if (!upstream_right_spelling(u, &q->sent[which], which, name, packet, len, tcp)) {
		u->config.hostile(u->config.context, UPSTREAM_FOREIGN);
		upstream_change_port(u, which, q->sent[which].slot, now);
		return;
	}
	switch (outcome) {
	case OUTCOME_FOREIGN:
		return;
	case OUTCOME_ADDRESSES:
	case OUTCOME_EMPTY:
	case OUTCOME_NXDOMAIN:
		if (q->attempt > 0)
			u->preferred = (unsigned)which;
		upstream_finish(u, q, outcome, &answer, REASON_NONE);
		return;
	case OUTCOME_TRUNCATED:
		if (!tcp) {
			upstream_tcp_open(u, q, which, now);
			return;
		}
		break;
	case OUTCOME_NO_EDNS:
		if (!tcp && !q->sent[which].plain) {
			u->servers[which].plain = true;
			upstream_send(u, q, which);
			return;
		}
		break;
	case OUTCOME_SERVER:
		break;
	case OUTCOME_HOSTILE:
		u->config.hostile(u->config.context, q->tag);
		break;
	}
	upstream_failed(
		u, q, which, outcome == OUTCOME_HOSTILE ? REASON_HOSTILE : REASON_SERVER);
}

/* A datagram that answers no question that is out. Late answers are told apart: every failover,
 * and every question to two upstreams at once, makes some. */
static void foreign(
	struct upstream *u, int which, int slot, const uint8_t *packet, size_t len, int64_t now)
{
	uint16_t id = (uint16_t)(len < 2 ? 0 : packet[0] << 8 | packet[1]);

	for (unsigned i = 0; len >= MESSAGE_HEADER && i < LIMIT_QUESTIONS; i++)
		if (u->late[i].id == id && u->late[i].which == which && u->late[i].slot == slot)
			return;
	upstream_wrong(u, which, slot, len, now);
}

/* The upstream's machine says that nobody listens (ICMP): no need to wait for the time. */
static void refused(struct upstream *u, int which, int slot)
{
	for (int i = 0; i < LIMIT_QUESTIONS; i++) {
		struct question *q = &u->questions[i];

		if (q->sent[which].live && q->sent[which].slot == slot)
			upstream_failed(u, q, which, REASON_TIMEOUT);
	}
}

void upstream_ready(struct upstream *u, unsigned number, uint32_t events, int64_t now)
{
	struct arrivals *a = &u->arrivals;
	int which = (int)number / LIMIT_UPSTREAM_SOCKETS;
	int slot = (int)number % LIMIT_UPSTREAM_SOCKETS;
	unsigned opened;
	int n;

	if (number >= LIMIT_UPSTREAMS * LIMIT_UPSTREAM_SOCKETS) {
		upstream_tcp_ready(
			u, (int)number - LIMIT_UPSTREAMS * LIMIT_UPSTREAM_SOCKETS, events, now);
		return;
	}
	for (int i = 0; i < TOGETHER; i++)
		a->header[i].msg_hdr.msg_namelen = sizeof(a->from[i]);
	opened = u->sockets[which][slot].opened;
	n = recvmmsg(u->sockets[which][slot].fd, a->header, TOGETHER, MSG_DONTWAIT, NULL);
	if (n < 0 && errno == ECONNREFUSED)
		refused(u, which, slot);
	/* What came to the socket that was here before is nobody's answer any more. */
	for (int i = 0; i < n && u->sockets[which][slot].opened == opened; i++) {
		const uint8_t *packet = a->packet[i];
		size_t len = a->header[i].msg_len;
		struct question *q;

		/* A connected socket takes no datagrams of others, but for a moment before it
		 * was. */
		if (!peer_same(&a->from[i], &u->servers[which].address)) {
			upstream_wrong(u, which, slot, len, now);
			continue;
		}
		q = len < MESSAGE_HEADER || len > LIMIT_DNS_UDP
			    ? NULL
			    : upstream_find(
				      u, which, slot, (uint16_t)(packet[0] << 8 | packet[1]));
		if (q)
			upstream_take(u, q, which, packet, len, false, now);
		else
			foreign(u, which, slot, packet, len, now);
	}
}

int64_t upstream_tick(struct upstream *u, int64_t now)
{
	int64_t next = INT64_MAX;

	/* From the last attempt down, so that what moves on isn't looked at again. */
	for (int i = ATTEMPTS - 1; i >= 0; i--) {
		while (u->list[i].first != NONE) {
			struct question *q = &u->questions[u->list[i].first];

			if (q->deadline > now)
				break;
			if (q->tcp == NONE ||
				!upstream_needs_tcp(&q->sent[u->tcp[q->tcp].which]))
				upstream_tcp_close(u, q);
			if (i + 1 >= q->last) {
				upstream_finish(u, q, OUTCOME_SERVER, NULL, q->reason);
				continue;
			}
			unlist(u, q);
			enlist(u, q, i + 1, now);
			send_to_all(u, q);
		}
	}
	for (int i = 0; i < ATTEMPTS; i++)
		if (u->list[i].first != NONE && u->questions[u->list[i].first].deadline < next)
			next = u->questions[u->list[i].first].deadline;
	return next;
}
