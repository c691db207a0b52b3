/* Questions to the upstreams by UDP: ids, ports, time. See upstream.h; TCP is upstream_tcp.c.
 */
#include "upstream_private.h"

#include <errno.h>
#include <netinet/in.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/random.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <unistd.h>

/*
 * Milliseconds from one sending to the next; after the last the question is given up: 4.6 s,
 * just under what a C library waits for us (5 s), and under RESOLVER_BOOT_MS.
 */
static const int schedule[ATTEMPTS] = {400, 800, 1600, 1800};
/* With a stale answer at hand: 1.2 s (RFC 8767 §5 suggests 1.8 s at most). */
#define ATTEMPTS_STALE 2
/* Datagrams taken from one socket before the others have their turn. */
#define BURST 16

uint16_t upstream_random(struct upstream *u)
{
	uint16_t value;

	if (u->random_left < sizeof(value)) {
		/* Cannot fail or be short: 256 octets, after the pool is ready (random(7)). */
		while (getrandom(u->random, sizeof(u->random), 0) != sizeof(u->random))
			;
		u->random_left = sizeof(u->random);
	}
	u->random_left -= sizeof(value);
	memcpy(&value, u->random + u->random_left, sizeof(value));
	/* What was used is wiped: nothing that reads our memory later learns earlier ids. */
	memset(u->random + u->random_left, 0, sizeof(value));
	return value;
}

struct upstream *upstream_new(const struct upstream_config *c)
{
	struct upstream *u = calloc(1, sizeof(*u));

	if (!u)
		return NULL;
	u->config = *c;
	u->free = NONE;
	for (int i = 0; i < LIMIT_UPSTREAMS; i++)
		u->slot[i] = NONE;
	u->room = LIMIT_QUESTIONS;
	for (int i = 0; i < ATTEMPTS; i++)
		u->list[i].first = u->list[i].last = NONE;
	memset(u->buckets, 0xff, sizeof(u->buckets));
	for (int i = 0; i < LIMIT_UPSTREAMS; i++)
		for (int j = 0; j < LIMIT_UPSTREAM_SOCKETS; j++)
			u->sockets[i][j].fd = -1;
	for (int i = 0; i < LIMIT_UPSTREAM_TCP; i++)
		u->tcp[i].fd = -1;
	/* Nobody forges on loopback, and what the engine's own resolver does to letters when it
	 * looks for a neighbour's name is its affair. */
	for (size_t i = 0; i < c->count; i++)
		if (address_classify(&c->endpoints[i].address) == ADDRESS_LOOPBACK)
			u->spelling[i] = SPELLING_LOST;
	return u;
}

const char *upstream_name(const struct question *q, char text[NAME_TEXT])
{
	if (!q->suffix)
		return q->name;
	snprintf(text, NAME_TEXT, "%s.%s", q->name, q->suffix); /* fits: upstream_ask() */
	return text;
}

size_t upstream_room(const struct upstream *u)
{
	return u->room;
}

/* ---- Sockets ---------------------------------------------------------------------------- */

int upstream_connect(struct upstream *u, int which, int type, unsigned number, uint32_t events)
{
	const struct endpoint *e = &u->config.endpoints[which];
	struct epoll_event event = {.events = events, .data.u64 = u->config.data + number};
	union {
		struct sockaddr any;
		struct sockaddr_in v4;
		struct sockaddr_in6 v6;
	} a = {0};
	bool v4 = e->address.family == 4;
	socklen_t len = v4 ? sizeof(a.v4) : sizeof(a.v6);
	int fd = socket(v4 ? AF_INET : AF_INET6, type | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);

	if (fd < 0)
		return -1;
	if (v4) {
		a.v4.sin_family = AF_INET;
		a.v4.sin_port = htons(e->port);
		memcpy(&a.v4.sin_addr, e->address.bytes, 4);
	} else {
		a.v6.sin6_family = AF_INET6;
		a.v6.sin6_port = htons(e->port);
		memcpy(&a.v6.sin6_addr, e->address.bytes, 16);
	}
	if ((connect(fd, &a.any, len) < 0 && errno != EINPROGRESS) ||
		epoll_ctl(u->config.epoll, EPOLL_CTL_ADD, fd, &event) < 0) {
		close(fd);
		return -1;
	}
	return fd;
}

void upstream_flush(struct upstream *u)
{
	struct departures *d = &u->departures;
	struct mmsghdr messages[TOGETHER];
	struct iovec vectors[TOGETHER];
	unsigned sent = 0;

	for (unsigned i = 0; i < d->count; i++) {
		vectors[i] = (struct iovec){d->packet[i], d->len[i]};
		messages[i].msg_hdr = (struct msghdr){.msg_iov = &vectors[i], .msg_iovlen = 1};
	}
	/* What can't be sent now is as good as lost on the way: it is sent again in time. A
	 * second try, since the first may have taken an error that the socket held for us. By
	 * its number: musl's function of that name calls sendmsg(2) for each. */
	for (int tries = 0; sent < d->count && tries < 2; tries++) {
		long n = syscall(SYS_sendmmsg, d->fd, messages + sent, d->count - sent,
			MSG_DONTWAIT | MSG_NOSIGNAL);

		sent += n > 0 ? (unsigned)n : 0;
	}
	d->count = 0;
	for (int i = 0; i < LIMIT_UPSTREAMS; i++)
		u->slot[i] = NONE;
}

/*
 * A socket of the pool, chosen at random for the questions that leave together; opened where it
 * isn't, replaced where it is worn.
 */
static int choose_socket(struct upstream *u, int which)
{
	int slot = u->slot[which];
	struct pool_socket *s;

	if (slot == NONE)
		slot = upstream_random(u) % LIMIT_UPSTREAM_SOCKETS;
	s = &u->sockets[which][slot];
	if (s->fd >= 0 && s->uses >= LIMIT_UPSTREAM_USES && s->out == 0) {
		if (u->departures.fd == s->fd)
			upstream_flush(u);
		close(s->fd);
		s->fd = -1;
	}
	if (s->fd < 0) {
		s->fd = upstream_connect(u, which, SOCK_DGRAM,
			(unsigned)(which * LIMIT_UPSTREAM_SOCKETS + slot), EPOLLIN);
		s->uses = 0;
		s->opened++;
	}
	u->slot[which] = slot;
	return slot;
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

static void unsend(struct upstream *u, struct question *q, int which)
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

void upstream_finish(struct upstream *u, struct question *q, enum message_outcome outcome,
	const struct message_answer *answer, enum resolver_reason reason)
{
	int tag = q->tag;
	uint16_t type = q->type;

	for (int i = 0; i < LIMIT_UPSTREAMS; i++)
		if (q->sent[i].live)
			unsend(u, q, i);
	upstream_tcp_close(u, q);
	unlist(u, q);
	q->next = u->free;
	u->free = (int)(q - u->questions);
	u->room++;
	u->config.answered(u->config.context, tag, type, outcome, answer, reason);
}

static uint64_t random_spelling(struct upstream *u)
{
	uint64_t bits = 0;

	for (int i = 0; i < 4; i++)
		bits = bits << 16 | upstream_random(u);
	return bits;
}

/* Sends, or sends again: the same id from the same port, so that a late answer still counts. */
static void send_to(struct upstream *u, struct question *q, int which)
{
	struct departures *d = &u->departures;
	struct sent *s = &q->sent[which];
	char text[NAME_TEXT];
	size_t len;
	int fd;

	if (!s->live) {
		int index = (int)(q - u->questions) * LIMIT_UPSTREAMS + which;

		s->slot = (uint8_t)choose_socket(u, which);
		s->id = upstream_random(u);
		s->bits = u->spelling[which] == SPELLING_LOST ? 0 : random_spelling(u);
		s->respelt = false;
		s->live = true;
		s->chain = u->buckets[s->id % BUCKETS];
		u->buckets[s->id % BUCKETS] = index;
		u->sockets[which][s->slot].out++;
		u->sockets[which][s->slot].uses++;
	}
	s->plain = u->plain[which];
	/* It has been answered, by somebody who does not keep letters: perhaps the upstream is
	 * another one now. The second try goes without. */
	if (s->respelt)
		s->bits = 0;
	fd = u->sockets[which][s->slot].fd;
	if (fd < 0)
		return;
	if (d->count == TOGETHER || (d->count > 0 && d->fd != fd))
		upstream_flush(u);
	len = message_write_query(s->id, upstream_name(q, text), q->type, !s->plain,
		d->packet[d->count], QUERY_BYTES);
	if (len == 0)
		return;
	message_mix_case(d->packet[d->count], len, s->bits);
	d->fd = fd;
	d->len[d->count++] = len;
}

static void send_to_all(struct upstream *u, struct question *q)
{
	q->failed = 0;
	for (size_t i = 0; i < u->config.count; i++)
		send_to(u, q, (int)i);
}

bool upstream_ask(struct upstream *u, const char *name, const char *suffix, uint16_t type,
	int tag, enum upstream_urgency urgency, int64_t now)
{
	struct question *q;

	if (u->room == 0 || u->config.count == 0)
		return false;
	if (suffix && strlen(name) + 1 + strlen(suffix) > LIMIT_NAME_TEXT)
		return false;
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
		send_to(u, q, (int)u->preferred);
	return true;
}

/* One upstream could not answer: the others, and at the next attempt all of them again. */
void upstream_failed(struct upstream *u, struct question *q, int which, enum resolver_reason r)
{
	unsigned all = (1U << u->config.count) - 1;

	q->failed |= (uint8_t)(1U << which);
	q->reason = r;
	for (size_t i = 0; i < u->config.count; i++)
		if (!q->sent[i].live)
			send_to(u, q, (int)i);
	/* All failed: once is perhaps a moment's overload, twice is an answer. */
	if ((q->failed & all) == all && q->rounds++ > 0)
		upstream_finish(u, q, OUTCOME_SERVER, NULL, r);
}

/*
 * Is the answer's question spelt as ours was? An upstream's first answer tells whether it keeps
 * letters. From one that does, another spelling is a forgery; or the upstream has changed, and
 * then it answers the second try, which has none.
 */
static bool right_spelling(struct upstream *u, struct sent *s, int which, const char *name,
	const uint8_t *packet, size_t len)
{
	bool same = message_same_case(packet, len, name, s->bits);

	if (!s->bits && s->respelt)
		u->spelling[which] = SPELLING_LOST;
	if (!s->bits || (packet[4] << 8 | packet[5]) == 0)
		return true; /* or an old server's FORMERR, without a question */
	if (u->spelling[which] == SPELLING_UNKNOWN)
		u->spelling[which] = same ? SPELLING_KEPT : SPELLING_LOST;
	s->respelt = !same;
	return same || u->spelling[which] == SPELLING_LOST;
}

void upstream_take(struct upstream *u, struct question *q, int which, const uint8_t *packet,
	size_t len, bool tcp, int64_t now)
{
	char text[NAME_TEXT];
	const char *name = upstream_name(q, text);
	struct message_answer answer;
	enum message_outcome outcome =
		message_read_response(packet, len, q->sent[which].id, name, q->type, &answer);

	if (outcome != OUTCOME_FOREIGN && !tcp &&
		!right_spelling(u, &q->sent[which], which, name, packet, len))
		outcome = OUTCOME_FOREIGN;
	switch (outcome) {
	case OUTCOME_FOREIGN:
		u->config.hostile(u->config.context, -1);
		return;
	case OUTCOME_ADDRESSES:
	case OUTCOME_EMPTY:
	case OUTCOME_NXDOMAIN:
		if (q->attempt > 0)
			u->preferred = (unsigned)which;
		upstream_finish(u, q, outcome, &answer, REASON_NONE);
		return;
	case OUTCOME_TRUNCATED:
		if (!tcp && q->tcp == NONE && upstream_tcp_open(u, q, which)) {
			/* Two more round trips at least: let none of the short times end it. */
			if (q->attempt < ATTEMPTS - 2) {
				unlist(u, q);
				enlist(u, q, ATTEMPTS - 2, now);
			}
			return;
		}
		if (!tcp)
			return;
		break;
	case OUTCOME_NO_EDNS:
		if (!tcp && !q->sent[which].plain) {
			u->plain[which] = true;
			send_to(u, q, which);
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

/* The question that was sent with this id by this socket. */
static struct question *find(struct upstream *u, int which, int slot, uint16_t id)
{
	int at = u->buckets[id % BUCKETS];

	while (at != NONE) {
		struct question *q = &u->questions[at / LIMIT_UPSTREAMS];
		struct sent *s = &q->sent[at % LIMIT_UPSTREAMS];

		if (at % LIMIT_UPSTREAMS == which && s->slot == slot && s->id == id)
			return q;
		at = s->chain;
	}
	return NULL;
}

/* A datagram that answers no question that is out. Late answers are told apart: every failover,
 * and every question to two upstreams at once, makes some. */
static void foreign(struct upstream *u, int which, int slot, const uint8_t *packet, size_t len)
{
	uint16_t id = (uint16_t)(len < 2 ? 0 : packet[0] << 8 | packet[1]);

	for (unsigned i = 0; len >= MESSAGE_HEADER && i < LIMIT_QUESTIONS; i++)
		if (u->late[i].id == id && u->late[i].which == which && u->late[i].slot == slot)
			return;
	u->config.hostile(u->config.context, -1);
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
	static uint8_t packets[BURST][LIMIT_DNS_UDP + 1];
	struct mmsghdr messages[BURST];
	struct iovec vectors[BURST];
	int which = (int)number / LIMIT_UPSTREAM_SOCKETS;
	int slot = (int)number % LIMIT_UPSTREAM_SOCKETS;
	unsigned opened;
	int n;

	if (number >= LIMIT_UPSTREAMS * LIMIT_UPSTREAM_SOCKETS) {
		upstream_tcp_ready(
			u, (int)number - LIMIT_UPSTREAMS * LIMIT_UPSTREAM_SOCKETS, events, now);
		return;
	}
	for (int i = 0; i < BURST; i++) {
		vectors[i] = (struct iovec){packets[i], sizeof(packets[i])};
		messages[i].msg_hdr = (struct msghdr){.msg_iov = &vectors[i], .msg_iovlen = 1};
	}
	opened = u->sockets[which][slot].opened;
	n = recvmmsg(u->sockets[which][slot].fd, messages, BURST, MSG_DONTWAIT, NULL);
	if (n < 0 && errno == ECONNREFUSED)
		refused(u, which, slot);
	/* What came to the socket that was here before is nobody's answer any more. */
	for (int i = 0; i < n && u->sockets[which][slot].opened == opened; i++) {
		size_t len = messages[i].msg_len;
		struct question *q;

		/* Longer is more than we offered to take. */
		q = len < MESSAGE_HEADER || len > LIMIT_DNS_UDP
			    ? NULL
			    : find(u, which, slot,
				      (uint16_t)(packets[i][0] << 8 | packets[i][1]));
		if (q)
			upstream_take(u, q, which, packets[i], len, false, now);
		else
			foreign(u, which, slot, packets[i], len);
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
