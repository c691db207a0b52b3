/*
 * The gate's process: how it is born, what it holds, and its loop.
 *
 * System calls after the filter is in: epoll_wait/epoll_pwait, epoll_ctl, accept4, recvfrom,
 * sendto, splice, write (to its own pipes), pipe2, fcntl (their size), socket (AF_INET and
 * AF_INET6), connect, getsockopt, setsockopt, shutdown, close, madvise, nanosleep,
 * clock_gettime (where there is no vDSO), exit_group. All memory is had before.
 */
#include "connection.h"

#include <errno.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

#include "../dns/invented.h"
#include "../proc/confined.h"

/* Events taken at one time. */
#define EVENTS 128
/* Descriptors that aren't connections' or pipes': sockets, epoll, attempts under way. */
#define SPARE_DESCRIPTORS 96
/* <linux/netfilter_ipv4.h>, <linux/netfilter_ipv6/ip6_tables.h>: the address that a redirected
 * connection was made to. */
#define ORIGINAL_DST 80
/* Of a desk's buffer, what is kept in memory when it is free. */
#define DESK_KEPT 4096
/* Octets that a pipe may hold: what a fast connection has by its next turn. The kernel grants
 * one user 16,384 pages of them (pipe-user-pages-soft) and then gives out tiny ones; so only
 * the first pipes are large, and those are in use first. 32 times 256 pages and 480 times 16
 * are 15,872. */
#define PIPE_SIZE   (1024 * 1024)
#define PIPES_LARGE 32
/* A nap after a round with fewer octets than this. */
#define NAP_NS    (150 * 1000)
#define NAP_BELOW (128 * 1024)

/* ---- Listening --------------------------------------------------------------------------- */

int gate_listen(struct gate_sockets *out, struct failure *f)
{
	for (int i = 0; i < CONFINED_PORT_TRIES; i++) {
		*out = (struct gate_sockets){.tcp6 = -1};
		out->tcp4 = confined_bind(AF_INET, SOCK_STREAM, 0);
		if (out->tcp4 < 0)
			return fail_errno(f, "listen for the gate", "127.0.0.1");
		out->port = confined_port(out->tcp4);
		out->tcp6 = confined_bind(AF_INET6, SOCK_STREAM, out->port);
		if (out->tcp6 >= 0 || confined_no_ipv6())
			return 0;
		close(out->tcp4);
		if (errno != EADDRINUSE)
			return fail_errno(f, "listen for the gate", "::1");
	}
	return fail(f, "listen for the gate", "127.0.0.1 and ::1", "no port is free for both");
}

struct gate_counters *gate_counters_new(void)
{
	void *page = mmap(NULL, sizeof(struct gate_counters), PROT_READ | PROT_WRITE,
		MAP_SHARED | MAP_ANONYMOUS, -1, 0);

	return page == MAP_FAILED ? NULL : page;
}

/* ---- Desks and pipes --------------------------------------------------------------------- */

struct connection *gate_of(struct gate *g, int32_t number)
{
	return &g->connections[number];
}

int32_t gate_number(const struct gate *g, const struct connection *c)
{
	return (int32_t)(c - g->connections);
}

struct desk *gate_desk(struct gate *g, const struct connection *c)
{
	return c->desk == NONE ? NULL : &g->desks[c->desk];
}

/* Ends the one that has sat longest before a hello or head that isn't whole. */
static bool make_room(struct gate *g, bool with_desk)
{
	for (int32_t i = g->oldest; i != NONE; i = g->connections[i].newer) {
		struct connection *c = &g->connections[i];

		if (c->phase != PHASE_HEAD || (with_desk && c->desk == NONE))
			continue;
		report_refused(g, c, "", GATE_TOO_SLOW);
		gate_end(g, c, true);
		return true;
	}
	return false;
}

bool gate_sit(struct gate *g, struct connection *c)
{
	struct desk *d;

	if (c->desk != NONE)
		return true;
	if (g->desks_left == 0 && !make_room(g, true))
		return false;
	c->desk = g->desks_free[--g->desks_left];
	d = gate_desk(g, c);
	memset(d, 0, offsetof(struct desk, in));
	d->connection = gate_number(g, c);
	d->waits = d->entry = NONE;
	for (int i = 0; i < ATTEMPTS; i++)
		d->attempt[i] = -1;
	return true;
}

void gate_leave_desk(struct gate *g, struct connection *c)
{
	struct desk *d = gate_desk(g, c);

	if (!d)
		return;
	connect_close(d);
	names_forget(g, d);
	/* What a flood has filled goes back to the kernel. */
	if (d->got > DESK_KEPT) {
		uintptr_t from = ((uintptr_t)d->in + DESK_KEPT + 4095) & ~(uintptr_t)4095;
		uintptr_t to = ((uintptr_t)d->in + sizeof(d->in)) & ~(uintptr_t)4095;

		if (to > from)
			madvise((void *)from, to - from, MADV_DONTNEED);
	}
	g->desks_free[g->desks_left++] = c->desk;
	c->desk = NONE;
}

/* False: there is none, or only one that is too small to take what copying may leave over. */
static bool make_pipe(struct pipe *p, bool large)
{
	if (pipe2(p->fd, O_NONBLOCK | O_CLOEXEC) < 0)
		return false;
	if ((large && fcntl(p->fd[0], F_SETPIPE_SZ, PIPE_SIZE) >= 0) ||
		fcntl(p->fd[0], F_GETPIPE_SZ) >= GATE_COPY)
		return true;
	close(p->fd[0]);
	close(p->fd[1]);
	p->fd[0] = p->fd[1] = -1;
	return false;
}

bool gate_pipe_take(struct gate *g, struct way *w)
{
	int32_t i = g->pipes_free != NONE ? g->pipes_free : (int32_t)g->pipes_made;
	bool fresh = g->pipes_free == NONE;
	struct pipe *p = &g->pipes[i];

	if (w->pipe != NONE)
		return true;
	if ((fresh && i == LIMIT_GATE_PIPES) ||
		((fresh || p->fd[0] < 0) && !make_pipe(p, i < PIPES_LARGE)))
		return false;
	if (fresh)
		g->pipes_made++;
	else
		g->pipes_free = p->next;
	w->pipe = i;
	return true;
}

/* One that isn't empty is made anew when it is needed: nobody may get another's bytes. */
void gate_pipe_give(struct gate *g, struct way *w)
{
	struct pipe *p;

	if (w->pipe == NONE)
		return;
	p = &g->pipes[w->pipe];
	if (w->held) {
		close(p->fd[0]);
		close(p->fd[1]);
		p->fd[0] = p->fd[1] = -1;
	}
	p->next = g->pipes_free;
	g->pipes_free = w->pipe;
	w->pipe = NONE;
	w->held = 0;
}

/* ---- Connections ------------------------------------------------------------------------- */

static void unlink_deadline(struct gate *g, struct connection *c)
{
	if (c->deadline == INT64_MAX)
		return;
	if (c->older != NONE)
		g->connections[c->older].newer = c->newer;
	else
		g->oldest = c->newer;
	if (c->newer != NONE)
		g->connections[c->newer].older = c->older;
	else
		g->newest = c->older;
	c->deadline = INT64_MAX;
}

/* One patience for all: so the list is in the order of the deadlines. */
void gate_deadline(struct gate *g, struct connection *c, bool on)
{
	int32_t number = gate_number(g, c);

	unlink_deadline(g, c);
	if (!on)
		return;
	c->deadline = g->now + LIMIT_GATE_PATIENCE_MS;
	c->older = g->newest;
	c->newer = NONE;
	if (g->newest != NONE)
		g->connections[g->newest].newer = number;
	else
		g->oldest = number;
	g->newest = number;
}

int gate_add(struct gate *g, int fd, uint32_t events, uint64_t data)
{
	struct epoll_event e = {.events = events, .data.u64 = data};

	return epoll_ctl(g->epoll, EPOLL_CTL_ADD, fd, &e);
}

static void listen_for(struct gate *g, bool on)
{
	const int fds[] = {g->config->sockets.tcp4, g->config->sockets.tcp6};

	if (g->listening == on)
		return;
	g->listening = on;
	for (uint32_t i = 0; i < 2; i++) {
		struct epoll_event e = {.events = on ? EPOLLIN : 0,
			.data.u64 = EVENT_DATA(EVENT_LISTEN, 0, 0, i)};

		if (fds[i] >= 0 && epoll_ctl(g->epoll, EPOLL_CTL_MOD, fds[i], &e) < 0)
			_exit(1);
	}
}

static void close_side(struct side *s, bool reset)
{
	const struct linger now = {.l_onoff = 1};

	if (s->fd < 0)
		return;
	if (reset)
		setsockopt(s->fd, SOL_SOCKET, SO_LINGER, &now, sizeof(now));
	close(s->fd);
	s->fd = -1;
}

void gate_end(struct gate *g, struct connection *c, bool reset)
{
	if (c->phase == PHASE_FREE)
		return;
	gate_leave_desk(g, c);
	close_side(&c->client, reset);
	close_side(&c->server, reset);
	gate_pipe_give(g, &c->up);
	gate_pipe_give(g, &c->down);
	unlink_deadline(g, c);
	c->phase = PHASE_FREE;
	c->generation++;
	c->older = g->free;
	g->free = gate_number(g, c);
	atomic_fetch_sub_explicit(&g->config->counters->flows, 1, memory_order_relaxed);
	listen_for(g, true);
}

void gate_end_server(struct gate *g, struct connection *c)
{
	close_side(&c->server, true);
	gate_pipe_give(g, &c->up);
	gate_pipe_give(g, &c->down);
}

void gate_again(struct gate *g, struct connection *c)
{
	int32_t number = gate_number(g, c);

	if (c->queued)
		return;
	c->queued = true;
	c->next = NONE;
	if (g->again_last != NONE)
		g->connections[g->again_last].next = number;
	else
		g->again_first = number;
	g->again_last = number;
}

static bool slot_left(struct gate *g)
{
	return g->free != NONE || g->used < g->room || make_room(g, false);
}

static struct connection *new_connection(struct gate *g)
{
	struct connection *c;
	uint16_t generation;
	bool queued;
	int32_t next;

	if (g->free != NONE) {
		c = &g->connections[g->free];
		g->free = c->older;
	} else {
		c = &g->connections[g->used++];
	}
	/* It may stand in the list of those to be worked on again: it stays there. */
	generation = c->generation;
	queued = c->queued;
	next = c->next;
	*c = (struct connection){.phase = PHASE_HEAD,
		.generation = generation,
		.queued = queued,
		.next = next,
		.client.fd = -1,
		.server.fd = -1,
		.up.pipe = NONE,
		.down.pipe = NONE,
		.desk = NONE,
		.older = NONE,
		.newer = NONE,
		.deadline = INT64_MAX};
	return c;
}

/* Where the client wanted to go. A connection that was made to our own port has no such place:
 * its client takes us for a proxy, and has to say more. */
static void find_aim(struct connection *c, int family)
{
	union {
		struct sockaddr_in v4;
		struct sockaddr_in6 v6;
	} a;
	socklen_t len = sizeof(a);

	if (family == AF_INET &&
		getsockopt(c->client.fd, IPPROTO_IP, ORIGINAL_DST, &a, &len) == 0) {
		c->aim.family = 4;
		memcpy(c->aim.bytes, &a.v4.sin_addr, 4);
		c->aim_port = ntohs(a.v4.sin_port);
	} else if (family == AF_INET6 &&
		   getsockopt(c->client.fd, IPPROTO_IPV6, ORIGINAL_DST, &a, &len) == 0) {
		c->aim.family = 6;
		memcpy(c->aim.bytes, &a.v6.sin6_addr, 16);
		c->aim_port = ntohs(a.v6.sin6_port);
	}
	c->direct = c->aim.family == 0;
	c->port = c->aim_port;
}

static void take(struct gate *g, int fd, int family)
{
	struct gate_counters *counters = g->config->counters;
	struct connection *c = new_connection(g);
	size_t index;

	c->client.fd = fd;
	c->client.writable = true;
	find_aim(c, family);
	atomic_fetch_add_explicit(&counters->connections, 1, memory_order_relaxed);
	atomic_fetch_add_explicit(&counters->flows, 1, memory_order_relaxed);
	gate_deadline(g, c, true);
	if (gate_add(g, fd, EPOLLIN | EPOLLOUT | EPOLLRDHUP | EPOLLET,
		    EVENT_DATA(EVENT_CLIENT, 0, c->generation, gate_number(g, c))) < 0)
		gate_end(g, c, true);
	else if (g->config->proxy.port && c->aim_port != 443 && c->aim_port != 80 &&
		 invented_index(&c->aim, &index))
		client_named(g, c,
			index < g->config->policy->names_count
				? g->config->policy->names[index].name
				: "");
}

/* One at a time: while there are more, the socket stays ready. To ask for another in vain, as
 * would be done mostly, costs the kernel a socket and a file. */
static void accept_one(struct gate *g, uint32_t which)
{
	const struct gate_sockets *s = &g->config->sockets;

	int fd;

	if (!slot_left(g)) {
		listen_for(g, false);
		return;
	}
	fd = accept4(which ? s->tcp6 : s->tcp4, NULL, NULL, SOCK_NONBLOCK | SOCK_CLOEXEC);
	if (fd >= 0)
		take(g, fd, which ? AF_INET6 : AF_INET);
	/* Out of descriptors: the oldest that says nothing gives way, or all wait. */
	else if ((errno == EMFILE || errno == ENFILE) && !make_room(g, false))
		listen_for(g, false);
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
		client_last(g, c);
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
	struct connection *c = gate_of(g, (int32_t)(uint32_t)data);
	unsigned attempt = data >> 48 & 0xff;

	/* Its end may have been among the events before this one. */
	if (c->phase == PHASE_FREE || c->generation != (uint16_t)(data >> 32))
		return;
	if (data >> 56 == EVENT_CLIENT) {
		note(&c->client, events);
		/* A client that is gone, and not just done with sending, waits for nothing. */
		if ((c->phase == PHASE_NAME || c->phase == PHASE_CONNECT) &&
			events & (EPOLLHUP | EPOLLERR)) {
			gate_end(g, c, true);
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
		accept_one(g, (uint32_t)e->data.u64);
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

static int64_t now_ms(void)
{
	struct timespec t;

	clock_gettime(CLOCK_MONOTONIC, &t);
	return (int64_t)t.tv_sec * 1000 + t.tv_nsec / 1000000;
}

/* Those that have taken too long. Returns when the next will have. */
static int64_t expire(struct gate *g)
{
	while (g->oldest != NONE && g->connections[g->oldest].deadline <= g->now) {
		struct connection *c = &g->connections[g->oldest];

		if (c->phase == PHASE_LAST)
			gate_end(g, c, false);
		else if (c->phase == PHASE_NAME || c->phase == PHASE_CONNECT)
			client_refuse(g, c,
				c->phase == PHASE_NAME ? GATE_UNRESOLVED : GATE_UNREACHABLE);
		else if (c->phase == PHASE_PROXY)
			client_refuse(g, c, GATE_PROXY);
		else
			client_slow(g, c);
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
		g->now = now_ms();
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

/* What the sockets of clients inherit from the one that takes them. */
static void set_options(int fd)
{
	int on = 1;

	if (fd < 0)
		return;
	setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof(on));
	setsockopt(fd, SOL_SOCKET, SO_KEEPALIVE, &on, sizeof(on));
}

static int allocate(struct gate *g, int channel)
{
	const int fds[] = {g->config->sockets.tcp4, g->config->sockets.tcp6};

	g->epoll = epoll_create1(EPOLL_CLOEXEC);
	g->room = raise_limit();
	/* Untouched pages of these cost nothing. */
	g->connections = calloc(g->room, sizeof(*g->connections));
	g->hosts = calloc(g->room, sizeof(*g->hosts));
	g->desks = calloc(LIMIT_GATE_DESKS, sizeof(*g->desks));
	g->pipes = calloc(LIMIT_GATE_PIPES, sizeof(*g->pipes));
	g->scratch = malloc(GATE_SCRATCH);
	if (g->epoll < 0 || g->room == 0 || !g->connections || !g->hosts || !g->desks ||
		!g->pipes || !g->scratch)
		return -1;
	g->free = g->oldest = g->newest = g->again_first = g->again_last = g->pipes_free = NONE;
	/* The first ones first, so that few pages are in use. */
	for (int32_t i = LIMIT_GATE_DESKS; i-- > 0;)
		g->desks_free[g->desks_left++] = i;
	g->now = now_ms();
	for (uint32_t i = 0; i < 2; i++) {
		set_options(fds[i]);
		if (fds[i] >= 0 &&
			gate_add(g, fds[i], EPOLLIN, EVENT_DATA(EVENT_LISTEN, 0, 0, i)) < 0)
			return -1;
	}
	g->listening = true;
	atomic_store_explicit(&g->config->counters->flows, 0, memory_order_relaxed);
	return names_init(g) < 0 || report_init(g, channel) < 0 ? -1 : 0;
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
		.prepare = prepare,
		.serve = serve};
	struct gate g = {.config = c};

	return confined_start(&self, &g, channel, f);
}
