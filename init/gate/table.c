/*
 * The gate's fixed pools: connections, inspect buffers, pipes. If a pool is exhausted, a
 * connection that hasn't sent a complete head yet is closed for a new one.
 */
#include "connection.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <unistd.h>

/* Part of a free inspect buffer that is kept in memory. */
#define BUFFER_KEPT 4096
/*
 * Size of a pipe: what a fast connection receives until its next turn. The kernel grants a
 * user 16,384 pages for pipes (pipe-user-pages-soft) and then only tiny ones; so only the
 * first pipes are large, and those are used first. 32 times 256 pages and 480 times 16 are
 * 15,872.
 */
#define PIPE_SIZE   (1024 * 1024)
#define PIPES_LARGE 32

/* ---- Inspect buffers and pipes ------------------------------------------------------- */

struct connection *table_of(struct gate *g, int32_t number)
{
	return &g->connections[number];
}

int32_t table_number(const struct gate *g, const struct connection *c)
{
	return (int32_t)(c - g->connections);
}

struct inspect_buffer *table_buffer(struct gate *g, const struct connection *c)
{
	return c->inspect_buffer == NONE ? NULL : &g->buffers[c->inspect_buffer];
}

int table_watch(struct gate *g, int fd, uint32_t events, uint64_t data)
{
	struct epoll_event e = {.events = events, .data.u64 = data};

	return epoll_ctl(g->epoll, EPOLL_CTL_ADD, fd, &e);
}

struct connection *table_silent(struct gate *g, bool with_buffer)
{
	for (int32_t i = g->deadlines.first; i != NONE; i = g->connections[i].link.next) {
		struct connection *c = &g->connections[i];

		if (c->phase == PHASE_HEAD && !(with_buffer && c->inspect_buffer == NONE))
			return c;
	}
	return NULL;
}

bool table_acquire_buffer(struct gate *g, struct connection *c)
{
	struct inspect_buffer *d;

	if (c->inspect_buffer != NONE)
		return true;
	if (g->buffers_left == 0)
		return false;
	c->inspect_buffer = g->buffers_free[--g->buffers_left];
	d = table_buffer(g, c);
	memset(d, 0, offsetof(struct inspect_buffer, in));
	d->connection = table_number(g, c);
	g->waits_for[c->inspect_buffer] = NONE;
	for (int i = 0; i < ATTEMPTS; i++)
		d->attempt[i] = -1;
	return true;
}

void table_close_attempts(struct inspect_buffer *d)
{
	for (int i = 0; i < ATTEMPTS; i++) {
		if (d->attempt[i] >= 0)
			close(d->attempt[i]);
		d->attempt[i] = -1;
	}
}

void table_release_buffer(struct gate *g, struct connection *c)
{
	struct inspect_buffer *d = table_buffer(g, c);

	if (!d)
		return;
	table_close_attempts(d);
	g->waits_for[c->inspect_buffer] = NONE;
	/* What a flood has filled is returned to the kernel. */
	if (d->got > BUFFER_KEPT) {
		uintptr_t from = ((uintptr_t)d->in + BUFFER_KEPT + 4095) & ~(uintptr_t)4095;
		uintptr_t to = ((uintptr_t)d->in + sizeof(d->in)) & ~(uintptr_t)4095;

		if (to > from)
			madvise((void *)from, to - from, MADV_DONTNEED);
	}
	g->buffers_free[g->buffers_left++] = c->inspect_buffer;
	c->inspect_buffer = NONE;
}

/* Returns false if there is none, or one too small for what a copy may leave over. */
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

bool table_pipe_take(struct gate *g, struct direction *w)
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

/* A pipe that isn't empty is closed and later created again: no connection may get another's
 * data. */
void table_pipe_give(struct gate *g, struct direction *w)
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

/* ---- Connections --------------------------------------------------------------------- */

static void unlink_deadline(struct gate *g, struct connection *c)
{
	if (c->deadline == INT64_MAX)
		return;
	index_list_remove(
		&g->deadlines, &g->connections[0].link, sizeof(*c), table_number(g, c));
	c->deadline = INT64_MAX;
}

/* All deadlines have the same length, so appending keeps the list sorted. */
void table_deadline(struct gate *g, struct connection *c, bool on)
{
	unlink_deadline(g, c);
	if (!on)
		return;
	c->deadline = g->now + LIMIT_GATE_PATIENCE_MS;
	index_list_append(
		&g->deadlines, &g->connections[0].link, sizeof(*c), table_number(g, c));
}

int table_listener(const struct gate *g, uint32_t which)
{
	const struct gate_sockets *s = &g->config->sockets;

	if (which >= TABLE_INWARD)
		return s->inward[which - TABLE_INWARD].fd;
	return which == 0 ? s->tcp4 : which == 1 ? s->tcp6 : s->broker;
}

void table_listen(struct gate *g, bool on)
{
	if (g->listening == on)
		return;
	g->listening = on;
	for (uint32_t i = 0; i < TABLE_INWARD + g->config->sockets.inward_count; i++) {
		const int fd = table_listener(g, i);
		struct epoll_event e = {.events = on ? EPOLLIN : 0,
			.data.u64 = EVENT_DATA(EVENT_LISTEN, 0, 0, i)};

		if (fd >= 0 && epoll_ctl(g->epoll, EPOLL_CTL_MOD, fd, &e) < 0)
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

void table_end(struct gate *g, struct connection *c, bool reset)
{
	if (c->phase == PHASE_FREE)
		return;
	table_release_buffer(g, c);
	close_side(&c->client, reset);
	close_side(&c->server, reset);
	table_pipe_give(g, &c->up);
	table_pipe_give(g, &c->down);
	unlink_deadline(g, c);
	c->phase = PHASE_FREE;
	c->generation++;
	c->link.next = g->free;
	g->free = table_number(g, c);
	atomic_fetch_sub_explicit(&g->config->counters->flows, 1, memory_order_relaxed);
	table_listen(g, true);
}

void table_end_server(struct gate *g, struct connection *c)
{
	close_side(&c->server, true);
	table_pipe_give(g, &c->up);
	table_pipe_give(g, &c->down);
}

void table_again(struct gate *g, struct connection *c)
{
	int32_t number = table_number(g, c);

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

bool table_slot_left(const struct gate *g)
{
	return g->free != NONE || g->used < g->room;
}

struct connection *table_new(struct gate *g)
{
	struct connection *c;
	uint16_t generation;
	bool queued;
	int32_t next;

	if (g->free != NONE) {
		c = &g->connections[g->free];
		g->free = c->link.next;
	} else {
		c = &g->connections[g->used++];
	}
	/* It may still be queued to be handled again; it stays in that list. */
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
		.inspect_buffer = NONE,
		.deadline = INT64_MAX};
	return c;
}
