/*
 * The second fence, in network namespaces like an engine's: what `ip route get` prints about
 * addresses inside and outside. Runs as root.
 */
#ifndef TESTS_UNIT_ROUTES_FIXTURE_H
#define TESTS_UNIT_ROUTES_FIXTURE_H

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include <sched.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include "../../init/route/routes.h"

static __attribute__((unused)) struct policy policy;
static __attribute__((unused)) struct wall_config config;
static __attribute__((unused)) struct routes *routes;

static __attribute__((unused)) void run(const char *command)
{
	if (system(command) != 0)
		fail_msg("%s", command);
}

static __attribute__((unused)) char *output_of(const char *command)
{
	size_t used = 0, n, room = 1 << 16;
	char *text = calloc(1, room);
	FILE *p = popen(command, "r");

	assert_non_null(p);
	while ((n = fread(text + used, 1, room - 1 - used, p)) > 0)
		used += n;
	pclose(p);
	return text;
}

/* Where the kernel would send a packet of the payload: "via X dev Y", "dev Y" (on the link),
 * "prohibited" for whatever it refuses, "lo" for what is local. */
static __attribute__((unused)) void assert_way_of(
	const char *flow, const char *to, const char *want)
{
	char command[128], *got;

	snprintf(command, sizeof(command), "ip route get %s %s 2>&1", to, flow);
	got = output_of(command);
	if (strcmp(want, "prohibited") == 0) {
		/* EACCES: prohibit; ENETUNREACH: no route at all */
		if (!strstr(got, "Permission denied") && !strstr(got, "prohibit") &&
			!strstr(got, "unreachable"))
			fail_msg("%s: %s", to, got);
	} else if (!strstr(got, want)) {
		fail_msg("%s: wanted %s: %s", to, want, got);
	}
	if (strncmp(want, "dev ", 4) == 0 && strstr(got, " via "))
		fail_msg("%s: wanted it on the link: %s", to, got);
	free(got);
}

static __attribute__((unused)) void assert_way(const char *to, const char *want)
{
	assert_way_of("uid 1000", to, want);
}

static __attribute__((unused)) int begin(void **state)
{
	(void)state;
	assert_int_equal(unshare(CLONE_NEWNET), 0);
	policy_init(&policy);
	memset(&config, 0, sizeof(config));
	config.policy = &policy;
	config.resolver_uid = UID_RESOLVER;
	config.gate_uid = UID_GATE;
	run("ip link set lo up");
	routes = NULL;
	return 0;
}

static __attribute__((unused)) int end(void **state)
{
	(void)state;
	routes_close(routes);
	policy_free(&policy);
	return 0;
}

/* The engine's bridge network, with IPv6 as well. */
static __attribute__((unused)) void bridge(void)
{
	/* Without link-local addresses, whose routes the kernel would add at some later
	 * time. */
	run("ip link add d-eth0 type veth peer name d-peer && "
	    "ip link set d-eth0 addrgenmode none && ip link set d-peer addrgenmode none && "
	    "ip link set d-peer up && "
	    "ip addr add 172.17.0.2/16 dev d-eth0 && "
	    "ip addr add 2001:db8:9::2/64 dev d-eth0 nodad && ip link set d-eth0 up && "
	    "ip route add default via 172.17.0.1 && ip -6 route add default via 2001:db8:9::1");
}

static __attribute__((unused)) void allow(const char *rule)
{
	struct rule_error e;

	if (policy_add(&policy, rule, RULE_ALLOW, ORIGIN_OPTION, NULL, NULL, &e) < 0)
		fail_msg("%s: %s", rule, e.reason);
}

static __attribute__((unused)) void upstream(const char *text)
{
	struct address a;

	assert_true(address_parse(text, strlen(text), &a));
	config.upstreams[config.upstreams_count++] = (struct endpoint){a, 53};
}

static __attribute__((unused)) void fence(void)
{
	struct failure f = {0};

	assert_int_equal(policy_compile(&policy), 0);
	if (routes_open(&routes, &f) < 0)
		fail_msg("%s: %s: %s", f.operation, f.subject, f.reason);
	config.gateways_count = routes_gateways(routes, config.gateways);
	if (routes_build(routes, &config, &f) < 0 || routes_verify(routes, &config, &f) < 0)
		fail_msg("%s: %s: %s", f.operation, f.subject, f.reason);
}

#endif
