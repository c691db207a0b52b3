/*
 * The cell: where a container has no NET_ADMIN, what the payload may reach is bounded by the
 * sockets that it can have. A worker process makes them: its menu is one kind of socket
 * (cell_socket.h), or an error. It reads nothing of the payload's and nothing from the network,
 * opens no connection, and holds no descriptor but its own listeners.
 *
 * PID 1 holds the listeners too. While the worker is down, calls wait for the next one; when it
 * stays down, PID 1 lets go of them, and sockets can't be had any more. Nothing opens.
 */
#ifndef INIT_CELL_CELL_H
#define INIT_CELL_CELL_H

#include <stdatomic.h>
#include <stdint.h>
#include <sys/types.h>

#include "../lib/limits.h"
#include "../lib/say.h"

/* In memory that PID 1 and the worker share, so that it outlives the worker. */
struct cell_record {
	_Atomic uint64_t made; /* sockets handed over since the container started */
	_Atomic uint64_t last[LIMIT_CELL_LISTENERS]; /* the call that was taken last; 0: none */
};

struct cell {
	int listeners[LIMIT_CELL_LISTENERS]; /* -1: none */
	struct cell_record *record;
};

/* Empty, with its memory. Returns 0, or -1 with *f filled. */
int cell_open(struct cell *c, struct failure *f);

/* Forks the worker, which takes over what listeners there are: a call that another one had
 * begun is refused (ENOBUFS). *channel is PID 1's end of a SOCK_SEQPACKET pair. Returns the
 * pid, or -1. The worker ends when the channel closes. */
pid_t cell_start(struct cell *c, int *channel, struct failure *f);

/* The worker answers this listener's calls from now on. Takes it over, also where that fails.
 * Returns 0, or -1 with *f filled. */
int cell_add(struct cell *c, int channel, int listener, struct failure *f);

/* No socket will ever be had again. */
void cell_shut(struct cell *c);

#endif
