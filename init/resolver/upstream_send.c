/*
 * Sending queries: choice of socket, id and letter case, and batching. See upstream.h.
 */
#include "upstream_private.h"

#include <errno.h>
#include <netinet/in.h>
#include <stdio.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/random.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "../lib/worker.h"

static uint16_t random_number(struct upstream *u)
{
	uint16_t value;

	if (u->random_left < sizeof(value)) {
		/* Can't fail or be short: 256 octets, once the pool is initialised
		 * (random(7)). */
		while (getrandom(u->random, sizeof(u->random), 0) != sizeof(u->random))
			;
		u->random_left = sizeof(u->random);
	}
	u->random_left -= sizeof(value);
	memcpy(&value, u->random + u->random_left, sizeof(value));
	/* Wipe what was used, so that later access to our memory doesn't reveal earlier ids. */
	memset(u->random + u->random_left, 0, sizeof(value));
	return value;
}

const char *upstream_name(const struct upstream_question *q, char text[NAME_TEXT])
{
	if (!q->suffix)
		return q->name;
	snprintf(text, NAME_TEXT, "%s.%s", q->name,
		q->suffix); /* fits: checked in upstream_ask() */
	return text;
}

/* Ports tried if one is taken; then the kernel chooses. */
#define PORT_TRIES 8

/*
 * Until the wall redirects them, the payload's queries are addressed to the same servers:
 * with a port in its range, one of them could match our query, which would then come back to
 * us.
 */
static void bind_above(struct upstream *u, int fd, bool v4)
{
	for (int i = 0; i < PORT_TRIES; i++) {
		uint16_t port =
			htons((uint16_t)(WORKER_FIRST_PORT + random_number(u) % WORKER_PORTS));
		struct sockaddr_in any4 = {.sin_family = AF_INET, .sin_port = port};
		struct sockaddr_in6 any6 = {.sin6_family = AF_INET6, .sin6_port = port};

		if (bind(fd, v4 ? (void *)&any4 : (void *)&any6,
			    v4 ? sizeof(any4) : sizeof(any6)) == 0)
			return;
	}
}

int upstream_connect(struct upstream *u, int which, int type, unsigned number, uint32_t events)
{
	const struct endpoint *e = &u->config.endpoints[which];
	struct epoll_event event = {.events = events, .data.u64 = u->config.data + number};
	bool v4 = e->address.family == 4;
	union sockaddr_any a;
	socklen_t len = sockaddr_of(e, &a);
	int fd = socket(v4 ? AF_INET : AF_INET6, type | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);

	if (fd < 0)
		return -1;
	bind_above(u, fd, v4);
	if ((connect(fd, &a.any, len) < 0 && errno != EINPROGRESS) ||
		epoll_ctl(u->config.epoll, EPOLL_CTL_ADD, fd, &event) < 0) {
		close(fd);
		return -1;
	}
	return fd;
}

static void swap(struct iovec *a, struct iovec *b)
{
	const struct iovec was = *a;

	*a = *b;
	*b = was;
}

/*
 * Writes the headers for the queries from `first` on. Returns their number. Queries of equal
 * length form one message of several segments: they arrive as separate datagrams, but pass
 * routing and netfilter, which takes most of the time, only once. A name's A and AAAA are
 * such, and many of a burst.
 */
static unsigned write_headers(struct upstream *u, unsigned first)
{
	struct tx_batch *d = &u->tx_batch;
	unsigned count = 0;

	for (unsigned i = first, n; i < d->count; i += n) {
		uint16_t len = (uint16_t)d->part[i].iov_len;
		struct msghdr *h = &d->header[count].msg_hdr;

		n = 1;
		for (unsigned j = i + 1; !u->apart && j < d->count; j++)
			if (d->part[j].iov_len == len)
				swap(&d->part[j], &d->part[i + n++]);
		h->msg_iov = &d->part[i];
		h->msg_iovlen = n;
		h->msg_control = n > 1 ? &d->segment[count] : NULL;
		h->msg_controllen = n > 1 ? sizeof(d->segment[count]) : 0;
		memcpy(CMSG_DATA(&d->segment[count].header), &len, sizeof(len));
		count++;
	}
	return count;
}

void upstream_flush(struct upstream *u)
{
	struct tx_batch *d = &u->tx_batch;
	unsigned sent = 0;

	/*
	 * What can't be sent now counts as lost and is sent again in time. Several attempts,
	 * since the first may return an error pending on the socket, and show that segments
	 * can't be sent. By number, because musl's sendmmsg() calls sendmsg(2) for each.
	 */
	for (int tries = 0; sent < d->count && tries < 3; tries++) {
		long n = syscall(SYS_sendmmsg, d->fd, d->header, write_headers(u, sent),
			MSG_DONTWAIT | MSG_NOSIGNAL);

		for (long i = 0; i < n; i++)
			sent += (unsigned)d->header[i].msg_hdr.msg_iovlen;
		u->apart |= n < 0 && (errno == EIO || errno == EINVAL || errno == EMSGSIZE);
	}
	d->count = 0;
	for (int i = 0; i < LIMIT_UPSTREAMS; i++)
		u->slot[i] = NONE;
}

void upstream_close(struct pool_socket *s)
{
	if (s->fd >= 0)
		close(s->fd);
	s->fd = -1;
	s->opened++;
}

/*
 * A random socket of the pool for the queries that are sent together; opened if it isn't,
 * replaced if it is used up.
 */
static int choose_socket(struct upstream *u, int which)
{
	int slot = u->slot[which];
	struct pool_socket *s;

	if (slot == NONE)
		slot = random_number(u) % LIMIT_UPSTREAM_SOCKETS;
	s = &u->sockets[which][slot];
	if (s->fd >= 0 && s->uses >= LIMIT_UPSTREAM_USES && s->out == 0) {
		if (u->tx_batch.fd == s->fd)
			upstream_flush(u);
		upstream_close(s);
	}
	if (s->fd < 0) {
		s->fd = upstream_connect(u, which, SOCK_DGRAM,
			(unsigned)(which * LIMIT_UPSTREAM_SOCKETS + slot), EPOLLIN);
		s->uses = s->wrong = 0;
	}
	u->slot[which] = slot;
	return slot;
}

struct upstream_question *upstream_find(struct upstream *u, int which, int slot, uint16_t id)
{
	int at = u->buckets[id % BUCKETS];

	while (at != NONE) {
		struct upstream_question *q = &u->questions[at / LIMIT_UPSTREAMS];
		struct sent *s = &q->sent[at % LIMIT_UPSTREAMS];

		if (at % LIMIT_UPSTREAMS == which && s->slot == slot && s->id == id)
			return q;
		at = s->chain;
	}
	return NULL;
}

/* An id that no outstanding query of this socket has. */
static uint16_t free_id(struct upstream *u, int which, int slot)
{
	uint16_t id;

	do
		id = random_number(u);
	while (upstream_find(u, which, slot, id));
	return id;
}

static uint64_t random_spelling(struct upstream *u)
{
	uint64_t bits = 0;

	for (int i = 0; i < 4; i++)
		bits = bits << 16 | random_number(u);
	return bits;
}

bool upstream_may_send(struct upstream *u, struct upstream_question *q)
{
	if (u->config.may_ask(u->config.context, q->tag))
		return true;
	q->reason = REASON_LIMIT;
	return false;
}

void upstream_renew(struct upstream *u, struct sent *s, int which)
{
	s->id = free_id(u, which, s->slot);
	s->bits = u->servers[which].spelling == SPELLING_LOST ? 0 : random_spelling(u);
}

void upstream_send(struct upstream *u, struct upstream_question *q, int which)
{
	struct tx_batch *d = &u->tx_batch;
	const struct server *v = &u->servers[which];
	struct sent *s = &q->sent[which];
	char text[NAME_TEXT];
	size_t len;
	int fd;

	if (upstream_needs_tcp(s) || !upstream_may_send(u, q))
		return;
	if (d->count == TOGETHER) /* first, since it resets the choice of socket */
		upstream_flush(u);
	if (!s->live) {
		int index = (int)(q - u->questions) * LIMIT_UPSTREAMS + which;

		s->slot = (uint8_t)choose_socket(u, which);
		upstream_renew(u, s, which);
		s->live = true;
		s->chain = u->buckets[s->id % BUCKETS];
		u->buckets[s->id % BUCKETS] = index;
		u->sockets[which][s->slot].out++;
		u->sockets[which][s->slot].uses++;
	}
	/* Some servers don't answer EDNS at all: the second attempt is without unless the
	 * server has answered EDNS before, and the last ones are without in any case. */
	s->plain = v->plain || s->tries >= (v->edns ? 2 : 1);
	s->edns = !s->plain && (s->edns || s->tries == 0);
	s->tries += s->tries < UINT8_MAX;
	fd = u->sockets[which][s->slot].fd;
	if (fd < 0)
		return;
	if (d->count > 0 && d->fd != fd)
		upstream_flush(u);
	len = dns_write_query(s->id, upstream_name(q, text), q->type, !s->plain,
		d->packet[d->count], QUERY_BYTES);
	if (len == 0)
		return;
	dns_mix_case(d->packet[d->count], len, s->bits);
	d->fd = fd;
	d->part[d->count] = (struct iovec){d->packet[d->count], len};
	d->count++;
}
