/*
 * The resolver process: setup, and its loop.
 *
 * System calls after the filter is installed: epoll_wait/epoll_pwait, epoll_ctl, recvfrom,
 * recvmmsg, sendto, sendmmsg, socket (AF_INET and AF_INET6, STREAM and DGRAM), bind (to
 * ports of our own, upstream_send.c), connect, accept4, close, getrandom, clock_gettime
 * (without a vDSO), exit_group. All memory is allocated before.
 */
#include "resolver_private.h"

#include <errno.h>
#include <netinet/in.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/random.h>
#include <sys/socket.h>
#include <unistd.h>

#include "../lib/clock.h"
#include "../lib/worker.h"

/* Events handled per epoll_wait(). */
#define EVENTS 64

/* ---- Listening ----------------------------------------------------------------------- */

void resolver_unlisten(struct resolver_sockets *s)
{
	int *fds[] = {&s->udp4, &s->tcp4, &s->udp6, &s->tcp6};

	for (int i = 0; i < 4; i++) {
		if (*fds[i] >= 0)
			close(*fds[i]);
		*fds[i] = -1;
	}
}

/* FORCE works unless the container has its own user namespace; the other is capped by
 * net.core.rmem_max, which is acceptable. */
static void widen(int fd)
{
	const int size = LIMIT_CLIENT_QUEUE;

	if (setsockopt(fd, SOL_SOCKET, SO_RCVBUFFORCE, &size, sizeof(size)) < 0)
		setsockopt(fd, SOL_SOCKET, SO_RCVBUF, &size, sizeof(size));
}

/* Returns 1 if all are bound, 0 if the port is taken for one of them, -1 on failure. */
static int bind_all(struct resolver_sockets *s)
{
	s->udp4 = worker_bind(AF_INET, SOCK_DGRAM, 0);
	if (s->udp4 < 0)
		return -1;
	widen(s->udp4);
	s->port = worker_port(s->udp4);
	s->tcp4 = worker_bind(AF_INET, SOCK_STREAM, s->port);
	if (s->tcp4 < 0)
		return errno == EADDRINUSE ? 0 : -1;
	s->udp6 = worker_bind(AF_INET6, SOCK_DGRAM, s->port);
	if (s->udp6 < 0)
		return worker_no_ipv6() ? 1 : errno == EADDRINUSE ? 0 : -1;
	widen(s->udp6);
	s->tcp6 = worker_bind(AF_INET6, SOCK_STREAM, s->port);
	if (s->tcp6 < 0)
		return errno == EADDRINUSE ? 0 : -1;
	return 1;
}

int resolver_listen(struct resolver_sockets *out, struct failure *f)
{
	*out = (struct resolver_sockets){-1, -1, -1, -1, 0};
	for (int i = 0; i < WORKER_PORT_TRIES; i++) {
		int bound = bind_all(out);

		if (bound > 0)
			return 0;
		if (bound < 0)
			fail_errno(f, "listen for DNS", "127.0.0.1 and ::1");
		resolver_unlisten(out);
		if (bound < 0)
			return -1;
	}
	return fail(
		f, "listen for DNS", "127.0.0.1 and ::1", "no port is free for UDP and TCP");
}

int resolver_listen_inward(struct resolver_sockets *out, struct failure *f)
{
	*out = (struct resolver_sockets){-1, -1, -1, -1, 0};
	out->udp4 = worker_bind(AF_INET, SOCK_DGRAM, 0);
	if (out->udp4 < 0)
		return fail_errno(f, "listen for DNS", "127.0.0.1");
	widen(out->udp4);
	out->port = worker_port(out->udp4);
	out->tcp4 = worker_bind(AF_INET, SOCK_STREAM, RESOLVCONF_PORT);
	return 0;
}

size_t resolver_rations(const struct policy *p)
{
	return policy_rules_most(p) + p->names_count;
}

/* ---- Callers of an upstream ---------------------------------------------------------- */

/* Tags from SERVICE_TAG on are services; others are indexes in the cache. */
static bool may_ask(void *context, int tag)
{
	return tag >= SERVICE_TAG ? service_may_ask(context, tag - SERVICE_TAG)
				  : lookup_may_ask(context, tag);
}

static int known(void *context, const char **name)
{
	return lookup_known(context, name);
}

static void answered(void *context, int tag, uint16_t type, enum dns_outcome outcome,
	const struct dns_answer *answer, enum resolver_reason reason)
{
	if (tag >= SERVICE_TAG)
		service_answered(context, tag - SERVICE_TAG, outcome, answer, reason);
	else
		lookup_answered(context, tag, type, outcome, answer, reason);
}

static void malformed(void *context, int tag)
{
	struct worker *w = context;

	if (tag < 0)
		channel_unsolicited(w, tag == UPSTREAM_GUESSED);
	else
		channel_dropped(w,
			tag >= SERVICE_TAG ? service_name(w, tag - SERVICE_TAG)
					   : w->cache.names[tag].name,
			REASON_MALFORMED, NULL);
}

static int open_upstreams(struct worker *w)
{
	struct upstream_config u = {
		.endpoints = w->config->conf.upstreams,
		.count = w->config->conf.upstreams_count,
		.epoll = w->epoll,
		.data = WORKER_DATA(KIND_UPSTREAM, 0),
		.may_ask = may_ask,
		.known = known,
		.answered = answered,
		.malformed = malformed,
		.context = w,
	};

	w->upstream = upstream_new(&u);
	return w->upstream ? 0 : -1;
}

/* ---- The worker ---------------------------------------------------------------------- */

static int allocate(struct worker *w, int channel)
{
	const struct resolver_config *c = w->config;
	size_t fixed = c->policy->names_count + c->hosts_count;
	bool dynamic = c->audit || c->policy->overlay;
	uint32_t seed;

	for (size_t i = 0; i < c->policy->count; i++)
		dynamic |= c->policy->rules[i].kind == RULE_WILDCARD;
	w->epoll = epoll_create1(EPOLL_CLOEXEC);
	if (w->epoll < 0 || getrandom(&seed, sizeof(seed), 0) != sizeof(seed))
		return -1;
	w->now = clock_ms();
	if (cache_init(&w->cache, fixed, dynamic, seed) < 0 || channel_init(w, channel) < 0)
		return -1;
	if (client_init(w) < 0 || service_init(w) < 0)
		return -1;
	w->channel.pinned = lookup_pinned;
	w->channel.in_use = admit_in_use;
	w->lookup.settled = client_wake;
	return open_upstreams(w) < 0 ? -1 : lookup_init(w, w->boot);
}

static int timeout(const struct worker *w, int64_t next)
{
	if (next == INT64_MAX)
		return -1;
	return next <= w->now ? 0 : (int)(next - w->now);
}

static int64_t sooner(int64_t a, int64_t b)
{
	return a < b ? a : b;
}

static int64_t tick(struct worker *w)
{
	int64_t next;

	upstream_tick(w->upstream, w->now);
	next = lookup_boot_tick(w);
	next = sooner(next, lookup_tick(w));
	/* Again, for the timers of queries just sent. */
	next = sooner(next, upstream_tick(w->upstream, w->now));
	next = sooner(next, client_tick(w));
	next = sooner(next, channel_tick(w));
	/* Last, so that what the others have queued is sent now. */
	upstream_flush(w->upstream);
	channel_flush(w);
	client_flush(w);
	return next;
}

static void serve(void *prepared)
{
	struct worker *w = prepared;
	struct epoll_event events[EVENTS];

	for (;;) {
		int n = epoll_wait(w->epoll, events, EVENTS, timeout(w, tick(w)));

		if (n < 0 && errno != EINTR)
			_exit(1);
		w->now = clock_ms();
		for (int i = 0; i < n; i++) {
			uint64_t data = events[i].data.u64;

			if (WORKER_KIND(data) == KIND_CHANNEL)
				channel_ready(w, events[i].events);
			else if (WORKER_KIND(data) == KIND_UPSTREAM)
				upstream_ready(w->upstream, WORKER_NUMBER(data),
					events[i].events, w->now);
			else
				client_ready(w, data, events[i].events);
		}
	}
}

static void *prepare(void *context, int channel)
{
	struct worker *w = context;

	return allocate(w, channel) < 0 ? NULL : w;
}

pid_t resolver_start(
	const struct resolver_config *c, bool boot, int *channel, struct failure *f)
{
	const struct resolver_sockets *s = &c->sockets;
	const struct worker_config self = {.name = "codex-resolver",
		.uid = UID_RESOLVER,
		.filter = FILTER_RESOLVER,
		.keep = {s->udp4, s->tcp4, s->udp6, s->tcp6},
		.keep_count = 4,
		.shared = c->policy->overlay,
		.shared_size = sizeof(*c->policy->overlay),
		.prepare = prepare,
		.serve = serve};
	/* It allocates everything else itself, in its own memory. */
	struct worker w = {.config = c, .boot = boot};

	return worker_start(&self, &w, channel, f);
}
