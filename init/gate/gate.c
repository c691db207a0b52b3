/*
 * The gate process: setup, state, and the loop.
 *
 * System calls after the filter is installed: epoll_wait/epoll_pwait, epoll_ctl, accept4,
 * getsockname, recvfrom, sendto, splice, write (to its own pipes), pipe2, fcntl (size of
 * pipes), socket (AF_INET and AF_INET6), bind, connect, getsockopt, setsockopt, shutdown,
 * close, madvise, nanosleep or clock_nanosleep, depending on the C library, clock_gettime
 * (without a vDSO), exit_group. All memory is allocated before.
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

#include "../lib/clock.h"
#include "../lib/worker.h"

/* Events handled per epoll_wait(). */
#define EVENTS 128
/* Descriptors other than connections and pipes: sockets, epoll, pending attempts. */
#define SPARE_DESCRIPTORS 96
/* Sleep after a round that moved fewer octets than this. */
#define COALESCE_NS    (150 * 1000)
#define COALESCE_BELOW (128 * 1024)

struct gate_counters *gate_counters_new(void)
{
	void *page = mmap(NULL, sizeof(struct gate_counters), PROT_READ | PROT_WRITE,
		MAP_SHARED | MAP_ANONYMOUS, -1, 0);

	return page == MAP_FAILED ? NULL : page;
}

static void update_readiness(struct side *s, uint32_t events)
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

	/* An earlier event of this round may have closed it. */
	if (c->phase == PHASE_FREE || c->generation != (uint16_t)(data >> 32))
		return;
	if (data >> 56 == EVENT_CLIENT) {
		update_readiness(&c->client, events);
		/* If the client is gone, and hasn't just finished sending, nobody waits for
		 * the server. */
		if ((c->phase == PHASE_NAME || c->phase == PHASE_CONNECT ||
			    c->phase == PHASE_HELD) &&
			events & (EPOLLHUP | EPOLLERR)) {
			table_end(g, c, true);
			return;
		}
	} else if (c->phase == PHASE_CONNECT) {
		phases_perform(g, c, PHASE_CONNECT, connect_ready(g, c, attempt, events));
		return;
	} else if (attempt == c->attempt) {
		update_readiness(&c->server, events);
	}
	phases_work(g, c);
}

/* With TCP_DEFER_ACCEPT there is data already, so it is read at once. (But not if inspect
 * buffers are short: a silent client must not displace another.) */
static void take(struct gate *g, uint32_t which)
{
	struct connection *c;

	if (!table_slot_left(g) && !phases_make_room(g, false)) {
		table_listen(g, false);
		return;
	}
	c = listen_take(g, which);
	/* Out of descriptors: close the oldest silent connection, or stop accepting. */
	if (!c && (errno == EMFILE || errno == ENFILE) && !phases_make_room(g, false))
		table_listen(g, false);
	if (!c || (g->buffers_left > 0 && !phases_work(g, c)))
		return;
	if (table_watch(g, c->client.fd, EPOLLIN | EPOLLOUT | EPOLLRDHUP | EPOLLET,
		    EVENT_DATA(EVENT_CLIENT, 0, c->generation, table_number(g, c))) < 0)
		table_end(g, c, true);
}

/* After less is allowed than before, applies the policy to every connection again. */
static void judge_again(struct gate *g)
{
	for (size_t i = 0; i < g->used && !g->config->audit; i++) {
		struct connection *c = &g->connections[i];

		if (denied_judge(g, c)) {
			/* After a refused request hosts[] has that request's name, which has
			 * been reported. */
			if (!c->refused)
				report_refused(g, c, denied_name(g, c), GATE_REVOKED);
			table_end(g, c, true);
		} else if (c->phase == PHASE_CONNECT) {
			/* The wall has the new rule by now, but hadn't when these attempts
			 * began. */
			table_close_attempts(table_buffer(g, c));
			table_buffer(g, c)->resolved = false;
			c->phase = PHASE_NAME;
			table_deadline(g, c, true);
			phases_work(g, c);
		}
	}
	report_serving(g);
}

/* The policy may have changed, or nobody watches any more. */
static void look_at_held(struct gate *g)
{
	struct connection *c;

	for (size_t at = 0; (c = held_next(g, &at));)
		phases_work(g, c);
}

static void ready(struct gate *g, const struct epoll_event *e)
{
	switch ((enum gate_event)(e->data.u64 >> 56)) {
	case EVENT_LISTEN:
		take(g, (uint32_t)e->data.u64);
		break;
	case EVENT_CHANNEL:
		if (report_ready(g) == GATE_NOTICE_DENIED)
			judge_again(g);
		look_at_held(g);
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

/* Handles expired deadlines. Returns the next one. */
static int64_t expire(struct gate *g)
{
	while (g->deadlines.first != NONE &&
		g->connections[g->deadlines.first].deadline <= g->now) {
		struct connection *c = &g->connections[g->deadlines.first];
		const enum phase from = c->phase;

		phases_perform(g, c, from, phases_timed_out(g, c));
	}
	return g->deadlines.first == NONE ? INT64_MAX
					  : g->connections[g->deadlines.first].deadline;
}

static int timeout(struct gate *g)
{
	const int64_t next[] = {
		expire(g), connect_tick(g), names_tick(g), held_tick(g), report_tick(g)};
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

	/* Those queued meanwhile are handled in the next round. */
	g->again_first = g->again_last = NONE;
	while (number != NONE) {
		struct connection *c = &g->connections[number];

		number = c->next;
		c->queued = false;
		phases_work(g, c);
	}
}

/*
 * Data that arrives in many small pieces (TLS records of a download) would wake us for each,
 * and the client as often, so more time would go into wake-ups than into moving data. So
 * after a round that moved some data, but not much, sleep as long as a fast link takes for a
 * substantial amount. Exchanges of short messages are copied, not spliced, and never get
 * here.
 */
static void coalesce(struct gate *g)
{
	const struct timespec moment = {.tv_nsec = COALESCE_NS};

	if (g->spliced > 0 && g->spliced < COALESCE_BELOW && g->again_first == NONE)
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
		coalesce(g);
	}
}

/* ---- Setup --------------------------------------------------------------------------- */

/* Raises RLIMIT_NOFILE as far as possible. Returns the number of connections it is enough
 * for. */
static size_t raise_limit(void)
{
	struct rlimit limit;
	size_t most, others = SPARE_DESCRIPTORS;

	if (prlimit(0, RLIMIT_NOFILE, NULL, &limit) < 0)
		return 0;
	limit.rlim_cur = limit.rlim_max;
	if (prlimit(0, RLIMIT_NOFILE, &limit, NULL) < 0 || limit.rlim_cur <= 2 * others)
		return 0;
	most = (size_t)limit.rlim_cur - others;
	/* A quarter for pipes, if there isn't enough for all. */
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
	g->buffers = calloc(LIMIT_GATE_BUFFERS, sizeof(*g->buffers));
	g->pipes = calloc(LIMIT_GATE_PIPES, sizeof(*g->pipes));
	g->scratch = malloc(GATE_SCRATCH);
	if (getrandom(&g->secret, sizeof(g->secret), 0) != sizeof(g->secret))
		return -1;
	if (g->epoll < 0 || g->room == 0 || !g->connections || !g->hosts || !g->buffers ||
		!g->pipes || !g->scratch)
		return -1;
	g->deadlines = (struct index_list)INDEX_LIST_EMPTY;
	g->free = g->again_first = g->again_last = g->pipes_free = NONE;
	/* The first ones first, so that few pages are in use. */
	for (int32_t i = LIMIT_GATE_BUFFERS; i-- > 0;) {
		g->buffers_free[g->buffers_left++] = i;
		g->waits_for[i] = NONE;
	}
	g->now = clock_ms();
	atomic_store_explicit(&g->config->counters->flows, 0, memory_order_relaxed);
	return listen_init(g) < 0 || names_init(g) < 0 || held_init(g) < 0 ||
			       report_init(g, channel) < 0
		       ? -1
		       : 0;
}

static void *prepare(void *context, int channel)
{
	struct gate *g = context;

	/* For coalesce(): the default timer slack could add a third to its sleep. */
	prctl(PR_SET_TIMERSLACK, 1);
	/* The resolver writes there, not we. */
	if (g->config->stand_ins &&
		mprotect(g->config->stand_ins, sizeof(*g->config->stand_ins), PROT_READ) < 0)
		return NULL;
	return allocate(g, channel) < 0 ? NULL : g;
}

pid_t gate_start(const struct gate_config *c, int *channel, struct failure *f)
{
	struct worker_config self = {.name = "codex-gate",
		.uid = UID_GATE,
		.filter = FILTER_GATE,
		.keep = {c->sockets.tcp4, c->sockets.tcp6, c->sockets.broker},
		.keep_count = 3,
		.shared = c->policy->overlay,
		.shared_size = sizeof(*c->policy->overlay),
		.prepare = prepare,
		.serve = serve};
	struct gate g = {.config = c};

	for (size_t i = 0; i < c->sockets.inward_count; i++)
		self.keep[self.keep_count++] = c->sockets.inward[i].fd;
	return worker_start(&self, &g, channel, f);
}
