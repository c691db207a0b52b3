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
#include <fcntl.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
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
#include "../dns/invented.h"
#include "../proc/confined.h"

/* Events taken at one time. */
#define EVENTS 128
/* Descriptors that aren't connections' or pipes': sockets, epoll, attempts under way. */
#define SPARE_DESCRIPTORS 96
/* <linux/netfilter_ipv4.h>, <linux/netfilter_ipv6/ip6_tables.h>: the address that a redirected
 * connection was made to. */
#define ORIGINAL_DST 80
/* A nap after a round with fewer octets than this. */
#define NAP_NS    (150 * 1000)
#define NAP_BELOW (128 * 1024)

/* ---- Listening --------------------------------------------------------------------------- */

/* The payload's own servers may have the web's ports while connections to the outside have
 * them, too, on this machine now: both sides have to say that they share. */
static bool make_transparent(int fd, int level, int option)
{
	int on = 1;

	return fd < 0 ||
	       (setsockopt(fd, level, option, &on, sizeof(on)) == 0 &&
		       setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &on, sizeof(on)) == 0);
}

int gate_listen(struct gate_sockets *out, struct failure *f)
{
	for (int i = 0; i < CONFINED_PORT_TRIES; i++) {
		*out = (struct gate_sockets){.tcp6 = -1};
		out->tcp4 = confined_bind(AF_INET, SOCK_STREAM, 0);
		if (out->tcp4 < 0)
			return fail_errno(f, "listen for the gate", "127.0.0.1");
		out->port = confined_port(out->tcp4);
		out->tcp6 = confined_bind(AF_INET6, SOCK_STREAM, out->port);
		if (out->tcp6 >= 0 || confined_no_ipv6()) {
			out->transparent =
				make_transparent(out->tcp4, IPPROTO_IP, IP_TRANSPARENT) &&
				make_transparent(out->tcp6, IPPROTO_IPV6, IPV6_TRANSPARENT);
			return 0;
		}
		close(out->tcp4);
		if (errno != EADDRINUSE)
			return fail_errno(f, "listen for the gate", "::1");
	}
	return fail(f, "listen for the gate", "127.0.0.1 and ::1", "no port is free for both");
}

void gate_unlisten(struct gate_sockets *s)
{
	if (s->tcp4 >= 0)
		close(s->tcp4);
	if (s->tcp6 >= 0)
		close(s->tcp6);
	s->tcp4 = s->tcp6 = -1;
}

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

/* Where the client wanted to go: what its connection is to, when it was routed here; what it
 * was to before NAT, when it is to our own port. Without either it was made to that port: its
 * client takes us for a proxy, and has to say more. */
static void find_aim(struct connection *c, int family, uint16_t own_port)
{
	union {
		struct sockaddr any;
		struct sockaddr_in v4;
		struct sockaddr_in6 v6;
	} a;
	socklen_t len = sizeof(a);
	const int level = family == AF_INET ? IPPROTO_IP : IPPROTO_IPV6;
	bool known = getsockname(c->client.fd, &a.any, &len) == 0;

	/* Both families have the port in the same place. */
	if (known && a.v4.sin_port == htons(own_port)) {
		len = sizeof(a);
		known = getsockopt(c->client.fd, level, ORIGINAL_DST, &a, &len) == 0;
	}
	if (known && family == AF_INET) {
		c->aim.family = 4;
		memcpy(c->aim.bytes, &a.v4.sin_addr, 4);
	} else if (known) {
		c->aim.family = 6;
		memcpy(c->aim.bytes, &a.v6.sin6_addr, 16);
	}
	c->aim_port = known ? ntohs(a.v4.sin_port) : 0;
	c->direct = c->aim.family == 0;
	c->port = c->aim_port;
	/* Until it says something: what it would have spoken. */
	c->tls = c->aim_port == 443;
}

/* What it has said already is read at once: the deferred ones have. (Where desks are short, who
 * says nothing must not cost another its own.) */
static void begin(struct gate *g, struct connection *c)
{
	size_t index;

	if (g->config->proxy.port && c->aim_port != 443 && c->aim_port != 80 &&
		invented_index(&c->aim, &index))
		client_named(g, c,
			index < g->config->policy->names_count
				? g->config->policy->names[index].name
				: "");
	else if (g->desks_left > 0)
		client_read(g, c);
}

static void take(struct gate *g, int fd, int family)
{
	struct gate_counters *counters = g->config->counters;
	struct connection *c = table_new(g);
	const uint16_t generation = c->generation;

	c->client.fd = fd;
	c->client.readable = c->client.writable = true;
	find_aim(c, family, g->config->sockets.port);
	atomic_fetch_add_explicit(&counters->connections, 1, memory_order_relaxed);
	atomic_fetch_add_explicit(&counters->flows, 1, memory_order_relaxed);
	table_deadline(g, c, true);
	begin(g, c);
	if (c->phase != PHASE_FREE && c->generation == generation &&
		gate_add(g, fd, EPOLLIN | EPOLLOUT | EPOLLRDHUP | EPOLLET,
			EVENT_DATA(EVENT_CLIENT, 0, generation, table_number(g, c))) < 0)
		table_end(g, c, true);
}

/* One at a time: while there are more, the socket stays ready. To ask for another in vain, as
 * would be done mostly, costs the kernel a socket and a file. */
static void accept_one(struct gate *g, uint32_t which)
{
	const struct gate_sockets *s = &g->config->sockets;

	int fd;

	if (!table_slot_left(g)) {
		table_listen(g, false);
		return;
	}
	fd = accept4(which ? s->tcp6 : s->tcp4, NULL, NULL, SOCK_NONBLOCK | SOCK_CLOEXEC);
	if (fd >= 0)
		take(g, fd, which ? AF_INET6 : AF_INET);
	/* Out of descriptors: the oldest that says nothing gives way, or all wait. */
	else if ((errno == EMFILE || errno == ENFILE) && !table_make_room(g, false))
		table_listen(g, false);
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

/* What the sockets of clients inherit from the one that takes them. */
static void set_options(const struct gate *g, int fd)
{
	int on = 1;

	if (fd < 0)
		return;
	setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof(on));
	setsockopt(fd, SOL_SOCKET, SO_KEEPALIVE, &on, sizeof(on));
	/* A client of the web speaks first: it is taken when it does, or after a second. Behind
	 * a proxy there are others. */
	if (!g->config->proxy.port)
		setsockopt(fd, IPPROTO_TCP, TCP_DEFER_ACCEPT, &on, sizeof(on));
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
	for (uint32_t i = 0; i < 2; i++) {
		set_options(g, fds[i]);
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
		.shared = c->policy->denials,
		.shared_size = sizeof(*c->policy->denials),
		.prepare = prepare,
		.serve = serve};
	struct gate g = {.config = c};

	return confined_start(&self, &g, channel, f);
}
