/*
 * What both fences, nftables' and routing's, are made from: the policy, and the facts of this
 * container. Filled by the boot; constant from then on, but for what the policy denies later.
 */
#ifndef INIT_POLICY_WALL_CONFIG_H
#define INIT_POLICY_WALL_CONFIG_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

#include "../lib/address.h"
#include "../lib/limits.h"
#include "policy.h"

struct wall_config {
	const struct policy *policy;
	uid_t resolver_uid;     /* the only uid that may reach the upstreams */
	uint16_t resolver_port; /* where our resolver listens on 127.0.0.1 and ::1, UDP and TCP
				 */
	uid_t gate_uid;         /* the only uid that may reach pins on the web's ports */
	uint16_t gate_port; /* where the gate listens on 127.0.0.1 and ::1; 0: there is none */
	struct endpoint upstreams[LIMIT_UPSTREAMS];
	size_t upstreams_count;
	/*
	 * An upstream is the engine's embedded resolver, 127.0.0.11 (boot/local_dns.h): a NAT
	 * in this namespace, and older engines forward its questions from inside this namespace
	 * as uid 0.
	 */
	bool embedded_dns;
	struct address gateways[LIMIT_GATEWAYS];
	size_t gateways_count;
	bool proxied; /* the gate may go to the set of proxies, and invented addresses to it */
	bool diverts; /* routing leads what is sent to the web's ports to the gate
			 (route/divert.c) */
	/*
	 * The kernel can't tell in a rule which addresses are ours (fib). Then the payload has
	 * no IPv6 but ::1: for IPv4 routing refuses other sources as well.
	 */
	bool no_fib;
	bool audit; /* let through and record what would be refused */
};

#endif
