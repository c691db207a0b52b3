/*
 * The input of both fences (nftables and policy routing): the policy and the facts about
 * this container. Filled during boot and constant afterwards, except for the policy's
 * runtime rules.
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

/* A TCP port in the container to which others may connect: only the gateway, through which
 * the machine itself connects, or anybody. */
struct published {
	uint16_t port;
	bool any;
};

struct wall_config {
	const struct policy *policy;
	uid_t resolver_uid;     /* the only uid that may reach the upstreams */
	uint16_t resolver_port; /* our resolver's port on 127.0.0.1 and ::1, UDP and TCP */
	uid_t gate_uid;         /* the only uid that may reach pins on ports 443 and 80 */
	uint16_t gate_port;     /* the gate's port on 127.0.0.1 and ::1; 0: no gate */
	struct endpoint upstreams[LIMIT_UPSTREAMS];
	size_t upstreams_count;
	/*
	 * An upstream is the engine's embedded resolver, 127.0.0.11 (boot/local_dns.h): a
	 * NAT rule in this namespace. Older engines forward its queries from this namespace
	 * as uid 0.
	 */
	bool embedded_dns;
	struct address gateways[LIMIT_GATEWAYS];
	size_t gateways_count;
	struct published published[LIMIT_PUBLISHED];
	size_t published_count;
	bool proxied; /* the gate may reach the set of proxies, and fake IPs are redirected to
			 it */
	bool asks;    /* addresses that stand for names to be asked about are redirected to the
		       * gate
		       */
	bool diverts; /* policy routing leads traffic to ports 443 and 80 to the gate
			 (route/divert.c) */
	/*
	 * The kernel lacks nft_fib, so a rule can't test whether an address is local. Then
	 * the payload has no IPv6 but ::1; for IPv4, routing refuses foreign source
	 * addresses as well.
	 */
	bool no_fib;
	bool audit; /* let through and record what would be refused */
};

#endif
