/*
 * The cell: in a container without NET_ADMIN, what the payload can reach is limited by the
 * sockets that it can get. A worker process creates them: either one kind of socket
 * (cell_socket.h), or an error. It reads neither the payload's memory nor the network, opens
 * no connection, and holds no descriptors but its listeners.
 *
 * PID 1 holds the listeners too. While the worker is down, calls wait for the next one; if
 * it remains down, PID 1 closes them, and no more sockets can be created. It never fails
 * open.
 */
#ifndef INIT_CELL_CELL_H
#define INIT_CELL_CELL_H

#include <stdatomic.h>
#include <stdint.h>
#include <sys/types.h>

#include "../lib/limits.h"
#include "../lib/say.h"

/* In memory shared by PID 1 and the worker, so that it outlives the worker. */
struct cell_record {
	_Atomic uint64_t made; /* sockets handed out since the container started */
	_Atomic uint64_t last[LIMIT_CELL_LISTENERS]; /* the call received last; 0: none */
};

struct cell {
	int listeners[LIMIT_CELL_LISTENERS]; /* -1: none */
	struct cell_record *record;
};

/* Initialises *c. Returns 0, or -1 with *f filled. */
int cell_open(struct cell *c, struct failure *f);

/*
 * Forks the worker, with the existing listeners: a call that an earlier one had received is
 * refused (ENOBUFS). *channel is PID 1's end of a SOCK_SEQPACKET pair. Returns the pid, or
 * -1. The worker ends when the channel is closed.
 */
pid_t cell_start(struct cell *c, int *channel, struct failure *f);

/* Has the worker answer this listener's calls. Takes ownership of it, even on failure.
 * Returns 0, or -1 with *f filled. */
int cell_add(struct cell *c, int channel, int listener, struct failure *f);

/* No sockets can be created from now on. */
void cell_shut(struct cell *c);

#endif
