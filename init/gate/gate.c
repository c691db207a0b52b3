/*
 * The gate's process: how it is born, what it holds, and its loop.
 *
 * System calls after the filter is in: epoll_wait/epoll_pwait, epoll_ctl, accept4, getsockname,
 * recvfrom, sendto, splice, write (to its own pipes), pipe2, fcntl (their size), socket
 * (AF_INET and AF_INET6), bind, connect, getsockopt, setsockopt, shutdown, close, madvise,
 * nanosleep or clock_nanosleep, as the C library has it, clock_gettime (where there is no
 * vDSO), exit_group. All memory is had before.
 */
#include "connection.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/random.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

#include "../clock.h"
#include "../proc/confined.h"

/* Events taken at one time. */
#define EVENTS 128
/* Descriptors that aren't connections' or pipes': sockets, epoll, attempts under way. */
#define SPARE_DESCRIPTORS 96
/* A nap after a round with fewer octets than this. */
#define NAP_NS    (150 * 1000)
#define NAP_BELOW (128 * 1024)

struct gate_counters *gate_counters_new(void)
{
	void *page = mmap(NULL, sizeof(struct gate_counters), PROT_READ | PROT_WRITE,
		MAP_SHARED | MAP_ANONYMOUS, -1, 0);

	return page == MAP_FAILED ? NULL : page;
}

int gate_add(struct gate *g, int fd, uint32_t events, uint64_t data)
{
	struct epoll_event e = {.events = events, .data.u64 = data};

	return epoll_ctl(g->epoll, EPOLL_CTL_ADD, fd, &e);
}

/* ---- The loop ---------------------------------------------------------------------------- */

void gate_work(struct gate *g, struct connection *c)
{
	switch ((enum phase)c->phase) {
	case PHASE_HEAD:
		client_read(g, c);
		break;
	case PHASE_PROXY:
	case PHASE_FLIGHT:
	case PHASE_SECOND:
	case PHASE_HTTP:
	case PHASE_UPGRADE:
		flight_work(g, c);
		break;
	case PHASE_RAW:
		relay_work(g, c);
		break;
	case PHASE_LAST:
		refuse_wait(g, c);
		break;
	case PHASE_FREE:
	case PHASE_NAME: /* names.c and connect.c go on by themselves */
	case PHASE_CONNECT:
		break;
	}
}

static void note(struct side *s, uint32_t events)
{
	if (events & (EPOLLIN | EPOLLRDHUP | EPOLLHUP | EPOLLERR))
		s->readable = true;
	if (events & (EPOLLOUT | EPOLLHUP | EPOLLERR))
		s->writable = true;
	if (events & (EPOLLRDHUP | EPOLLHUP | EPOLLERR))
		s->hung_up = true;
}

static void side_ready(struct gate *g, uint64_t data, uint32_t events)
{
	struct connection *c = table_of(g, (int32_t)(uint32_t)data);
	unsigned attempt = data >> 48 & 0xff;

	/* Its end may have been among the events before this one. */
	if (c->phase == PHASE_FREE || c->generation != (uint16_t)(data >> 32))
		return;
	if (data >> 56 == EVENT_CLIENT) {
		note(&c->client, events);
		/* A client that is gone, and not just done with sending, waits for nothing. */
		if ((c->phase == PHASE_NAME || c->phase == PHASE_CONNECT) &&
			events & (EPOLLHUP | EPOLLERR)) {
			table_end(g, c, true);
			return;
		}
	} else if (c->phase == PHASE_CONNECT) {
		connect_ready(g, c, attempt, events);
		return;
	} else if (attempt == c->attempt) {
		note(&c->server, events);
	}
	gate_work(g, c);
}

static void ready(struct gate *g, const struct epoll_event *e)
{
	switch ((enum gate_event)(e->data.u64 >> 56)) {
	case EVENT_LISTEN:
		listen_ready(g, (uint32_t)e->data.u64);
		break;
	case EVENT_CHANNEL:
		report_ready(g);
		break;
	case EVENT_NAMES:
		names_ready(g);
		break;
	case EVENT_CLIENT:
	case EVENT_SERVER:
		side_ready(g, e->data.u64, e->events);
		break;
	}
}

/* Those that have taken too long. Returns when the next will have. */
static int64_t expire(struct gate *g)
{
	while (g->oldest != NONE && g->connections[g->oldest].deadline <= g->now) {
		struct connection *c = &g->connections[g->oldest];

		if (c->phase == PHASE_LAST)
			table_end(g, c, false);
		else if (c->phase == PHASE_NAME || c->phase == PHASE_CONNECT)
			refuse_client(g, c,
				c->phase == PHASE_NAME ? GATE_UNRESOLVED : GATE_UNREACHABLE);
		else if (c->phase == PHASE_PROXY)
			refuse_client(g, c, GATE_PROXY);
		else
			refuse_slow(g, c);
	}
	return g->oldest == NONE ? INT64_MAX : g->connections[g->oldest].deadline;
}

static int timeout(struct gate *g)
{
	const int64_t next[] = {expire(g), connect_tick(g), names_tick(g), report_tick(g)};
	int64_t first = INT64_MAX;

	for (size_t i = 0; i < sizeof(next) / sizeof(next[0]); i++)
		if (next[i] < first)
			first = next[i];
	if (g->again_first != NONE)
		return 0;
	if (first == INT64_MAX)
		return -1;
	return first <= g->now ? 0 : (int)(first - g->now);
}

static void work_again(struct gate *g)
{
	int32_t number = g->again_first;

	/* Who queues up meanwhile has its turn in the next round. */
	g->again_first = g->again_last = NONE;
	while (number != NONE) {
		struct connection *c = &g->connections[number];

		number = c->next;
		c->queued = false;
		gate_work(g, c);
	}
}

/*
 * Bytes that come in many small pieces (the records of a TLS download) would wake us for each,
 * and the client as often: then more of the machine goes into waking than into moving. So
 * after a round that moved some, but not many, they may gather for the time in which a fast
 * line brings a good deal. What is said to and fro in short messages never gets here.
 */
static void nap(struct gate *g)
{
	const struct timespec moment = {.tv_nsec = NAP_NS};

	if (g->spliced > 0 && g->spliced < NAP_BELOW && g->again_first == NONE)
		nanosleep(&moment, NULL);
	g->spliced = 0;
}

static void serve(void *prepared)
{
	struct epoll_event events[EVENTS];
	struct gate *g = prepared;

	report_serving(g);
	for (;;) {
		int n = epoll_wait(g->epoll, events, EVENTS, timeout(g));

		if (n < 0 && errno != EINTR)
			_exit(1);
		g->now = clock_ms();
		for (int i = 0; i < n; i++)
			ready(g, &events[i]);
		work_again(g);
		nap(g);
	}
}

/* ---- Birth ------------------------------------------------------------------------------- */

/* As many descriptors as the container lets us have. Returns how many connections they do for.
 */
static size_t raise_limit(void)
{
	struct rlimit limit;
	size_t most, others = SPARE_DESCRIPTORS;

	if (getrlimit(RLIMIT_NOFILE, &limit) < 0)
		return 0;
	limit.rlim_cur = limit.rlim_max;
	setrlimit(RLIMIT_NOFILE, &limit);
	if (getrlimit(RLIMIT_NOFILE, &limit) < 0 || limit.rlim_cur <= 2 * others)
		return 0;
	most = (size_t)limit.rlim_cur - others;
	/* A quarter for pipes, where there aren't enough for all. */
	if (most / 4 < 2 * LIMIT_GATE_PIPES)
		most -= most / 4;
	else
		most -= 2 * LIMIT_GATE_PIPES;
	return most / 2 < LIMIT_GATE_CONNECTIONS ? most / 2 : LIMIT_GATE_CONNECTIONS;
}

static int allocate(struct gate *g, int channel)
{
	g->epoll = epoll_create1(EPOLL_CLOEXEC);
	g->room = raise_limit();
	/* Untouched pages of these cost nothing. */
	g->connections = calloc(g->room, sizeof(*g->connections));
	g->hosts = calloc(g->room, sizeof(*g->hosts));
	g->desks = calloc(LIMIT_GATE_DESKS, sizeof(*g->desks));
	g->pipes = calloc(LIMIT_GATE_PIPES, sizeof(*g->pipes));
	g->scratch = malloc(GATE_SCRATCH);
	if (getrandom(&g->secret, sizeof(g->secret), 0) != sizeof(g->secret))
		return -1;
	if (g->epoll < 0 || g->room == 0 || !g->connections || !g->hosts || !g->desks ||
		!g->pipes || !g->scratch)
		return -1;
	g->free = g->oldest = g->newest = g->again_first = g->again_last = g->pipes_free = NONE;
	/* The first ones first, so that few pages are in use. */
	for (int32_t i = LIMIT_GATE_DESKS; i-- > 0;)
		g->desks_free[g->desks_left++] = i;
	g->now = clock_ms();
	atomic_store_explicit(&g->config->counters->flows, 0, memory_order_relaxed);
	return listen_init(g) < 0 || names_init(g) < 0 || report_init(g, channel) < 0 ? -1 : 0;
}

static void *prepare(void *context, int channel)
{
	struct gate *g = context;

	/* nap() is short: without this, the kernel may double it. */
	prctl(PR_SET_TIMERSLACK, 1);
	return allocate(g, channel) < 0 ? NULL : g;
}

pid_t gate_start(const struct gate_config *c, int *channel, struct failure *f)
{
	const struct confined self = {.name = "codex-gate",
		.uid = UID_GATE,
		.filter = FILTER_GATE,
		.keep = {c->sockets.tcp4, c->sockets.tcp6},
		.keep_count = 2,
		.shared = c->policy->denials,
		.shared_size = sizeof(*c->policy->denials),
		.prepare = prepare,
		.serve = serve};
	struct gate g = {.config = c};

	return confined_start(&self, &g, channel, f);
}
