/*
 * Messages to PID 1. The first refusal of a kind is sent at once; repetitions within a
 * second are counted and sent together, and so are those beyond the rate limit. So a flood
 * from the payload doesn't become a flood for PID 1, and none is lost.
 */
#include "connection.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

#include "../lib/rate.h"

struct refusal_report {
	int fd;
	struct rate rate;
	uint32_t unreported[2]; /* refusals reported neither individually nor by name: TLS, HTTP
				 */
	struct gate_message pending[LIMIT_GATE_HELD]; /* count: not reported yet */
};

int report_init(struct gate *g, int channel)
{
	g->report = calloc(1, sizeof(*g->report));
	if (!g->report)
		return -1;
	g->report->fd = channel;
	g->report->rate = (struct rate)RATE_INIT;
	return table_watch(g, channel, EPOLLIN, EVENT_DATA(EVENT_CHANNEL, 0, 0, 0));
}

bool report_message(struct gate *g, const struct gate_message *m)
{
	if (send(g->report->fd, m, sizeof(*m), MSG_DONTWAIT | MSG_NOSIGNAL) == sizeof(*m))
		return true;
	if (errno != EAGAIN && errno != ENOBUFS && errno != EINTR)
		_exit(errno == EPIPE || errno == ECONNRESET ? 0 : 1);
	return false;
}

static bool send_message(struct gate *g, const struct gate_message *m)
{
	struct refusal_report *r = g->report;

	if (!rate_left(&r->rate, g->now, LIMIT_GATE_PER_SECOND) || !report_message(g, m))
		return false;
	rate_use(&r->rate);
	return true;
}

void report_serving(struct gate *g)
{
	const struct gate_message m = {.type = GATE_READY};
	const struct timespec moment = {.tv_nsec = 1000000};

	/* Exempt from the rate limit. PID 1 waits for it and reads what precedes it. */
	g->report->rate.used = 0;
	while (!send_message(g, &m))
		nanosleep(&moment, NULL);
}

static bool same(const struct gate_message *a, const struct gate_message *b)
{
	return a->type == b->type && a->reason == b->reason && a->port == b->port &&
	       a->family == b->family &&
	       memcmp(a->address, b->address, sizeof(a->address)) == 0 &&
	       strcmp(a->name, b->name) == 0 && strcmp(a->said, b->said) == 0;
}

static void report_pending(struct gate *g, struct gate_message *h)
{
	if (h->count && !send_message(g, h))
		g->report->unreported[h->type == GATE_REFUSED_HTTP] += h->count;
	memset(h, 0, sizeof(*h));
}

void report_refused(
	struct gate *g, const struct connection *c, const char *name, enum gate_reason reason)
{
	struct gate_message m = {.type = c->tls ? GATE_REFUSED_TLS : GATE_REFUSED_HTTP,
		.reason = reason,
		.count = 1,
		.port = c->port,
		.client = c->client_port,
		.client_to = c->orig_dst_port,
		.family = c->orig_dst.family};
	const struct inspect_buffer *d = table_buffer(g, c);
	struct refusal_report *r = g->report;
	struct gate_message *h;
	uint32_t slot = reason;

	if (reason == GATE_UNRESOLVED || reason == GATE_UNREACHABLE || reason == GATE_PROXY)
		m.type = GATE_UNREACHED;
	else
		atomic_fetch_add_explicit(
			&g->config->counters->refused, 1, memory_order_relaxed);
	memcpy(m.address, c->orig_dst.bytes, sizeof(m.address));
	strncpy(m.name, name, sizeof(m.name) - 1);
	if (reason == GATE_PROXY && d)
		memcpy(m.said, d->said, sizeof(m.said));
	for (const char *p = name; *p; p++)
		slot = slot * 31 + (uint8_t)*p;
	for (size_t i = 0; i < sizeof(m.address); i++)
		slot = slot * 31 + m.address[i];
	h = &r->pending[slot % LIMIT_GATE_HELD];
	rate_pend(&r->rate, g->now);
	if (h->type && same(h, &m)) {
		h->count++;
		return;
	}
	report_pending(g, h);
	*h = m;
	/* What is counted from now on may be another client's. */
	h->client = h->client_to = 0;
	if (send_message(g, &m))
		h->count = 0;
}

int64_t report_tick(struct gate *g)
{
	struct refusal_report *r = g->report;

	if (r->rate.due > g->now)
		return r->rate.due;
	for (int i = 0; i < LIMIT_GATE_HELD; i++)
		report_pending(g, &r->pending[i]);
	for (uint32_t i = 0; i < 2; i++) {
		struct gate_message m = {.type = i ? GATE_REFUSED_HTTP : GATE_REFUSED_TLS,
			.reason = GATE_NOT_ALLOWED,
			.count = r->unreported[i]};

		if (m.count && send_message(g, &m))
			r->unreported[i] = 0;
	}
	return rate_done(&r->rate, g->now, r->unreported[0] || r->unreported[1]);
}

/* If nothing can be read, PID 1 is gone or has closed its half and wants the last counts. */
enum gate_notice report_ready(struct gate *g)
{
	struct refusal_report *r = g->report;
	uint8_t octet;

	if (recv(r->fd, &octet, 1, MSG_DONTWAIT) > 0)
		return octet == GATE_NOTICE_LOOK ? GATE_NOTICE_LOOK : GATE_NOTICE_DENIED;
	rate_close(&r->rate, g->now);
	report_tick(g);
	_exit(0);
}
