/*
 * Workers: processes that codex-init forks from itself to touch what comes from the network,
 * with a uid of their own, no capability, no file, no terminal, and a seccomp filter. And the
 * loopback sockets that they serve the payload on.
 */
#ifndef INIT_LIB_WORKER_H
#define INIT_LIB_WORKER_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

#include "privileges.h"
#include "say.h"

/* Descriptors a worker may keep, its channel among them. */
#define WORKER_KEEP 8

struct worker_config {
	const char *name;      /* the process's: "codex-resolver" */
	uid_t uid;             /* also its gid */
	enum filter filter;    /* installed between prepare() and serve() */
	int keep[WORKER_KEEP]; /* descriptors that stay open; -1: none */
	size_t keep_count;
	void *shared; /* whole pages that PID 1 writes and the worker may only read; NULL: none
		       */
	size_t shared_size;
	/* Runs without privilege, as uid, but before the filter: does what that won't let it do
	 * later, memory above all. NULL ends the worker. */
	void *(*prepare)(void *context, int channel);
	/* What it does from then on; prepared is what prepare() returned. Never returns. */
	void (*serve)(void *prepared);
};

/*
 * Forks a worker. *channel is our end of a SOCK_SEQPACKET pair (non-blocking, close-on-exec).
 * Returns the pid, or -1 with *f filled. The worker ends with us.
 */
pid_t worker_start(
	const struct worker_config *c, void *context, int *channel, struct failure *f);

/* For a process that was just forked: leaves session, terminal, working directory, and every
 * descriptor but those in keep. Returns 0, or -1 with errno. */
int worker_leave(const int *keep, size_t count);

/* Binds a socket of type SOCK_DGRAM or SOCK_STREAM (which then listens) to 127.0.0.1 or ::1.
 * port 0: one that is free. Non-blocking, close-on-exec. Returns it, or -1 with errno. */
int worker_bind(int family, int type, uint16_t port);
/* The port that a socket of worker_bind() has, or 0. */
uint16_t worker_port(int fd);
/* Does errno say that this machine has no IPv6 loopback? */
bool worker_no_ipv6(void);
/*
 * The ports of workers' sockets to the outside, above those that the payload's get (ip(7): to
 * 60999). Netfilter remembers a connection for a while after its end; with one range for both,
 * what one sends would be taken for the other's, and go astray. (IP_LOCAL_PORT_RANGE only
 * narrows the payload's range down.)
 */
#define WORKER_FIRST_PORT 61000U
#define WORKER_PORTS      (65536U - WORKER_FIRST_PORT)
/* Tries to find a port that is free for all sockets of a worker. */
#define WORKER_PORT_TRIES 64

#endif
