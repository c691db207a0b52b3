/*
 * The control socket: codex-egress sends requests, PID 1 replies from its loop.
 *
 * The socket is root's, mode 0600, and the uid of each client is checked again. PID 1 never
 * waits for a client: a request is one message, the kernel accepts the whole reply or the
 * client is dropped, and an idle client keeps its slot until a new one needs it. A watcher has
 * a slot of its own, which nobody else gets.
 */
#ifndef INIT_MONITOR_CONTROL_H
#define INIT_MONITOR_CONTROL_H

#include <stdio.h>

#include "../egress/control_ipc.h"
#include "../lib/say.h"
#include "monitor.h"

/* Writes the answer to a request that has been checked; t is set for CONTROL_EXPLAIN, peer is
 * the client's pid. Returns the exit status for codex-egress. */
typedef int control_answer(void *context, const struct control_request *r, pid_t peer,
	const struct target *t, FILE *to);

/* How many watch now; those who only follow (CONTROL_FOLLOW) aren't counted. */
typedef void control_watched(void *context, size_t watchers);

struct control; /* opaque */

/*
 * Binds path, replacing a socket of an earlier run, and serves it in the monitor's loop,
 * using one of its sources. Returns 0, or -1 with *f filled and *out NULL.
 */
int control_open(struct control **out, const char *path, struct monitor *m,
	control_answer *answer, control_watched *watched, void *context, struct failure *f);
/* Sends a line, of at most CONTROL_LINE bytes, to each watcher; one that doesn't read is
 * dropped. NULL is permitted. */
void control_tell(struct control *c, const char *line, size_t len);
/* Drops the clients and removes the socket. NULL is permitted. */
void control_close(struct control *c);

#endif
