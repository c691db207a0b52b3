/*
 * Forwarding in both directions without inspection: small reads are copied, large ones
 * spliced through a pipe (splice(2)). A pipe holds what the receiver doesn't accept yet and
 * is returned when it is empty: an idle connection has none. When one half is closed, it is
 * shut down on the other side, and the other half continues.
 */
#include "connection.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

/* Requested from splice(2); a pipe may hold less. */
#define SPLICE_SIZE (1024 * 1024)
/* Reads of at least this size switch to splicing: the size of a TLS record in a download.
 * Copying one takes two microseconds or more and evicts caches; splicing costs less. */
#define LARGE_SIZE (16 * 1024)
/* After this many consecutive reads below this size switch back to copying: splicing takes
 * as many calls, and also has to count page references. */
#define SMALL_SIZE (8 * 1024)
#define SMALL_ROW  4

/* Result of one step. */
enum step { STEP_ON, STEP_WAIT, STEP_BROKEN };

static enum step empty_pipe(struct gate *g, struct side *to, struct direction *w)
{
	ssize_t n;

	if (!to->writable)
		return STEP_WAIT;
	n = splice(g->pipes[w->pipe].fd[0], NULL, to->fd, NULL, w->held,
		SPLICE_F_MOVE | SPLICE_F_NONBLOCK);
	if (n < 0 && errno == EAGAIN) {
		to->writable = false;
		return STEP_WAIT;
	}
	if (n <= 0)
		return STEP_BROKEN;
	w->held -= (uint32_t)n;
	return STEP_ON;
}

/* A read returned nothing: end of file, EAGAIN, or an error. */
static enum step nothing_came(struct side *from, ssize_t n)
{
	if (n == 0) {
		from->finished = true;
		return STEP_ON;
	}
	if (errno != EAGAIN)
		return STEP_BROKEN;
	from->readable = false;
	return STEP_WAIT;
}

static enum step fill_pipe(
	struct gate *g, struct side *from, struct direction *w, size_t *moved)
{
	ssize_t n = splice(from->fd, NULL, g->pipes[w->pipe].fd[1], NULL, SPLICE_SIZE,
		SPLICE_F_MOVE | SPLICE_F_NONBLOCK);

	if (n <= 0)
		return nothing_came(from, n);
	w->held += (uint32_t)n;
	*moved += (size_t)n;
	w->small = n < SMALL_SIZE ? (uint8_t)(w->small + 1) : 0;
	if (w->small == SMALL_ROW) {
		w->splicing = false;
		w->small = 0;
	}
	return STEP_ON;
}

/* Copies; what the receiver doesn't accept goes into the pipe. */
static enum step copy(
	struct gate *g, struct side *from, struct side *to, struct direction *w, size_t *moved)
{
	ssize_t n = recv(from->fd, g->scratch, GATE_COPY, MSG_DONTWAIT), sent;

	if (n <= 0)
		return nothing_came(from, n);
	*moved += (size_t)n;
	w->splicing = n >= LARGE_SIZE;
	/* A short read means that there is no more, unless the end came with it. */
	if (n < GATE_COPY && !from->hung_up)
		from->readable = false;
	sent = send(to->fd, g->scratch, (size_t)n, MSG_NOSIGNAL | MSG_DONTWAIT);
	if (sent < 0 && errno != EAGAIN)
		return STEP_BROKEN;
	if (sent == n)
		return STEP_ON;
	to->writable = false;
	sent = sent < 0 ? 0 : sent;
	if (write(g->pipes[w->pipe].fd[1], g->scratch + sent, (size_t)(n - sent)) != n - sent)
		return STEP_BROKEN;
	w->held = (uint32_t)(n - sent);
	return STEP_ON;
}

/* Copies without a pipe: what the receiver doesn't accept stays in the socket. */
static enum step copy_exactly(struct gate *g, struct side *from, struct side *to, size_t *moved)
{
	ssize_t n = recv(from->fd, g->scratch, GATE_COPY, MSG_PEEK | MSG_DONTWAIT), sent;

	if (n <= 0)
		return nothing_came(from, n);
	sent = send(to->fd, g->scratch, (size_t)n, MSG_NOSIGNAL | MSG_DONTWAIT);
	if (sent < 0 && errno == EAGAIN) {
		to->writable = false;
		return STEP_WAIT;
	}
	if (sent <= 0 || recv(from->fd, g->scratch, (size_t)sent, MSG_DONTWAIT) != sent)
		return STEP_BROKEN;
	*moved += (size_t)sent;
	return STEP_ON;
}

static enum step step(
	struct gate *g, struct side *from, struct side *to, struct direction *w, size_t *moved)
{
	if (w->held)
		return empty_pipe(g, to, w);
	if (from->finished) {
		/* If this is the second half to end, close() follows and does the same. */
		if (!to->shut && !from->shut && !to->open)
			shutdown(to->fd, SHUT_WR);
		to->shut = !to->open;
		return STEP_WAIT;
	}
	if (!from->readable || !to->writable)
		return STEP_WAIT;
	if (!table_pipe_take(g, w))
		return copy_exactly(g, from, to, moved);
	return w->splicing ? fill_pipe(g, from, w, moved) : copy(g, from, to, w, moved);
}

/* Moves as much as possible in one direction. RESET: one of the two sockets has failed. */
static enum action move(struct gate *g, struct side *from, struct side *to, struct direction *w,
	_Atomic uint64_t *count)
{
	enum step done = STEP_ON;
	size_t moved = 0;

	while (done == STEP_ON && moved < LIMIT_GATE_TURN)
		done = step(g, from, to, w, &moved);
	if (w->held == 0)
		table_pipe_give(g, w);
	if (w->splicing)
		g->spliced += moved;
	if (moved)
		atomic_fetch_add_explicit(count, moved, memory_order_relaxed);
	return done == STEP_BROKEN ? RESET : done == STEP_ON ? AGAIN : WAIT;
}

enum relay_flushed relay_flush(struct gate *g, struct connection *c)
{
	struct inspect_buffer *d = table_buffer(g, c);
	ssize_t n;

	while (d && d->approved > 0 && c->server.writable) {
		n = send(c->server.fd, d->in, d->approved, MSG_NOSIGNAL | MSG_DONTWAIT);
		if (n < 0 && errno == EAGAIN) {
			c->server.writable = false;
			break;
		}
		if (n < 0)
			return FLUSH_BROKEN;
		d->approved -= (size_t)n;
		d->got -= (size_t)n;
		memmove(d->in, d->in + n, d->got);
		atomic_fetch_add_explicit(
			&g->config->counters->bytes_up, (uint64_t)n, memory_order_relaxed);
	}
	return !d || d->approved == 0 ? FLUSH_ALL : FLUSH_SOME;
}

enum action relay_down(struct gate *g, struct connection *c)
{
	c->client.open = c->phase == PHASE_HTTP;
	return move(g, &c->server, &c->client, &c->down, &g->config->counters->bytes_down);
}

enum action relay_work(struct gate *g, struct connection *c)
{
	enum action up = WAIT, down;

	if (c->inspect_buffer != NONE) {
		switch (relay_flush(g, c)) {
		case FLUSH_ALL:
			table_release_buffer(g, c);
			break;
		case FLUSH_SOME:
			break;
		case FLUSH_BROKEN:
			return RESET;
		}
	}
	down = relay_down(g, c);
	if (c->inspect_buffer == NONE && down != RESET)
		up = move(g, &c->client, &c->server, &c->up, &g->config->counters->bytes_up);
	if (down == RESET || up == RESET)
		return RESET;
	if (c->client.shut && c->server.shut)
		return END;
	return down == AGAIN || up == AGAIN ? AGAIN : WAIT;
}
