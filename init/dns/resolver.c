/*
 * The resolver's process: how it is born, what it gives up, and its loop.
 *
 * System calls after the filter is in: epoll_wait/epoll_pwait, epoll_ctl, recvfrom, recvmmsg,
 * sendto, socket (AF_INET and AF_INET6, STREAM and DGRAM), connect, accept4, close, getrandom,
 * clock_gettime (where there is no vDSO), exit_group. All memory is had before.
 */
#include "worker.h"

#include <errno.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/prctl.h>
#include <sys/random.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <time.h>
#include <unistd.h>

#include "../proc/privileges.h"

/* Events taken at one time. */
#define EVENTS 64
/* Tries to find a port that is free for UDP and TCP, IPv4 and IPv6 alike. */
#define PORT_TRIES 64
/* TCP connections that wait to be accepted. */
#define BACKLOG 64

/* ---- Listening --------------------------------------------------------------------------- */

static int bind_one(int family, int type, uint16_t port)
{
	struct sockaddr_in v4 = {.sin_family = AF_INET,
		.sin_port = htons(port),
		.sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
	struct sockaddr_in6 v6 = {.sin6_family = AF_INET6,
		.sin6_port = htons(port),
		.sin6_addr = IN6ADDR_LOOPBACK_INIT};
	int fd = socket(family, type | SOCK_NONBLOCK | SOCK_CLOEXEC, 0), on = 1;

	if (fd < 0)
		return -1;
	if ((family == AF_INET6 &&
		    setsockopt(fd, IPPROTO_IPV6, IPV6_V6ONLY, &on, sizeof(on)) < 0) ||
		bind(fd, family == AF_INET ? (void *)&v4 : (void *)&v6,
			family == AF_INET ? sizeof(v4) : sizeof(v6)) < 0 ||
		(type == SOCK_STREAM && listen(fd, BACKLOG) < 0)) {
		int saved = errno;

		close(fd);
		errno = saved;
		return -1;
	}
	return fd;
}

static void close_sockets(struct resolver_sockets *s)
{
	int *fds[] = {&s->udp4, &s->tcp4, &s->udp6, &s->tcp6};

	for (int i = 0; i < 4; i++) {
		if (*fds[i] >= 0)
			close(*fds[i]);
		*fds[i] = -1;
	}
}

static bool no_ipv6(void)
{
	return errno == EAFNOSUPPORT || errno == EADDRNOTAVAIL;
}

/* Returns 1 when all are bound, 0 when the port is taken for one of them, -1 on failure. */
static int bind_all(struct resolver_sockets *s)
{
	struct sockaddr_in a;
	socklen_t len = sizeof(a);

	s->udp4 = bind_one(AF_INET, SOCK_DGRAM, 0);
	if (s->udp4 < 0 || getsockname(s->udp4, (struct sockaddr *)&a, &len) < 0)
		return -1;
	s->port = ntohs(a.sin_port);
	s->tcp4 = bind_one(AF_INET, SOCK_STREAM, s->port);
	if (s->tcp4 < 0)
		return errno == EADDRINUSE ? 0 : -1;
	s->udp6 = bind_one(AF_INET6, SOCK_DGRAM, s->port);
	if (s->udp6 < 0)
		return no_ipv6() ? 1 : errno == EADDRINUSE ? 0 : -1;
	s->tcp6 = bind_one(AF_INET6, SOCK_STREAM, s->port);
	if (s->tcp6 < 0)
		return errno == EADDRINUSE ? 0 : -1;
	return 1;
}

int resolver_listen(struct resolver_sockets *out, struct failure *f)
{
	*out = (struct resolver_sockets){-1, -1, -1, -1, 0};
	for (int i = 0; i < PORT_TRIES; i++) {
		int bound = bind_all(out);

		if (bound > 0)
			return 0;
		if (bound < 0)
			fail_errno(f, "listen for DNS", "127.0.0.1 and ::1");
		close_sockets(out);
		if (bound < 0)
			return -1;
	}
	return fail(
		f, "listen for DNS", "127.0.0.1 and ::1", "no port is free for UDP and TCP");
}

/* ---- The worker -------------------------------------------------------------------------- */

static int64_t now_ms(void)
{
	struct timespec t;

	clock_gettime(CLOCK_MONOTONIC, &t);
	return (int64_t)t.tv_sec * 1000 + t.tv_nsec / 1000000;
}

static bool kept(const struct worker *w, int channel, int fd)
{
	const struct resolver_sockets *s = &w->config->sockets;

	return fd == channel || fd == s->udp4 || fd == s->tcp4 || fd == s->udp6 ||
	       fd == s->tcp6;
}

/* Closes everything but our own, in runs between what is kept: no /proc is needed. */
static void close_others(const struct worker *w, int channel)
{
	const struct resolver_sockets *s = &w->config->sockets;
	const int fds[] = {channel, s->udp4, s->tcp4, s->udp6, s->tcp6};
	int last = 2;

	for (int i = 0; i < 5; i++)
		if (fds[i] > last)
			last = fds[i];
	for (int fd = 3; fd < last; fd++)
		if (!kept(w, channel, fd))
			close(fd);
	if (syscall(SYS_close_range, (unsigned)last + 1, ~0U, 0) < 0)
		for (int fd = last + 1; fd < 1024; fd++)
			close(fd);
}

/* stdin, stdout and stderr are the payload's; whoever reads them waits for our end otherwise.
 */
static int leave_terminal(void)
{
	int fd = open("/dev/null", O_RDWR | O_CLOEXEC);

	if (fd < 0)
		return -1;
	for (int i = 0; i < 3; i++)
		if (dup2(fd, i) < 0)
			return -1;
	if (fd > 2)
		close(fd);
	return chdir("/");
}

static int prepare(struct worker *w, int channel, bool boot)
{
	const struct resolver_config *c = w->config;
	size_t fixed = c->policy->names_count + c->hosts_count;
	bool dynamic = c->audit;
	uint32_t seed;

	for (size_t i = 0; i < c->policy->count; i++)
		dynamic |= c->policy->rules[i].kind == RULE_WILDCARD;
	w->epoll = epoll_create1(EPOLL_CLOEXEC);
	w->rules = calloc(c->policy->count + 1, sizeof(*w->rules));
	if (w->epoll < 0 || !w->rules || getrandom(&seed, sizeof(seed), 0) != sizeof(seed))
		return -1;
	w->now = now_ms();
	if (cache_init(&w->cache, fixed, dynamic, seed) < 0 || channel_init(w, channel) < 0)
		return -1;
	return client_init(w) < 0 || lookup_init(w, boot) < 0 ? -1 : 0;
}

static int timeout(const struct worker *w, int64_t next)
{
	if (next == INT64_MAX)
		return -1;
	return next <= w->now ? 0 : (int)(next - w->now);
}

static int64_t tick(struct worker *w)
{
	int64_t next = lookup_tick(w), other;

	other = client_tick(w);
	next = other < next ? other : next;
	other = channel_tick(w);
	next = other < next ? other : next;
	/* Last, so that what the others put there goes out now. */
	channel_flush(w);
	return next;
}

static _Noreturn void serve(struct worker *w)
{
	struct epoll_event events[EVENTS];

	for (;;) {
		int n = epoll_wait(w->epoll, events, EVENTS, timeout(w, tick(w)));

		if (n < 0 && errno != EINTR)
			_exit(1);
		w->now = now_ms();
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

static _Noreturn void worker(const struct resolver_config *c, int channel, bool boot)
{
	struct worker *w = calloc(1, sizeof(*w));
	struct failure f;

	if (!w)
		_exit(1);
	w->config = c;
	setsid(); /* no signal from a terminal; we may lead a session already */
	prctl(PR_SET_NAME, "codex-resolver");
	close_others(w, channel);
	if (leave_terminal() < 0)
		_exit(1);
	if (prepare(w, channel, boot) < 0 ||
		privileges_drop(UID_RESOLVER, UID_RESOLVER, &f) < 0)
		_exit(1);
	/* After the change of uid, which clears it. PID 1's end may have come in between. */
	prctl(PR_SET_PDEATHSIG, SIGKILL);
	prctl(PR_SET_DUMPABLE, 0);
	if (filter_install(FILTER_RESOLVER, &f) < 0)
		_exit(1);
	serve(w);
}

pid_t resolver_start(
	const struct resolver_config *c, bool boot, int *channel, struct failure *f)
{
	int pair[2];
	pid_t pid;

	if (socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC | SOCK_NONBLOCK, 0, pair) < 0)
		return fail_errno(f, "open a channel", "the resolver");
	pid = fork();
	if (pid == 0) {
		close(pair[0]);
		worker(c, pair[1], boot);
	}
	close(pair[1]);
	if (pid < 0) {
		close(pair[0]);
		return fail_errno(f, "start a process", "the resolver");
	}
	*channel = pair[0];
	return pid;
}
