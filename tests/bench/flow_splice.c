/*
 * The reference for the gate's measurements: a proxy that inspects nothing and moves
 * everything by splice(2). flow_splice PORT ADDRESS PORT
 */
#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <netinet/tcp.h>
#include <signal.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <unistd.h>

#define EVENTS    256
#define PIPE_SIZE (1024 * 1024)
#define POOL      64

/* One side of a connection, and the pipe with what came from it; no pipe while that is
 * nothing. */
struct end {
	struct end *other;
	int fd, pipe[2], ended;
	size_t held;
};

static struct sockaddr_in server = {.sin_family = AF_INET};
static int epoll;

static void die(const char *what)
{
	perror(what);
	exit(1);
}

/* Unused pipes. */
static int pool[POOL][2];
static int pool_count;

static int take_pipe(struct end *e)
{
	if (e->pipe[0] >= 0)
		return 0;
	if (pool_count > 0) {
		pool_count--;
		e->pipe[0] = pool[pool_count][0];
		e->pipe[1] = pool[pool_count][1];
		return 0;
	}
	if (pipe2(e->pipe, O_NONBLOCK) < 0)
		return -1;
	fcntl(e->pipe[1], F_SETPIPE_SZ, PIPE_SIZE);
	return 0;
}

static void drop_pipe(struct end *e)
{
	if (e->pipe[0] >= 0 && e->held == 0 && pool_count < POOL) {
		pool[pool_count][0] = e->pipe[0];
		pool[pool_count++][1] = e->pipe[1];
	} else if (e->pipe[0] >= 0) {
		close(e->pipe[0]);
		close(e->pipe[1]);
	}
	e->pipe[0] = e->pipe[1] = -1;
}

/* Both sides are in one allocation, the client's first, which is freed after the round. */
static struct end *dead[EVENTS];
static int dead_count;

static void end_both(struct end *e)
{
	struct end *first = e < e->other ? e : e->other;

	for (int i = 0; i < 2; i++) {
		drop_pipe(&first[i]);
		close(first[i].fd);
		first[i].fd = -1;
	}
	dead[dead_count++] = first;
}

/* Returns -1 if the connection is broken. */
static int move(struct end *from, struct end *to)
{
	for (;;) {
		ssize_t n;

		if (from->held == 0 && !from->ended) {
			if (take_pipe(from) < 0)
				return -1;
			n = splice(from->fd, NULL, from->pipe[1], NULL, PIPE_SIZE,
				SPLICE_F_MOVE | SPLICE_F_NONBLOCK);
			if (n < 0 && errno != EAGAIN)
				return -1;
			if (n < 0)
				break;
			from->held = (size_t)n;
			from->ended = n == 0;
			if (from->ended)
				shutdown(to->fd, SHUT_WR);
		}
		if (from->held == 0)
			break;
		n = splice(from->pipe[0], NULL, to->fd, NULL, from->held,
			SPLICE_F_MOVE | SPLICE_F_NONBLOCK);
		if (n < 0 && errno != EAGAIN)
			return -1;
		if (n <= 0)
			return 0;
		from->held -= (size_t)n;
	}
	drop_pipe(from);
	return 0;
}

static void take(int listener)
{
	int on = 1, fd;

	while ((fd = accept4(listener, NULL, NULL, SOCK_NONBLOCK)) >= 0) {
		struct end *ends = calloc(2, sizeof(*ends));
		int fds[2] = {fd, socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK, 0)};

		if (connect(fds[1], (struct sockaddr *)&server, sizeof(server)) < 0 &&
			errno != EINPROGRESS)
			die("connect");
		for (int i = 0; i < 2; i++) {
			struct epoll_event e = {
				.events = EPOLLIN | EPOLLOUT | EPOLLET, .data.ptr = &ends[i]};

			ends[i] = (struct end){
				.other = &ends[!i], .fd = fds[i], .pipe = {-1, -1}};
			setsockopt(fds[i], IPPROTO_TCP, TCP_NODELAY, &on, sizeof(on));
			if (epoll_ctl(epoll, EPOLL_CTL_ADD, fds[i], &e) < 0)
				die("epoll_ctl");
		}
	}
}

int main(int argc, char **argv)
{
	struct sockaddr_in at = {
		.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
	int listener = socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK, 0), on = 1;
	struct epoll_event events[EVENTS], first = {.events = EPOLLIN};

	if (argc != 4 || inet_pton(AF_INET, argv[2], &server.sin_addr) != 1) {
		fputs("usage: flow_splice PORT ADDRESS PORT\n", stderr);
		return 2;
	}
	signal(SIGPIPE, SIG_IGN);
	at.sin_port = htons((uint16_t)atoi(argv[1]));
	server.sin_port = htons((uint16_t)atoi(argv[3]));
	setsockopt(listener, SOL_SOCKET, SO_REUSEADDR, &on, sizeof(on));
	/* Only needed, and only permitted, in the gate's place. */
	setsockopt(listener, IPPROTO_IP, IP_TRANSPARENT, &on, sizeof(on));
	if (bind(listener, (struct sockaddr *)&at, sizeof(at)) < 0 ||
		listen(listener, 4096) < 0)
		die("listen");
	epoll = epoll_create1(0);
	epoll_ctl(epoll, EPOLL_CTL_ADD, listener, &first);
	for (;;) {
		int n = epoll_wait(epoll, events, EVENTS, -1);

		for (int i = 0; i < n; i++) {
			struct end *e = events[i].data.ptr;

			if (!e) {
				take(listener);
				continue;
			}
			if (e->fd >= 0 && (move(e, e->other) < 0 || move(e->other, e) < 0 ||
						  (e->ended && e->other->ended &&
							  e->held + e->other->held == 0)))
				end_both(e);
		}
		while (dead_count > 0)
			free(dead[--dead_count]);
	}
}
