/*
 * Outstanding queries: slots, timers, completion. Sends and receives nothing; the other
 * files of upstream*.c do. See upstream_private.h.
 */
#include "upstream_private.h"

#include <netinet/in.h>
#include <netinet/udp.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

/*
 * Milliseconds from one transmission to the next; after the last, the query has failed: 4.6
 * s, just below what a C library waits for us (5 s), and below RESOLVER_BOOT_MS.
 */
static const int schedule[ATTEMPTS] = {400, 800, 1600, 1800};

static void prepare(struct upstream *u)
{
	struct tx_batch *d = &u->tx_batch;
	struct rx_batch *a = &u->rx_batch;

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
		u->list[i] = (struct index_list)INDEX_LIST_EMPTY;
	memset(u->buckets, 0xff, sizeof(u->buckets));
	for (size_t i = 0; i < c->count; i++)
		sockaddr_of(&c->endpoints[i], &u->servers[i].address);
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

static void unlist(struct upstream *u, struct upstream_question *q)
{
	index_list_remove(&u->list[q->attempt], &u->questions[0].link, sizeof(*q),
		(int32_t)(q - u->questions));
}

/* Each list holds the queries of one attempt, which all have the same timeout: so it stays
 * sorted. */
static void enlist(struct upstream *u, struct upstream_question *q, int attempt, int64_t now)
{
	q->attempt = (uint8_t)attempt;
	q->deadline = now + schedule[attempt];
	index_list_append(&u->list[attempt], &u->questions[0].link, sizeof(*q),
		(int32_t)(q - u->questions));
}

void upstream_postpone(struct upstream *u, struct upstream_question *q, int64_t now)
{
	if (q->attempt >= ATTEMPTS - 2)
		return;
	unlist(u, q);
	enlist(u, q, ATTEMPTS - 2, now);
}

void upstream_next_attempt(struct upstream *u, struct upstream_question *q, int64_t now)
{
	int next = q->attempt + 1;

	unlist(u, q);
	enlist(u, q, next, now);
}

void upstream_tcp_close(struct upstream *u, struct upstream_question *q)
{
	if (q->tcp == NONE)
		return;
	close(u->tcp[q->tcp].fd);
	u->tcp[q->tcp].fd = -1;
	q->tcp = NONE;
}

void upstream_withdraw(struct upstream *u, struct upstream_question *q, int which)
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

void upstream_release(struct upstream *u, struct upstream_question *q)
{
	unlist(u, q);
	q->link.next = u->free;
	u->free = (int)(q - u->questions);
	u->room++;
}

void upstream_finish(struct upstream *u, struct upstream_question *q, enum dns_outcome outcome,
	const struct dns_answer *answer, enum resolver_reason reason)
{
	int tag = q->tag, current = q->current;
	uint16_t type = q->type;
	bool probe = q->probe;

	for (int i = 0; i < LIMIT_UPSTREAMS; i++)
		if (q->sent[i].live)
			upstream_withdraw(u, q, i);
	upstream_tcp_close(u, q);
	upstream_release(u, q);
	if (probe)
		u->servers[current].probed = false;
	else
		u->config.answered(u->config.context, tag, type, outcome, answer, reason);
}

void upstream_finish_held(struct upstream *u, struct upstream_question *q)
{
	const struct dns_answer none = {.ttl = q->held_ttl};

	upstream_finish(u, q, (enum dns_outcome)q->held_outcome, &none, REASON_NONE);
}

struct upstream_question *upstream_slot(
	struct upstream *u, const char *name, uint16_t type, int tag, int64_t now)
{
	struct upstream_question *q;

	if (u->room == 0)
		return NULL;
	if (u->free != NONE) {
		q = &u->questions[u->free];
		u->free = q->link.next;
	} else {
		q = &u->questions[u->fresh++];
	}
	u->room--;
	memset(q, 0, sizeof(*q));
	q->name = name;
	q->type = type;
	q->tag = tag;
	q->last = ATTEMPTS;
	q->reason = REASON_TIMEOUT;
	q->tcp = NONE;
	enlist(u, q, 0, now);
	return q;
}
