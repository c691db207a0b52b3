/*
 * The worker, and PID 1's half. System calls after the filter is installed: poll/ppoll,
 * recvmsg, socket (AF_INET, SOCK_STREAM), setsockopt (those of cell_socket.c), ioctl (those
 * of notify.c), close, exit_group.
 */
#include "cell.h"

#include <errno.h>
#include <poll.h>
#include <stdbool.h>
#include <stddef.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "../lib/descriptor.h"
#include "../lib/worker.h"
#include "cell_socket.h"
#include "notify.h"

/* The channel's index, after the listeners'. */
#define CHANNEL LIMIT_CELL_LISTENERS

struct cell_worker {
	struct cell_record *record;
	struct pollfd ready[LIMIT_CELL_LISTENERS + 1];
};

/* One datagram to the worker; the listener is in its control message. */
struct cell_message {
	uint32_t place;
};

/* ---- The worker ---------------------------------------------------------------------- */

/* The only kind of request there is. */
static void answer(struct cell_worker *w, size_t place)
{
	const int listener = w->ready[place].fd;
	struct notify_call call;
	int fd;

	if (!notify_receive(listener, &call))
		return;
	atomic_store_explicit(&w->record->last[place], call.id, memory_order_release);
	fd = call.number == SYS_socket
		     ? cell_socket(call.arguments[0], call.arguments[1], call.arguments[2])
		     : -EPERM;
	if (fd < 0) {
		notify_refuse(listener, call.id, -fd);
		return;
	}
	if (notify_give(listener, call.id, fd, call.arguments[1] & SOCK_CLOEXEC) == 0)
		atomic_fetch_add_explicit(&w->record->made, 1, memory_order_relaxed);
	else
		notify_refuse(listener, call.id, errno);
	close(fd);
}

/*
 * A call that an earlier worker had received and not answered would wait for ever. Each call
 * is recorded; if that worker ended before recording it, it is the next one. Refusing a call
 * that doesn't exist, or wasn't received by anybody, has no effect.
 */
static void refuse_begun(struct cell_worker *w, size_t place)
{
	const uint64_t last =
		atomic_load_explicit(&w->record->last[place], memory_order_acquire);

	notify_refuse(w->ready[place].fd, last, ENOBUFS);
	if (notify_refuse(w->ready[place].fd, last + 1, ENOBUFS))
		atomic_store_explicit(&w->record->last[place], last + 1, memory_order_release);
}

static void take_listener(struct cell_worker *w)
{
	struct cell_message m = {.place = LIMIT_CELL_LISTENERS};
	int listener;
	const ssize_t n = descriptor_receive(w->ready[CHANNEL].fd, &m, sizeof(m), 0, &listener);

	if (n != sizeof(m) || m.place >= LIMIT_CELL_LISTENERS || listener < 0)
		_exit(n == 0 ? 0 : 1);
	if (w->ready[m.place].fd >= 0)
		close(w->ready[m.place].fd);
	w->ready[m.place].fd = listener;
	notify_hurry(listener);
	refuse_begun(w, m.place);
}

static void serve(void *prepared)
{
	struct cell_worker *w = prepared;

	for (;;) {
		if (poll(w->ready, LIMIT_CELL_LISTENERS + 1, -1) < 0 && errno != EINTR)
			_exit(1);
		for (size_t i = 0; i < LIMIT_CELL_LISTENERS; i++) {
			if (w->ready[i].revents & POLLIN) {
				answer(w, i);
			} else if (w->ready[i].revents) {
				/* No process with this filter is left. */
				close(w->ready[i].fd);
				w->ready[i].fd = -1;
			}
		}
		if (w->ready[CHANNEL].revents)
			take_listener(w);
	}
}

static void *prepare(void *context, int channel)
{
	struct cell_worker *w = context;

	for (size_t i = 0; i < LIMIT_CELL_LISTENERS; i++)
		w->ready[i] = (struct pollfd){.fd = -1, .events = POLLIN};
	w->ready[CHANNEL] = (struct pollfd){.fd = channel, .events = POLLIN};
	return w;
}

/* ---- PID 1 --------------------------------------------------------------------------- */

int cell_open(struct cell *c, struct failure *f)
{
	void *pages = mmap(NULL, sizeof(*c->record), PROT_READ | PROT_WRITE,
		MAP_SHARED | MAP_ANONYMOUS, -1, 0);

	for (size_t i = 0; i < LIMIT_CELL_LISTENERS; i++)
		c->listeners[i] = -1;
	c->record = pages == MAP_FAILED ? NULL : pages;
	return c->record ? 0 : fail_errno(f, "allocate memory for the cell", "");
}

static int send_listener(const struct cell *c, int channel, size_t place)
{
	const struct cell_message m = {.place = (uint32_t)place};

	return descriptor_send(channel, &m, sizeof(m), c->listeners[place]);
}

/* poll(2) reports that no process has this filter any more. */
static void close_ended(struct cell *c)
{
	for (size_t i = 0; i < LIMIT_CELL_LISTENERS; i++) {
		struct pollfd p = {.fd = c->listeners[i], .events = POLLIN};

		if (p.fd >= 0 && poll(&p, 1, 0) == 1 && (p.revents & (POLLHUP | POLLERR))) {
			close(p.fd);
			c->listeners[i] = -1;
		}
	}
}

pid_t cell_start(struct cell *c, int *channel, struct failure *f)
{
	struct cell_worker w = {.record = c->record};
	const struct worker_config self = {.name = "codex-cell",
		.uid = UID_CELL,
		.filter = FILTER_CELL,
		.prepare = prepare,
		.serve = serve};
	pid_t pid;

	close_ended(c);
	pid = worker_start(&self, &w, channel, f);
	for (size_t i = 0; pid > 0 && i < LIMIT_CELL_LISTENERS; i++)
		/* If it can't be sent, close the channel, and another worker is started. */
		if (c->listeners[i] >= 0 && send_listener(c, *channel, i) < 0)
			shutdown(*channel, SHUT_RDWR);
	return pid;
}

int cell_add(struct cell *c, int channel, int listener, struct failure *f)
{
	close_ended(c);
	for (size_t i = 0; i < LIMIT_CELL_LISTENERS; i++) {
		if (c->listeners[i] >= 0)
			continue;
		c->listeners[i] = listener;
		atomic_store(&c->record->last[i], 0);
		/* While it is down: it gets them at its next start. */
		if (channel >= 0 && send_listener(c, channel, i) < 0 && errno != EPIPE)
			return fail_errno(f, "answer a program's system calls", "");
		return 0;
	}
	close(listener);
	return fail(f, "answer a program's system calls", "", "too many of them at a time");
}

void cell_shut(struct cell *c)
{
	for (size_t i = 0; i < LIMIT_CELL_LISTENERS; i++) {
		if (c->listeners[i] >= 0)
			close(c->listeners[i]);
		c->listeners[i] = -1;
	}
}
