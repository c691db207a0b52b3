/*
 * The resolver: a worker process with its own uid, no capabilities, a seccomp filter and no
 * file access. At boot it queries every exact name of the policy at once; then it answers
 * the payload's DNS, and queries upstreams only for what the policy allows. It is the only
 * process that parses DNS from outside; PID 1 receives fixed-size messages (resolver_ipc.h).
 */
#ifndef INIT_RESOLVER_RESOLVER_H
#define INIT_RESOLVER_RESOLVER_H

#include <sys/types.h>

#include "../lib/resolvconf.h"
#include "../lib/say.h"
#include "../lib/stand_ins.h"
#include "../policy/policy.h"
#include "ration.h"
#include "resolver_ipc.h"

/* The listening sockets: 127.0.0.1 and ::1 (fd -1 without IPv6), all on the same port. */
struct resolver_sockets {
	int udp4, tcp4, udp6, tcp6;
	uint16_t port;
};

struct resolver_config {
	const struct policy *policy;
	struct resolvconf conf; /* upstreams (--upstream replaces them), search, ndots */
	const struct hosts_entry *hosts; /* the engine's /etc/hosts; answered as it stands */
	size_t hosts_count;
	struct resolver_sockets sockets;
	struct ration *rations; /* resolver_rations() of them */
	bool patient;           /* the boot waits its full time for servers that don't answer */
	bool audit; /* answer for every name, report those that strict would refuse */
	/* A client that uses TCP is the payload, and gets the address that stands for a name
	 * (FAKE_IP_CELL); one that uses UDP is the gate, since the payload has no UDP. */
	bool cell;
	/* Addresses for names that somebody is asked about; NULL: nobody is. */
	struct stand_ins *stand_ins;
};

/* Binds the four sockets, close-on-exec. Called before the wall is built, which redirects to
 * them. Returns 0, or -1 with *f filled. */
int resolver_listen(struct resolver_sockets *out, struct failure *f);
/* In the cell: UDP on a port of its own, and TCP on 127.0.0.1:53 for programs that can use
 * it. Without that port (it may need CAP_NET_BIND_SERVICE) tcp4 is -1. */
int resolver_listen_inward(struct resolver_sockets *out, struct failure *f);
/* Closes them, so that queries are refused at once, if no resolver will be started any more. */
void resolver_unlisten(struct resolver_sockets *s);

/* The number of rations: one for each rule that the policy has or may get, and one for each
 * of its names. */
size_t resolver_rations(const struct policy *p);

/*
 * Forks the worker. *channel is PID 1's end of a SOCK_SEQPACKET pair (non-blocking,
 * close-on-exec). boot: query all exact names and send RESOLVER_BOOTED when each is answered
 * or given up, within RESOLVER_BOOT_MS. Returns the pid, or -1 with *f filled. The worker
 * exits when the channel is closed.
 */
#define RESOLVER_BOOT_MS 5000
pid_t resolver_start(
	const struct resolver_config *c, bool boot, int *channel, struct failure *f);

#endif
