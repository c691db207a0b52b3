/*
 * The control socket: codex-egress asks, PID 1 answers from its loop.
 *
 * The socket is root's, mode 0600, and who connects is asked for his uid again. PID 1 never
 * waits for a client: a request is one datagram, the reply goes to the kernel whole or the
 * client is dropped, and a client that says nothing keeps its place until a newcomer needs it.
 */
#ifndef INIT_MONITOR_CONTROL_H
#define INIT_MONITOR_CONTROL_H

#include <stdio.h>

#include "../egress/control_ipc.h"
#include "../lib/say.h"
#include "monitor.h"

/* Writes the answer to a request that has been checked; t is set for CONTROL_EXPLAIN. Returns
 * the status that codex-egress ends with. */
typedef int control_answer(
	void *context, const struct control_request *r, const struct target *t, FILE *to);

struct control; /* opaque */

/*
 * Binds path, replacing a socket that an earlier run left, and serves it in the monitor's loop;
 * takes one of its sources. Returns 0, or -1 with *f filled and *out NULL.
 */
int control_open(struct control **out, const char *path, struct monitor *m,
	control_answer *answer, void *context, struct failure *f);
/* Drops the clients and removes the socket; NULL is fine. */
void control_close(struct control *c);

#endif
