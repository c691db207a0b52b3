/*
 * The resolver: a worker process with its own uid, no capability, a seccomp filter and no
 * file access. At boot it asks for every exact name of the policy at once; then it answers
 * the payload's DNS, and asks upstream only what the policy allows. The only process that
 * parses DNS; PID 1 gets fixed-size messages (resolver_ipc.h).
 */
#ifndef INIT_RESOLVER_RESOLVER_H
#define INIT_RESOLVER_RESOLVER_H

#include <sys/types.h>

#include "../lib/resolvconf.h"
#include "../lib/say.h"
#include "../policy/policy.h"
#include "ration.h"
#include "resolver_ipc.h"

/* The listening sockets: 127.0.0.1 and ::1 (fd -1 without IPv6), one port for all four. */
struct resolver_sockets {
	int udp4, tcp4, udp6, tcp6;
	uint16_t port;
};

struct resolver_config {
	const struct policy *policy;
	struct resolvconf conf; /* upstreams (--upstream replaces them), search, ndots */
	const struct hosts_entry *hosts; /* engine's /etc/hosts; answered as they stand */
	size_t hosts_count;
	struct resolver_sockets sockets;
	struct ration *rations; /* resolver_rations() of them */
	bool patient;           /* the boot waits to the end for servers that answer nothing */
	bool audit; /* answer for every name, report those that strict would refuse */
};

/* Binds the four sockets, close-on-exec. Called before the wall, which redirects to them. */
int resolver_listen(struct resolver_sockets *out, struct failure *f);
/* Closes them, so that questions are refused at once: for when no resolver will ever come. */
void resolver_unlisten(struct resolver_sockets *s);

/* How many rations there are: one for each rule of the policy, one for each of its names. */
size_t resolver_rations(const struct policy *p);

/*
 * Forks the worker. *channel is PID 1's end of the SOCK_SEQPACKET pair (non-blocking,
 * close-on-exec). boot: ask for all exact names and send RESOLVER_BOOTED when each is
 * answered or given up, within RESOLVER_BOOT_MS. Returns the pid, or -1. The worker ends when
 * the channel closes.
 */
#define RESOLVER_BOOT_MS 5000
pid_t resolver_start(
	const struct resolver_config *c, bool boot, int *channel, struct failure *f);

#endif
