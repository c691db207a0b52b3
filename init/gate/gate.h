/*
 * The gate: a worker process with its own uid, no capability, a seccomp filter and no file
 * access. The wall hands it the payload's connections to the web's ports; it reads the name
 * that the client itself sends, in TLS or in HTTP, holds it against the policy, and connects
 * to where our own resolver says that this name lives. The only process that parses what the
 * payload and web servers say to each other; PID 1 gets fixed-size messages (gate_ipc.h).
 */
#ifndef INIT_GATE_GATE_H
#define INIT_GATE_GATE_H

#include <stdbool.h>
#include <stdint.h>
#include <sys/types.h>

#include "../lib/proxy_url.h"
#include "../lib/resolvconf.h"
#include "../lib/say.h"
#include "../policy/policy.h"
#include "gate_ipc.h"

/* The listening sockets: 127.0.0.1 and ::1 (fd -1 without IPv6), one port for both. */
struct gate_sockets {
	int tcp4, tcp6;
	uint16_t port;
	bool transparent; /* take connections to any address that are led there (tproxy) */
};

struct gate_config {
	const struct policy *policy;
	struct gate_sockets sockets;
	uint16_t resolver_port; /* where our resolver answers, on 127.0.0.1 */
	const struct resolvconf
		*conf; /* its search domains complete what clients write short */
	struct gate_proxy proxy;
	bool audit; /* refuse nothing, report what would be */
	struct gate_counters *counters;
};

/* Binds the sockets. Called before the wall, which redirects to them. */
int gate_listen(struct gate_sockets *out, struct failure *f);
/* Closes them, and resets who waits there: for when no gate will ever come. */
void gate_unlisten(struct gate_sockets *s);
/* The shared page for the counters, zeroed; NULL with errno. */
struct gate_counters *gate_counters_new(void);

/* Forks the worker. *channel is PID 1's end of the SOCK_SEQPACKET pair. Returns the pid, or -1.
 * The worker ends when the channel closes. */
pid_t gate_start(const struct gate_config *c, int *channel, struct failure *f);

#endif
