/*
 * Workers: processes that codex-init forks to handle data from the network, with a uid of
 * their own, no capabilities, no files, no terminal, and a seccomp filter. Also the loopback
 * sockets on which they serve the payload.
 */
#ifndef INIT_LIB_WORKER_H
#define INIT_LIB_WORKER_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

#include "limits.h"
#include "privileges.h"
#include "say.h"

/* Descriptors that a worker can keep, besides its channel. */
#define WORKER_KEEP (4 + LIMIT_CELL_PORTS)

struct worker_config {
	const char *name; /* process name: "codex-resolver" */
	uid_t uid;
	gid_t gid;             /* 0: the number of its uid */
	enum filter filter;    /* installed between prepare() and serve() */
	int keep[WORKER_KEEP]; /* descriptors to keep open; -1: none */
	size_t keep_count;
	void *shared; /* whole pages that PID 1 writes and the worker can only read, or NULL */
	size_t shared_size;
	/* Runs unprivileged, but before the filter, for setup that the filter wouldn't
	 * permit, such as allocating memory. Returning NULL ends the worker. */
	void *(*prepare)(void *context, int channel);
	/* The worker's main loop; prepared is the result of prepare(). Never returns. */
	void (*serve)(void *prepared);
};

/*
 * Forks a worker. *channel is PID 1's end of a SOCK_SEQPACKET pair (non-blocking,
 * close-on-exec). Returns the pid, or -1 with *f filled. The worker is killed if PID 1 ends.
 */
pid_t worker_start(
	const struct worker_config *c, void *context, int *channel, struct failure *f);

/* In a forked child: leaves the session, terminal and working directory and closes every
 * descriptor not in keep. Returns 0, or -1 with errno set. */
int worker_leave(const int *keep, size_t count);

/* Binds a SOCK_DGRAM or SOCK_STREAM socket (the latter also listens) to 127.0.0.1 or ::1.
 * port 0: any free one. Non-blocking, close-on-exec. Returns it, or -1 with errno set. */
int worker_bind(int family, int type, uint16_t port);
/* Binds an IPv4 socket to the device lo, and with it what it accepts: to undo that takes
 * CAP_NET_RAW (socket(7), SO_BINDTODEVICE), so whoever takes over the worker that has it can't
 * connect it to anything outside. Returns 0, or -1 with errno set. */
int worker_bind_lo(int fd);
/* TCP connections waiting for accept: a burst from a build while the worker is busy. */
#define WORKER_BACKLOG 1024
/* The port of a socket from worker_bind(), or 0. */
uint16_t worker_port(int fd);
/* True if errno says that there is no IPv6 loopback. */
bool worker_no_ipv6(void);
/*
 * Source ports of the workers' outgoing sockets, above the payload's range (ip(7): up to
 * 60999). Conntrack remembers a connection for a while after its end; if both shared a
 * range, packets of one could be matched to an entry of the other. (IP_LOCAL_PORT_RANGE can
 * only narrow the payload's range.)
 */
#define WORKER_FIRST_PORT 61000U
#define WORKER_PORTS      (65536U - WORKER_FIRST_PORT)
/* Attempts to find a port that is free for all sockets of a worker. */
#define WORKER_PORT_TRIES 64

#endif
