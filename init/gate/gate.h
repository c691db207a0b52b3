/*
 * The gate: a worker process with its own uid, no capabilities, a seccomp filter and no file
 * access. The wall redirects the payload's connections to ports 443 and 80 to it; it reads
 * the name that the client sends, in TLS or HTTP, applies the policy, and connects to an
 * address that our own resolver returns for the name. It is the only process that parses
 * traffic between the payload and web servers; PID 1 receives fixed-size messages
 * (gate_ipc.h).
 */
#ifndef INIT_GATE_GATE_H
#define INIT_GATE_GATE_H

#include <stdbool.h>
#include <stdint.h>
#include <sys/types.h>

#include "../lib/proxy_url.h"
#include "../lib/resolvconf.h"
#include "../lib/say.h"
#include "../lib/stand_ins.h"
#include "../policy/policy.h"
#include "gate_ipc.h"

/* The listening sockets: 127.0.0.1 and ::1 (fd -1 without IPv6), on the same port. */
struct gate_sockets {
	int tcp4, tcp6;
	uint16_t port;
	int broker;       /* where the broker comes, or -1 */
	bool transparent; /* accept connections to any address, routed here by tproxy */
	/* In the cell: on all loopback addresses, one for each port of the rules. */
	struct gate_inward {
		int fd;
		uint16_t port;
	} inward[LIMIT_CELL_PORTS];
	size_t inward_count;
};

struct gate_config {
	const struct policy *policy;
	struct gate_sockets sockets;
	uint16_t resolver_port;        /* our resolver's port on 127.0.0.1 */
	const struct resolvconf *conf; /* search domains for short names */
	struct gate_proxy proxy;
	bool audit; /* refuse nothing, but report what would be refused */
	bool cell;  /* the orig_dst is an address of FAKE_IP_CELL */
	struct gate_counters *counters;
	unsigned ask; /* seconds that a person has to answer; 0: nobody is asked */
	struct stand_ins *stand_ins; /* NULL if nobody is */
};

/* Binds the sockets. Called before the wall is built, which redirects to them. Returns 0, or
 * -1 with *f filled. */
int gate_listen(struct gate_sockets *out, struct failure *f);
/*
 * After gate_listen(): one more socket, for the broker alone, whose uid the gate asks the
 * kernel for (unix(7), SO_PEERCRED). It is in the abstract namespace, so it needs no directory:
 * GATE_BROKER_NAME, zero-padded to the whole address, as haproxy's abns@ is. Returns 0, or -1
 * with *f filled.
 */
#define GATE_BROKER_NAME "codex-init-broker"
int gate_listen_broker(struct gate_sockets *out, struct failure *f);
/*
 * In the cell, after gate_listen(): one more socket for each port of the policy's names, on the
 * loopback device. Ports that can't be bound (below 1024 that may need CAP_NET_BIND_SERVICE)
 * are left out. Returns how many those are; -1 with *f filled if there are more ports than
 * LIMIT_CELL_PORTS.
 */
int gate_listen_inward(struct gate_sockets *out, const struct policy *p, struct failure *f);
/* Closes them, resetting clients that wait, if no gate will be started any more. */
void gate_unlisten(struct gate_sockets *s);
/* Allocates the shared page for the counters, zeroed. Returns NULL with errno on failure. */
struct gate_counters *gate_counters_new(void);

/* Forks the worker. *channel is PID 1's end of a SOCK_SEQPACKET pair. Returns the pid, or -1
 * with *f filled. The worker exits when the channel is closed. */
pid_t gate_start(const struct gate_config *c, int *channel, struct failure *f);

#endif
