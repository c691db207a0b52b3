/* The payload's queries: parsed, decided, answered at once or when the record is settled. */
#include "client.h"

#include <stdlib.h>
#include <string.h>

#include "../lib/fake_ip.h"
#include "../lib/worker.h"
#include <sys/epoll.h>
#include <sys/socket.h>

static void prepare(struct datagrams *l)
{
	for (int i = 0; i < DATAGRAMS; i++) {
		l->part[i] = (struct iovec){l->packet[i], sizeof(l->packet[i])};
		l->header[i].msg_hdr = (struct msghdr){.msg_name = &l->with[i].address,
			.msg_namelen = sizeof(l->with[i].address),
			.msg_iov = &l->part[i],
			.msg_iovlen = 1};
	}
}

int client_init(struct worker *w)
{
	const struct resolver_sockets *s = &w->config->sockets;
	const int fds[] = {s->udp4, s->udp6, s->tcp4, s->tcp6};

	w->clients = calloc(1, sizeof(*w->clients));
	if (!w->clients)
		return -1;
	w->clients->free = NONE;
	prepare(&w->clients->inbox);
	prepare(&w->clients->outbox);
	for (int i = 0; i < LIMIT_CLIENT_TCP; i++)
		w->clients->connections[i].fd = -1;
	for (int i = 0; i < 4; i++) {
		struct epoll_event e = {.events = EPOLLIN,
			.data.u64 =
				WORKER_DATA(i < 2 ? KIND_UDP : KIND_LISTEN, (unsigned)fds[i])};

		if (fds[i] >= 0 && epoll_ctl(w->epoll, EPOLL_CTL_ADD, fds[i], &e) < 0)
			return -1;
	}
	return 0;
}

/*
 * True if the name has addresses in the other family, or is blocked in this one. Then this
 * family is empty rather than an error: C libraries take NXDOMAIN for either as "no such
 * name", and musl waits half a minute on SERVFAIL for AAAA however good the A is.
 */
static bool answer_empty(const struct cache_name *n, enum cache_family family)
{
	const struct cache_record *other = &n->record[!family];

	if (other->result == CACHE_ADDRESSES)
		return true;
	if (family == FAMILY_4)
		return false;
	return n->record[family].result == CACHE_NXDOMAIN || other->result == CACHE_NXDOMAIN ||
	       (other->result == CACHE_FAILED && other->reason == REASON_NOT_PUBLIC);
}

_Static_assert(POLICY_WHY <= ADMIT_TEXT, "what the policy says of an address has room");

/* True if the refusal is our decision; text is then the reason. */
static bool explain_failure(const struct worker *w, struct cache_name *n,
	enum cache_family family, char text[ADMIT_TEXT])
{
	const enum resolver_reason reason = n->record[family].reason;
	struct address a = {.family = family == FAMILY_4 ? 4 : 6};
	struct verdict v;

	if (reason == REASON_LIMIT) {
		admit_explain_ration(w, n, text);
		return true;
	}
	if (reason != REASON_NOT_PUBLIC)
		return false;
	v = policy_check_name(w->config->policy, n->name);
	memcpy(a.bytes, cache_addresses(n, family), cache_size(family));
	policy_explain_address(&v, n->name, &a, text);
	return true;
}

/*
 * In the cell the payload can't connect to a name's real address: it gets the one at which
 * the gate accepts connections for that name, whatever families the name has.
 */
static bool reply_stand_in(struct worker *w, const struct origin *o,
	const struct dns_asked *asked, struct cache_name *n, enum cache_family family)
{
	const struct address a = fake_ip_address(FAKE_IP_CELL, (size_t)(n - w->cache.names));
	struct dns_reply m = {.type = family == FAMILY_4 ? DNS_A : DNS_AAAA,
		.addresses = a.bytes,
		.count = family == FAMILY_4,
		.ttl = CACHE_TTL_FLOOR,
		.ede = -1};
	bool known = false;

	if (o->fd >= 0 || !n->allowed)
		return false;
	for (enum cache_family f = FAMILY_4; f < FAMILIES; f++)
		if (n->record[f].result == CACHE_ADDRESSES) {
			lookup_used(w, n, f);
			known = true;
		}
	if (known)
		client_reply(w, o, asked, &m);
	return known;
}

/*
 * Nothing is asked upstream about a name that no rule decides. While somebody watches, it gets
 * an address at once, and its connection is held while that person is asked. Types that
 * browsers ask for besides (SVCB, HTTPS) are empty, as for every name.
 */
static bool answer_asked(struct worker *w, const struct dns_query *q, const struct origin *o)
{
	const enum fake_ip_range range = w->config->cell ? FAKE_IP_CELL : FAKE_IP_PROXY;
	struct dns_reply m = {.type = DNS_A, .ttl = CACHE_TTL_FLOOR, .ede = -1};
	struct address a;

	if (!q->plain || (q->type != DNS_A && q->type != DNS_AAAA && q->type != DNS_SVCB &&
				 q->type != DNS_HTTPS))
		return false;
	if (!admit_asks(w, q->name))
		return false;
	if (q->type == DNS_A) {
		a = fake_ip_address(range,
			FAKE_IP_ASKED + stand_ins_give(w->config->stand_ins, q->name, w->now));
		m.addresses = a.bytes;
		m.count = 1;
	}
	client_reply(w, o, &q->asked, &m);
	return true;
}

static void reply_record(struct worker *w, const struct origin *o,
	const struct dns_asked *asked, struct cache_name *n, enum cache_family family)
{
	const struct cache_record *r = &n->record[family];
	struct dns_reply m = {.type = family == FAMILY_4 ? DNS_A : DNS_AAAA,
		.addresses = cache_addresses(n, family),
		.ede = -1};
	int64_t left = (r->expires - w->now) / 1000;

	if (w->config->cell && reply_stand_in(w, o, asked, n, family))
		return;
	switch ((enum cache_result)r->result) {
	case CACHE_ADDRESSES:
		m.count = r->count;
		m.ttl = left < 1 ? 1 : left < (int64_t)r->ttl ? (uint32_t)left : r->ttl;
		m.ede = r->stale ? DNS_EDE_STALE : -1;
		lookup_used(w, n, family);
		break;
	case CACHE_EMPTY:
		break;
	case CACHE_NXDOMAIN:
		m.rcode = answer_empty(n, family) ? RCODE_NOERROR : RCODE_NXDOMAIN;
		break;
	case CACHE_UNKNOWN:
	case CACHE_FAILED:
		if (answer_empty(n, family))
			break;
		m.rcode = RCODE_SERVFAIL;
		if (explain_failure(w, n, family, w->clients->why)) {
			m.rcode = RCODE_NXDOMAIN;
			m.ede = DNS_EDE_BLOCKED;
			m.ede_text = w->clients->why;
		}
		break;
	}
	client_reply(w, o, asked, &m);
}

static void wait_for(struct worker *w, int index, enum cache_family family,
	const struct dns_query *q, const struct origin *o)
{
	struct cache_name *n = &w->cache.names[index];
	struct cache_record *r = &n->record[family];

	if (!client_wait(w, &r->waiters, q, o))
		return;
	lookup_resolve(w, index, family);
	if (family == FAMILY_6 && r->waiters >= 0)
		lookup_wait_for_aaaa(w, n);
}

void client_wake(struct worker *w, int index, enum cache_family family)
{
	struct cache_name *n = &w->cache.names[index];
	int at = n->record[family].waiters;
	struct waiter *x;

	n->record[family].waiters = NONE;
	while ((x = client_next(w, &at)))
		reply_record(w, &x->origin, &x->asked, n, family);
}

/* Names of addresses come from our own table. Failures aren't reported: no rule is about
 * them, and tools query them by the dozen. */
static void answer_reverse(struct worker *w, const struct dns_query *q, const struct origin *o)
{
	struct dns_reply r = {.type = DNS_PTR,
		.ttl = CACHE_TTL_FLOOR,
		.ede = -1,
		.pointer = reverse_find(w, q->name)};

	r.rcode = r.pointer ? RCODE_NOERROR : RCODE_NXDOMAIN;
	r.count = r.pointer && q->type == DNS_PTR;
	client_reply(w, o, &q->asked, &r);
}

/* The client's socket, for PID 1 to find out whose it is. A question of the gate's is asked for
 * somebody else. */
static uint32_t client_of(const struct origin *o)
{
	const uint16_t port = o->fd < 0 ? o->port : sockaddr_endpoint(&o->address).port;

	if (port >= WORKER_FIRST_PORT)
		return 0;
	return port | (o->fd < 0 ? RESOLVER_BY_TCP : 0);
}

static void question(
	struct worker *w, const uint8_t *packet, size_t len, const struct origin *o)
{
	struct dns_query *q = &w->clients->query;
	char *why = w->clients->why;
	enum cache_family family;
	bool lookup;
	int rcode = dns_read_query(packet, len, q), index;

	if (rcode < 0) {
		if (o->fd < 0)
			client_tcp_drop(w, o);
		return;
	}
	if (rcode != RCODE_NOERROR || q->class != DNS_CLASS_IN) {
		client_reply_code(
			w, o, &q->asked, rcode ? (enum dns_rcode)rcode : RCODE_REFUSED, NULL);
		return;
	}
	if (q->plain && reverse_zone(q->name)) {
		answer_reverse(w, q, o);
		return;
	}
	w->client = client_of(o);
	if (service_question(w, q, o) || (w->config->stand_ins && answer_asked(w, q, o)))
		return;
	lookup = q->type == DNS_A || q->type == DNS_AAAA;
	index = admit_name(w, q->name, q->plain, lookup, why);
	if (index < 0 && index != ADMIT_ABSENT) {
		/* PID 1 hears of it while the client has its socket; by UDP it does anyway. */
		if (o->fd < 0)
			channel_flush(w);
		client_reply_code(w, o, &q->asked, RCODE_NXDOMAIN, why);
		return;
	}
	/*
	 * Other types of an allowed name are empty, and no upstream sees the query: HTTPS
	 * and SVCB would enable ECH, which hides the name from the gate, and TXT and NULL
	 * carry data.
	 */
	if (!lookup) {
		client_reply_code(w, o, &q->asked, RCODE_NOERROR, NULL);
		return;
	}
	if (!w->cache.names[index].reported && !w->cache.names[index].open)
		w->cache.names[index].reported = channel_used(w, w->cache.names[index].name);
	family = q->type == DNS_A ? FAMILY_4 : FAMILY_6;
	if (cache_fresh(&w->cache.names[index].record[family], w->now) ||
		(family == FAMILY_6 && lookup_is_lame(w, &w->cache.names[index])))
		reply_record(w, o, &q->asked, &w->cache.names[index], family);
	else
		wait_for(w, index, family, q, o);
}

static void udp_ready(struct worker *w, int fd)
{
	struct datagrams *in = &w->clients->inbox;
	int n = recvmmsg(fd, in->header, DATAGRAMS, MSG_DONTWAIT, NULL);

	for (int i = 0; i < n; i++) {
		struct msghdr *header = &in->header[i].msg_hdr;

		in->with[i].fd = fd;
		in->with[i].len = header->msg_namelen;
		header->msg_namelen = sizeof(in->with[i].address);
		if (!(header->msg_flags & MSG_TRUNC))
			question(w, in->packet[i], in->header[i].msg_len, &in->with[i]);
	}
}

void client_ready(struct worker *w, uint64_t data, uint32_t events)
{
	switch ((enum source_kind)WORKER_KIND(data)) {
	case KIND_UDP:
		udp_ready(w, (int)WORKER_NUMBER(data));
		break;
	case KIND_LISTEN:
		client_tcp_accept(w, (int)WORKER_NUMBER(data));
		break;
	case KIND_TCP:
		client_tcp_ready(w, (int)WORKER_NUMBER(data), events, question);
		break;
	case KIND_CHANNEL:
	case KIND_UPSTREAM:
		break;
	}
}

int64_t client_tick(struct worker *w)
{
	return client_tcp_tick(w);
}
