/*
 * The resolver's side of the protocol with PID 1. Pin requests and reports about the boot
 * are kept in a queue of names and never lost; events about refusals are counted if they
 * come too fast, so that a flood from the payload never fills the socket ahead of the pins.
 * One file, since both share that socket.
 */
#include "resolver_private.h"

#include <errno.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <unistd.h>

#define NONE (-1)

/* PID 1 is gone, or violated the protocol: nothing useful is left to do. */
static _Noreturn void end(int status)
{
	_exit(status);
}

static void watch_for(struct worker *w, uint32_t events)
{
	struct epoll_event e = {.events = events, .data.u64 = WORKER_DATA(KIND_CHANNEL, 0)};

	if (epoll_ctl(w->epoll, EPOLL_CTL_MOD, w->channel.fd, &e) < 0)
		end(1);
}

int channel_init(struct worker *w, int fd)
{
	struct epoll_event e = {.events = EPOLLIN, .data.u64 = WORKER_DATA(KIND_CHANNEL, 0)};
	struct channel *c = &w->channel;

	c->fd = fd;
	c->first = c->last = NONE;
	c->rate = c->used = (struct rate)RATE_INIT;
	return epoll_ctl(w->epoll, EPOLL_CTL_ADD, fd, &e);
}

/* Sends what is buffered. Returns false, and keeps it, if the socket is full. */
static bool send_out(struct worker *w)
{
	struct channel *c = &w->channel;
	size_t size = c->out_count * sizeof(*c->out);

	if (c->out_count == 0)
		return true;
	if (send(c->fd, c->out, size, MSG_NOSIGNAL | MSG_DONTWAIT) == (ssize_t)size) {
		c->out_count = 0;
		return true;
	}
	if (errno != EAGAIN && errno != ENOBUFS && errno != EINTR)
		end(errno == EPIPE || errno == ECONNRESET ? 0 : 1);
	return false;
}

/* Returns space for another message, zeroed except for its type; NULL if there is none. It
 * is sent by channel_flush() at the latest. */
static struct resolver_message *new_message(struct worker *w, uint32_t type)
{
	struct channel *c = &w->channel;
	struct resolver_message *m;

	if (c->out_count == RESOLVER_BATCH && !send_out(w))
		return NULL;
	m = &c->out[c->out_count++];
	memset(m, 0, sizeof(*m));
	m->type = type;
	return m;
}

static void set_name(struct resolver_message *m, const char *name)
{
	strncpy(m->name, name, sizeof(m->name) - 1);
}

static void set_address(struct resolver_address *a, enum cache_family family,
	const uint8_t *bytes, uint32_t ttl)
{
	a->family = family == FAMILY_4 ? 4 : 6;
	a->ttl = ttl;
	memcpy(a->bytes, bytes, cache_size(family));
}

/* ---- The queue of names -------------------------------------------------------------- */

void channel_queue(struct worker *w, int index)
{
	struct channel *c = &w->channel;
	struct cache_name *n = &w->cache.names[index];

	if (n->in_queue)
		return;
	n->in_queue = true;
	n->queued = NONE;
	if (c->last != NONE)
		w->cache.names[c->last].queued = index;
	else
		c->first = index;
	c->last = index;
}

/* True if an address of the name must be pinned. */
static bool has_pin(const struct cache_name *n)
{
	return n->record[FAMILY_4].work == WORK_PIN || n->record[FAMILY_6].work == WORK_PIN;
}

/* Requests the pins of a name in one message; IPv6 waits if both families don't fit. */
static bool send_pin(struct worker *w, int index)
{
	struct channel *c = &w->channel;
	struct cache_name *n = &w->cache.names[index];
	struct resolver_message *m;

	if (!has_pin(n))
		return true;
	m = new_message(w, RESOLVER_PIN);
	if (!m)
		return false;
	for (enum cache_family f = FAMILY_4; f < FAMILIES; f++) {
		struct cache_record *r = &n->record[f];

		n->pins_out[f] = 0;
		if (r->work != WORK_PIN || m->count + r->count > LIMIT_ANSWER_ADDRESSES)
			continue;
		for (unsigned i = 0; i < r->count; i++)
			set_address(&m->addresses[m->count++], f,
				cache_addresses(n, f) + i * cache_size(f), r->ttl);
		n->pins_out[f] = r->count;
		r->work = WORK_PINNING;
	}
	/* Index of the name and a counter: so a reply finds its name, and one to a request
	 * that isn't outstanding is detected. 0 means none. */
	c->sequence = (c->sequence + 1) & 0x7fff;
	n->sequence = m->sequence = (uint32_t)index | (c->sequence + 1) << 16;
	set_name(m, n->name);
	c->pins_out++;
	return true;
}

static enum resolver_reason reason_of(const struct cache_name *n)
{
	const struct cache_record *a = &n->record[FAMILY_4], *b = &n->record[FAMILY_6];

	if (a->result == CACHE_FAILED || a->result == CACHE_UNKNOWN)
		return a->reason;
	if (b->result == CACHE_FAILED || b->result == CACHE_UNKNOWN)
		return b->reason;
	return a->result == CACHE_NXDOMAIN ? REASON_NXDOMAIN : REASON_NO_ADDRESS;
}

static bool send_report(struct worker *w, struct cache_name *n)
{
	struct resolver_message *m = new_message(w, RESOLVER_UNRESOLVED);

	if (!m)
		return false;
	m->reason = reason_of(n);
	for (enum cache_family f = FAMILY_4; f < FAMILIES && m->count == 0; f++)
		if (m->reason == REASON_NOT_PUBLIC && n->record[f].reason == REASON_NOT_PUBLIC)
			set_address(&m->addresses[m->count++], f, cache_addresses(n, f), 0);
	set_name(m, n->name);
	n->report = false;
	return true;
}

/* Writes messages for the queued names. Returns false if there is no space. */
static bool empty_queue(struct worker *w)
{
	struct channel *c = &w->channel;

	while (c->first != NONE) {
		int index = c->first;
		struct cache_name *n = &w->cache.names[index];

		if (n->report && !send_report(w, n))
			return false;
		/* If a request is outstanding, its reply queues the name again. */
		if (!n->sequence) {
			if (c->pins_out == LIMIT_PINS_OUT)
				return true;
			if (!send_pin(w, index))
				return false;
		}
		c->first = n->queued;
		if (c->first == NONE)
			c->last = NONE;
		n->in_queue = false;
	}
	if (c->booted_due) {
		struct resolver_message *m = new_message(w, RESOLVER_BOOTED);

		if (!m)
			return false;
		m->count = c->booted_count;
		c->booted_due = false;
	}
	return true;
}

void channel_flush(struct worker *w)
{
	if ((!empty_queue(w) || !send_out(w)) && !w->channel.blocked) {
		watch_for(w, EPOLLIN | EPOLLOUT);
		w->channel.blocked = true;
	}
}

void channel_booted(struct worker *w, uint32_t count)
{
	w->channel.booted_due = true;
	w->channel.booted_count = count;
}

static void take(struct worker *w, const struct resolver_pinned *m)
{
	size_t index = m->sequence & 0xffff;
	struct cache_name *n;

	if (index >= w->cache.count)
		end(1);
	n = &w->cache.names[index];
	if (n->sequence == 0 || n->sequence != m->sequence)
		end(1);
	if (m->accepted >> (n->pins_out[FAMILY_4] + n->pins_out[FAMILY_6]))
		end(1);
	n->sequence = 0;
	w->channel.pins_out--;
	w->channel.pinned(w, (int)index, m->accepted);
}

/* ---- Rate-limited reports ------------------------------------------------------------ */

/* Limited per second, and none while pin requests wait for space. */
static bool may_report(struct worker *w)
{
	struct channel *c = &w->channel;

	return rate_left(&c->rate, w->now, LIMIT_REFUSED_PER_SECOND) && !c->blocked;
}

static bool report_refused(
	struct worker *w, const char *name, uint32_t reason, uint32_t count, uint32_t client)
{
	struct resolver_message *m = may_report(w) ? new_message(w, RESOLVER_REFUSED) : NULL;

	if (!m)
		return false;
	m->reason = reason;
	m->count = count;
	m->client = client;
	set_name(m, name);
	rate_use(&w->channel.rate);
	return true;
}

static void report_pending(struct worker *w, struct refused_held *h)
{
	if (h->count && !report_refused(w, h->name, h->reason, h->count, 0))
		w->channel.unreported += h->count;
	h->count = 0;
	h->name[0] = '\0';
}

void channel_refused(struct worker *w, const char *name, enum resolver_reason reason)
{
	struct channel *c = &w->channel;
	struct refused_held *h;
	uint32_t slot = 0;

	for (const char *p = name; *p; p++)
		slot = slot * 31 + (uint8_t)*p;
	h = &c->held[slot % LIMIT_REFUSED_HELD];
	rate_pend(&c->rate, w->now);
	if (h->name[0] && strcmp(h->name, name) == 0) {
		h->count++;
		return;
	}
	report_pending(w, h);
	strcpy(h->name, name);
	h->reason = reason;
	/* The first is reported at once, for whoever watches the events. */
	h->count = report_refused(w, name, reason, 1, w->client) ? 0 : 1;
}

void channel_target(struct worker *w, const struct dns_service *v)
{
	/* No rule can allow port 0. */
	struct resolver_message *m =
		v->port > 0 && may_report(w) ? new_message(w, RESOLVER_REFUSED) : NULL;

	if (!m)
		return;
	m->reason = REASON_TARGET;
	m->count = 1;
	m->port = v->port;
	m->client = w->client;
	set_name(m, v->target);
	rate_use(&w->channel.rate);
}

bool channel_used(struct worker *w, const char *name)
{
	struct channel *c = &w->channel;
	struct resolver_message *m = NULL;

	/* A ration of their own, so that no refusal goes unreported for them. */
	if (rate_left(&c->used, w->now, LIMIT_USED_PER_SECOND) && !c->blocked)
		m = new_message(w, RESOLVER_USED);
	if (!m)
		return false;
	m->client = w->client;
	set_name(m, name);
	rate_use(&c->used);
	return true;
}

void channel_dropped(struct worker *w, const char *name, enum resolver_reason reason,
	const struct address *address)
{
	struct resolver_message *m = may_report(w) ? new_message(w, RESOLVER_DROPPED) : NULL;

	if (!m)
		return;
	m->reason = reason;
	set_name(m, name);
	if (address) {
		m->count = 1;
		set_address(&m->addresses[0], address->family == 4 ? FAMILY_4 : FAMILY_6,
			address->bytes, 0);
	}
	rate_use(&w->channel.rate);
}

void channel_unsolicited(struct worker *w, bool guessed)
{
	struct channel *c = &w->channel;

	c->unsolicited += !guessed;
	c->guessed |= guessed;
	rate_pend(&c->rate, w->now);
}

static void report_unsolicited(struct worker *w)
{
	struct channel *c = &w->channel;
	struct resolver_message *m =
		c->unsolicited && may_report(w) ? new_message(w, RESOLVER_UNSOLICITED) : NULL;

	if (!m)
		return;
	m->count = c->unsolicited;
	m->reason = c->guessed ? REASON_GUESSED : REASON_NONE;
	c->unsolicited = 0;
	c->guessed = false;
	rate_use(&c->rate);
}

int64_t channel_tick(struct worker *w)
{
	struct channel *c = &w->channel;

	if (c->rate.due > w->now)
		return c->rate.due;
	for (int i = 0; i < LIMIT_REFUSED_HELD; i++)
		report_pending(w, &c->held[i]);
	if (c->unreported && report_refused(w, "", REASON_NONE, c->unreported, 0))
		c->unreported = 0;
	report_unsolicited(w);
	return rate_done(&c->rate, w->now, c->unreported || c->unsolicited);
}

/* PID 1 has shut down its half: send the remaining counts and exit. */
static void flush_at_exit(struct worker *w)
{
	struct channel *c = &w->channel;

	c->blocked = false;
	rate_close(&c->rate, w->now);
	channel_tick(w);
	send_out(w);
}

/* Reads one datagram, which is usually all; epoll reports further ones again. */
void channel_ready(struct worker *w, uint32_t events)
{
	union {
		struct resolver_pinned pinned[LIMIT_PINS_OUT];
		struct resolver_in_use in_use;
	} m;
	ssize_t n;

	if (events & EPOLLOUT && w->channel.blocked) {
		watch_for(w, EPOLLIN);
		w->channel.blocked = false;
	}
	n = recv(w->channel.fd, &m, sizeof(m), MSG_DONTWAIT | MSG_TRUNC);
	if (n < 0 && (errno == EAGAIN || errno == EINTR))
		return;
	if (n == 0)
		flush_at_exit(w);
	if (n == 0 || (n < 0 && errno == ECONNRESET))
		end(0);
	if (n == sizeof(m.in_use)) {
		w->channel.in_use(w, &m.in_use);
		return;
	}
	if (n < 0 || (size_t)n > sizeof(m.pinned) || (size_t)n % sizeof(m.pinned[0]))
		end(1);
	for (size_t i = 0; i < (size_t)n / sizeof(m.pinned[0]); i++)
		take(w, &m.pinned[i]);
}
