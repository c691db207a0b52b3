/*
 * The second fence, in network namespaces like an engine's: what `ip route get` prints about
 * addresses inside and outside. Runs as root.
 */
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

static struct policy policy;
static struct wall_config config;
static struct routes *routes;

static void run(const char *command)
{
	if (system(command) != 0)
		fail_msg("%s", command);
}

static char *output_of(const char *command)
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
static void assert_way_of(const char *flow, const char *to, const char *want)
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

static void assert_way(const char *to, const char *want)
{
	assert_way_of("uid 1000", to, want);
}

static int begin(void **state)
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

static int end(void **state)
{
	(void)state;
	routes_close(routes);
	policy_free(&policy);
	return 0;
}

/* The engine's bridge network, with IPv6 as well. */
static void bridge(void)
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

static void allow(const char *rule)
{
	struct rule_error e;

	if (policy_add(&policy, rule, RULE_ALLOW, ORIGIN_OPTION, NULL, NULL, &e) < 0)
		fail_msg("%s: %s", rule, e.reason);
}

static void upstream(const char *text)
{
	struct address a;

	assert_true(address_parse(text, strlen(text), &a));
	config.upstreams[config.upstreams_count++] = (struct endpoint){a, 53};
}

static void fence(void)
{
	struct failure f = {0};

	assert_int_equal(policy_compile(&policy), 0);
	if (routes_open(&routes, &f) < 0)
		fail_msg("%s: %s: %s", f.operation, f.subject, f.reason);
	config.gateways_count = routes_gateways(routes, config.gateways);
	if (routes_build(routes, &config, &f) < 0 || routes_verify(routes, &config, &f) < 0)
		fail_msg("%s: %s: %s", f.operation, f.subject, f.reason);
}

static void the_bridge_network(void **state)
{
	char text[ADDRESS_TEXT];

	(void)state;
	bridge();
	upstream("172.17.0.53");
	upstream("10.0.0.53");
	assert_way("172.17.0.9", "dev d-eth0");
	assert_way("10.1.1.1", "via 172.17.0.1");
	assert_way("fd12::1", "via 2001:db8:9::1");
	fence();
	assert_int_equal(config.gateways_count, 2);
	assert_string_equal(address_text(&config.gateways[0], text), "172.17.0.1");
	assert_string_equal(address_text(&config.gateways[1], text), "2001:db8:9::1");
	assert_way("20.1.2.3", "via 172.17.0.1");
	assert_way("2600::7", "via 2001:db8:9::1");
	assert_way("172.17.0.1", "dev d-eth0");
	assert_way("172.17.0.53", "dev d-eth0");
	assert_way("10.0.0.53", "via 172.17.0.1");
	assert_way("172.17.0.9", "prohibited");
	assert_way("172.16.0.1", "prohibited");
	assert_way("10.1.1.1", "prohibited");
	assert_way("192.168.1.1", "prohibited");
	assert_way("169.254.169.254", "prohibited");
	assert_way("198.51.100.1", "prohibited");
	assert_way("2001:db8:9::9", "prohibited");
	assert_way("2001:db8:77::1", "prohibited");
	assert_way("fd12::1", "prohibited");
	assert_way("64:ff9b::1", "prohibited");
	/* The container's own addresses and loopback. */
	assert_way("172.17.0.2", "lo");
	assert_way("127.0.0.11", "lo");
	assert_way("::1", "lo");
	assert_way("2001:db8:9::2", "lo");
}

/* A prohibit route refuses before nftables can redirect: not the fake IPs of names behind a
 * proxy, but only those. */
static void names_behind_a_proxy_have_a_route(void **state)
{
	(void)state;
	bridge();
	config.proxied = true;
	fence();
	assert_way("198.18.0.1", "via 172.17.0.1");
	assert_way("198.51.100.1", "prohibited");
	assert_way("10.1.1.1", "prohibited");
}

static void without_one_they_have_none(void **state)
{
	(void)state;
	bridge();
	fence();
	assert_way("198.18.0.1", "prohibited");
}

static void an_internal_network_has_no_default(void **state)
{
	(void)state;
	run("ip link add d-eth0 type dummy 2>/dev/null || "
	    "ip link add d-eth0 type veth peer name d-peer; ip link set d-peer up; "
	    "ip addr add 172.18.0.2/16 dev d-eth0 && ip link set d-eth0 up");
	upstream("172.18.0.53");
	fence();
	assert_int_equal(config.gateways_count, 0);
	assert_way("172.18.0.53", "dev d-eth0");
	assert_way("172.18.0.9", "prohibited");
	assert_way("20.1.2.3", "prohibited");
}

/* An overlay network's task has two interfaces; the default route uses the second. */
static void two_interfaces(void **state)
{
	(void)state;
	run("ip link add d-eth0 type veth peer name d-p0 && ip link add d-eth1 type veth peer "
	    "name "
	    "d-p1 && ip link set d-p0 up && ip link set d-p1 up && "
	    "ip addr add 10.0.1.5/24 dev d-eth0 && ip addr add 172.19.0.3/16 dev d-eth1 && "
	    "ip link set d-eth0 up && ip link set d-eth1 up && "
	    "ip route add default via 172.19.0.1 dev d-eth1");
	allow("10.0.1.0/24:5432+private");
	upstream("10.0.1.53");
	fence();
	assert_way("20.1.2.3", "via 172.19.0.1");
	assert_way("172.19.0.1", "dev d-eth1");
	assert_way("172.19.0.9", "prohibited");
	assert_way("10.0.1.53", "dev d-eth0");
	assert_way("10.0.1.9", "dev d-eth0");
	assert_way("10.0.2.9", "prohibited");
}

/* As some orchestrators do: a gateway outside of our networks. */
static void a_gateway_beyond_the_subnet(void **state)
{
	(void)state;
	run("ip link add d-eth0 type veth peer name d-peer && ip link set d-peer up && "
	    "ip addr add 10.244.0.7/32 dev d-eth0 && ip link set d-eth0 up && "
	    "ip route add 169.254.1.1 dev d-eth0 scope link && "
	    "ip route add default via 169.254.1.1 dev d-eth0");
	upstream("10.96.0.10");
	fence();
	assert_way("169.254.1.1", "dev d-eth0");
	assert_way("20.1.2.3", "via 169.254.1.1");
	assert_way("10.96.0.10", "via 169.254.1.1");
	assert_way("10.96.0.11", "prohibited");
	assert_way("169.254.169.254", "prohibited");
}

static void an_onlink_gateway(void **state)
{
	(void)state;
	run("ip link add d-eth0 type veth peer name d-peer && ip link set d-peer up && "
	    "ip addr add 10.244.0.7/32 dev d-eth0 && ip link set d-eth0 up && "
	    "ip route add default via 10.9.9.9 dev d-eth0 onlink");
	upstream("10.96.0.10");
	fence();
	assert_way("20.1.2.3", "via 10.9.9.9");
	assert_way("10.96.0.10", "via 10.9.9.9");
	assert_way("10.9.9.8", "prohibited");
}

static void a_link_without_a_gateway(void **state)
{
	(void)state;
	run("ip link add d-eth0 type veth peer name d-peer && ip link set d-peer up && "
	    "ip addr add 10.0.2.100 peer 10.0.2.2 dev d-eth0 && ip link set d-eth0 up && "
	    "ip route add default dev d-eth0");
	upstream("10.0.2.3");
	fence();
	assert_int_equal(config.gateways_count, 0);
	assert_way("20.1.2.3", "dev d-eth0");
	assert_way("10.0.2.3", "dev d-eth0");
	assert_way("10.0.2.2", "prohibited");
}

static void private_rules_keep_their_route(void **state)
{
	(void)state;
	bridge();
	run("ip route add 10.8.0.0/16 via 172.17.0.99 && ip route add 20.5.0.0/16 via "
	    "172.17.0.98");
	allow("10.8.7.0/24:22+private");
	allow("10.7.0.0/16:22+private");
	allow("172.17.5.0/24:22+private");
	allow("192.168.0.0/16:22+private");
	allow("[fd12:3::/32]:22+private");
	fence();
	assert_way("10.8.7.1", "via 172.17.0.99");
	assert_way("10.8.6.1", "prohibited");
	assert_way("10.7.1.1", "via 172.17.0.1");
	assert_way("172.17.5.1", "dev d-eth0");
	assert_way("172.17.6.1", "prohibited");
	assert_way("192.168.1.1", "via 172.17.0.1"); /* a whole range */
	assert_way("fd12:3::1", "via 2001:db8:9::1");
	assert_way("fd12:4::1", "prohibited");
	assert_way("20.5.1.1", "via 172.17.0.98"); /* public: not ours to close */
}

/* A rule for the beginning of a range opens that, not the range. */
static void a_rule_within_a_range_leaves_the_range_closed(void **state)
{
	(void)state;
	bridge();
	allow("10.0.0.0/24:22+private");
	allow("172.16.0.0/13:22+private");
	allow("[fc00::/8]:22+private");
	fence();
	assert_way("10.0.0.9", "via 172.17.0.1");
	assert_way("10.0.1.9", "prohibited");
	assert_way("10.9.9.9", "prohibited");
	assert_way("172.17.0.9", "dev d-eth0");
	assert_way("172.24.0.9", "prohibited");
	assert_way("fc00::9", "via 2001:db8:9::1");
	assert_way("fd00::9", "prohibited");
}

/* Not even a rule for everything opens special ranges: cloud metadata, multicast. */
static void the_widest_rule_opens_private_ranges_alone(void **state)
{
	static const char *const special[] = {"169.254.169.254", "169.254.1.1",
		"100.100.100.200", "168.63.129.16", "224.0.0.251", "239.255.255.250",
		"240.0.0.1", "0.0.0.1", "0.250.250.253", "192.0.2.1", "64:ff9b::a9fe:a9fe",
		"64:ff9b::6464:64c8", "64:ff9b::7f00:1", "64:ff9b::1", "64:ff9b:1::a00:1",
		"2001:db8:77::1", "2002:a00:1::1", "fd00:ec2::254", "fd20:ce::254"};

	(void)state;
	bridge();
	allow("0.0.0.0/0:443+private");
	allow("[::/0]:443+private");
	fence();
	assert_way("10.9.9.9", "via 172.17.0.1");
	assert_way("192.168.1.1", "via 172.17.0.1");
	assert_way("198.18.0.1", "via 172.17.0.1");
	assert_way("0.250.250.254", "via 172.17.0.1");
	assert_way("169.254.1.2", "via 172.17.0.1");
	assert_way("fd12::1", "via 2001:db8:9::1");
	assert_way("64:ff9b::a09:909", "via 2001:db8:9::1");
	assert_way("64:ff9b::c612:1", "via 2001:db8:9::1");
	for (size_t i = 0; i < sizeof(special) / sizeof(special[0]); i++)
		assert_way(special[i], "prohibited");
}

/* The fence goes by what codex-egress says of +private networks. */
static void networks_are_allowed_and_undone(void **state)
{
	static struct policy_overlay overlay;
	struct policy_change change;
	struct rule_error e;
	struct failure f = {0};
	const struct address host = {4, {10, 7, 7, 7}};

	(void)state;
	bridge();
	allow("10.1.0.0/16:443+private");
	policy.overlay = &overlay;
	fence();
	assert_int_equal(routes_allow(routes, &host, &f), 0);
	for (int i = 0; i < 2; i++) {
		const char *rule = i ? "0.0.0.0/0:22+private" : "10.2.0.0/16:22+private";

		assert_way("10.2.0.9", "prohibited");
		assert_int_equal(
			policy_say(&policy, rule, RULE_ALLOW, NULL, NULL, &change, &e), 0);
		assert_true(change.private);
		assert_int_equal(routes_follow(routes, &config, &f), 0);
		assert_int_equal(routes_verify(routes, &config, &f), 0);
		assert_way("10.2.0.9", "via 172.17.0.1");
		assert_way("10.3.0.9", i ? "via 172.17.0.1" : "prohibited");
		assert_way("169.254.169.254", "prohibited");
		assert_int_equal(policy_undo(&policy, rule, NULL, NULL, &change, &e), 0);
		assert_int_equal(routes_follow(routes, &config, &f), 0);
		assert_int_equal(routes_verify(routes, &config, &f), 0);
		assert_way("10.2.0.9", "prohibited");
		assert_way("10.1.0.9", "via 172.17.0.1");
		assert_way("10.7.7.7", "via 172.17.0.1"); /* a pin's */
	}
	policy.overlay = NULL;
}

/* NAT64 addresses are treated like the IPv4 ones inside them. */
static void nat64_addresses_are_just_as_closed(void **state)
{
	(void)state;
	bridge();
	allow("10.9.0.0/16:443+private");
	fence();
	assert_way("64:ff9b::808:808", "via 2001:db8:9::1");
	assert_way("64:ff9b::a09:1", "via 2001:db8:9::1");
	assert_way("64:ff9b::a0a:1", "prohibited");
	assert_way("64:ff9b::c0a8:1", "prohibited");
	assert_way("64:ff9b::c612:1", "prohibited");
	assert_way("64:ff9b::ac11:1", "prohibited"); /* the gateway, through NAT64 */
	assert_way("64:ff9b::a9fe:a9fe", "prohibited");
	assert_way("64:ff9a::808:808", "prohibited");
	assert_way("64:ff9b:0:0:0:1:808:808", "prohibited");
}

/* Public addresses are left to the main table, and to nftables; a route that covers more
 * than public networks isn't followed for the rest. */
static void public_addresses_keep_their_route(void **state)
{
	(void)state;
	bridge();
	run("ip addr add 20.9.0.2/16 dev d-eth0 && ip -6 addr add 2600:9::2/64 dev d-eth0 "
	    "nodad && ip route add 20.5.0.0/16 via 172.17.0.98 && "
	    "ip route add 8.0.0.0/6 via 172.17.0.97 && "
	    "ip -6 route add 2600:5::/32 via 2001:db8:9::98 && "
	    "ip -6 route add 2000::/5 via 2001:db8:9::97");
	fence();
	assert_way("20.9.1.1", "dev d-eth0");
	assert_way("2600:9::1", "dev d-eth0");
	assert_way("20.5.1.1", "via 172.17.0.98");
	assert_way("2600:5::1", "via 2001:db8:9::98");
	assert_way("9.1.1.1", "via 172.17.0.97");
	assert_way("10.1.1.1", "prohibited");
	assert_way("2400::1", "via 2001:db8:9::97");
	assert_way("2001:db8:9::9", "prohibited");
}

static void a_private_pin_gets_a_route(void **state)
{
	struct address on_link = {4, {172, 17, 0, 9}}, beyond = {4, {10, 3, 3, 3}},
		       public = {4, {20, 1, 2, 3}}, six = {6, {0xfd, 0x12, [15] = 1}};
	struct failure f = {0};

	(void)state;
	bridge();
	fence();
	assert_way("10.3.3.3", "prohibited");
	for (int i = 0; i < 2; i++) { /* the same again is no error */
		assert_int_equal(routes_allow(routes, &on_link, &f), 0);
		assert_int_equal(routes_allow(routes, &beyond, &f), 0);
		assert_int_equal(routes_allow(routes, &public, &f), 0);
		assert_int_equal(routes_allow(routes, &six, &f), 0);
	}
	assert_way("172.17.0.9", "dev d-eth0");
	assert_way("172.17.0.8", "prohibited");
	assert_way("10.3.3.3", "via 172.17.0.1");
	assert_way("10.3.3.4", "prohibited");
	assert_way("fd12::1", "via 2001:db8:9::1");
	assert_way("fd12::2", "prohibited");
	assert_int_equal(routes_verify(routes, &config, &f), 0);
}

/* `docker network connect`, and disconnect: the engine changes the main table as it likes. */
static void a_network_connected_later(void **state)
{
	struct address db = {4, {10, 20, 0, 9}}, db6 = {6, {0xfd, 0x20, [15] = 9}};
	struct failure f = {0};

	(void)state;
	bridge();
	upstream("172.17.0.53");
	fence();
	run("ip link add d-eth1 type veth peer name d-p1 && ip link set d-p1 up && "
	    "ip addr add 10.20.0.2/16 dev d-eth1 && ip addr add fd20::2/64 dev d-eth1 nodad && "
	    "ip link set d-eth1 up && ip route replace default via 10.20.0.1");
	assert_int_equal(routes_verify(routes, &config, &f), 0);
	assert_way("20.1.2.3", "via 10.20.0.1");
	assert_way("10.20.0.9", "prohibited");
	assert_way("10.20.0.1", "prohibited");
	assert_way("fd20::9", "prohibited");
	assert_way("172.17.0.53", "dev d-eth0");
	assert_int_equal(routes_allow(routes, &db, &f), 0);
	assert_int_equal(routes_allow(routes, &db6, &f), 0);
	assert_way("10.20.0.9", "dev d-eth1");
	assert_way("fd20::9", "dev d-eth1");
	assert_way("10.20.0.8", "prohibited");
	assert_way("fd20::8", "prohibited");
	run("ip link del d-eth1 && ip route add default via 172.17.0.1");
	assert_way("20.1.2.3", "via 172.17.0.1");
	assert_way("10.20.0.9", "via 172.17.0.1"); /* the name's claimed address */
	assert_way("10.20.0.8", "prohibited");
	assert_int_equal(routes_verify(routes, &config, &f), 0);
}

static void the_main_table_stays_as_it_was(void **state)
{
	char *before, *after;

	(void)state;
	bridge();
	allow("10.8.7.0/24:22+private");
	upstream("10.0.0.53");
	before = output_of("ip route; ip -6 route");
	fence();
	after = output_of("ip route; ip -6 route");
	assert_string_equal(before, after);
	free(before);
	free(after);
}

/* Clouds' servers, in ranges that are otherwise special. */
static void upstreams_in_special_ranges(void **state)
{
	static const char *const servers[] = {
		"168.63.129.16", "169.254.169.253", "100.100.2.136", "fd00:ec2::253"};

	(void)state;
	bridge();
	for (size_t i = 0; i < 3; i++)
		upstream(servers[i]);
	fence();
	for (size_t i = 0; i < 3; i++)
		assert_way(servers[i], "via 172.17.0.1");
	assert_way("169.254.169.254", "prohibited");
	assert_way("100.100.2.137", "prohibited");
	routes_close(routes);
	config.upstreams_count = 0;
	upstream(servers[3]);
	fence();
	assert_way(servers[3], "via 2001:db8:9::1");
	for (size_t i = 0; i < 3; i++)
		assert_way(servers[i], "prohibited");
}

/* "Fragmentation needed" comes from any router on the path, and Debian's hosts check that
 * there is a route back to it (rp_filter). */
static void a_router_may_have_a_private_address(void **state)
{
	char *got;

	(void)state;
	bridge();
	run("echo 2 >/proc/sys/net/ipv4/conf/all/rp_filter");
	fence();
	got = output_of("ip route get 172.17.0.2 from 10.9.9.9 iif d-eth0 2>&1");
	if (!strstr(got, "local"))
		fail_msg("%s", got);
	free(got);
}

/* An IPv6 socket may bind to a device without privilege, which bypasses lo's routes. */
static void binding_to_a_device_does_not_bypass_it(void **state)
{
	static const char *const to[] = {
		"2001:db8:9::9", "fd12::1", "fd00:ec2::254", "64:ff9b::a00:1"};

	(void)state;
	bridge();
	allow("[fd12:3::/32]:22+private");
	fence();
	for (size_t i = 0; i < sizeof(to) / sizeof(to[0]); i++)
		assert_way_of("uid 1000 oif d-eth0", to[i], "prohibited");
	assert_way_of("uid 1000 oif d-eth0", "fd12:3::1", "via 2001:db8:9::1");
	assert_way_of("uid 1000 oif d-eth0", "2600::7", "via 2001:db8:9::1");
}

/* Whatever server resolv.conf names, nftables can redirect a query only if it has a route. */
static void questions_of_the_payload_go_to_lo(void **state)
{
	static const char *const servers[] = {"192.168.1.1", "10.0.0.2", "169.254.169.254",
		"172.17.0.53", "8.8.8.8", "fd00::53", "2600::53"};

	(void)state;
	bridge();
	upstream("172.17.0.53");
	fence();
	for (size_t i = 0; i < sizeof(servers) / sizeof(servers[0]); i++) {
		assert_way_of("uid 1000 ipproto udp dport 53", servers[i], "dev lo");
		assert_way_of("uid 1000 ipproto tcp dport 53", servers[i], "dev lo");
	}
	assert_way_of("uid 1000 ipproto udp dport 54", "192.168.1.1", "prohibited");
	assert_way_of("uid 1000 ipproto tcp sport 53", "192.168.1.1", "prohibited");
	/* The resolver's own queries go out, and not to where the payload could answer. */
	assert_way_of("uid 65311 ipproto udp dport 53", "172.17.0.53", "dev d-eth0");
	assert_way_of("uid 65311 ipproto udp dport 53", "8.8.8.8", "via 172.17.0.1");
	/* The probe as well, which tests nftables and not this; and nobody but these three. */
	assert_way_of("uid 65310 ipproto udp dport 53", "8.8.8.8", "via 172.17.0.1");
	assert_way_of("uid 65309 ipproto udp dport 53", "8.8.8.8", "dev lo");
	assert_way_of("uid 65313 ipproto udp dport 53", "8.8.8.8", "dev lo");
	assert_way_of("uid 65311 ipproto udp dport 53", "192.168.1.1", "prohibited");
	assert_way_of("uid 65312 ipproto udp dport 53", "192.168.1.1", "prohibited");
	assert_way_of("uid 0 ipproto udp dport 53", "192.168.1.1", "via 172.17.0.1");
}

static void without_a_way_out_our_own_questions_have_none(void **state)
{
	static const char *const servers[] = {"8.8.8.8", "2600::53"};

	(void)state;
	run("ip link add d-eth0 type veth peer name d-peer; ip link set d-peer up; "
	    "ip addr add 172.18.0.2/16 dev d-eth0 && ip link set d-eth0 up");
	upstream(servers[0]);
	upstream(servers[1]);
	fence();
	for (size_t i = 0; i < 2; i++) {
		assert_way_of("uid 1000 ipproto udp dport 53", servers[i], "dev lo");
		assert_way_of("uid 65311 ipproto udp dport 53", servers[i], "prohibited");
		assert_way_of("uid 65312 ipproto tcp dport 53", servers[i], "prohibited");
		assert_way_of("uid 0 ipproto udp dport 53", servers[i], "prohibited");
	}
}

static void every_change_is_found(void **state)
{
	static const char *const tampering[] = {
		"ip rule del pref 10 to 10.0.0.0/8",
		"ip rule del pref 8 to 169.254.0.0/16",
		"ip rule del pref 10 to 10.0.0.0/8 && ip rule add pref 10 to 10.0.0.0/9 "
		"prohibit",
		"ip rule del pref 10 to 10.0.0.0/8 && ip rule add pref 10 to 10.0.0.0/8 nop",
		"ip rule del pref 10 to 10.0.0.0/8 && "
		"ip rule add pref 40000 to 10.0.0.0/8 prohibit",
		"ip rule del pref 10 to 10.0.0.0/8 && "
		"ip rule add pref 10 to 10.0.0.0/8 prohibit fwmark 1",
		"ip rule del pref 10 to 10.0.0.0/8 && "
		"ip rule add pref 10 to 10.0.0.0/8 prohibit iif lo",
		"ip rule del pref 10 to 10.0.0.0/8 && "
		"ip rule add not pref 10 to 10.0.0.0/8 prohibit",
		"ip rule del pref 10 to 10.0.0.0/8 && "
		"ip rule add pref 10 to 10.0.0.0/8 prohibit uidrange 7-7",
		"ip rule del pref 10 to 10.0.0.0/8 && "
		"ip rule add pref 10 to 10.0.0.0/8 prohibit ipproto udp",
		"ip rule add pref 6 to 10.0.0.0/9 lookup main",
		"ip rule add pref 9 lookup main",
		"ip -6 rule del pref 10 to fc00::/7",
		"ip -6 rule add pref 9 to fd12::/16 lookup main",
		"ip rule del pref 2 && ip rule add pref 2 lookup main uidrange 0-1000",
		"ip rule del pref 2",
		"ip rule del pref 3",
		"ip rule del pref 3 && ip rule add pref 3 uidrange 65310-65312 goto 10",
		"ip rule del pref 3 && ip rule add pref 3 uidrange 1000-65312 goto 5",
		"ip -6 rule del pref 4",
		"ip rule del pref 5",
		"ip rule del pref 6",
		"ip rule del pref 11",
		"ip rule add pref 1 lookup main",
		"ip rule add pref 1 lookup 121",
		"ip rule add pref 2 lookup main",
		"ip rule add pref 0 to 10.0.0.0/8 lookup main",
		"ip -6 rule add pref 0 to fd00::/8 lookup main",
		"ip -6 rule add pref 1 ipproto tcp lookup main",
		"ip -6 rule del pref 7 to 64:ff9b::/96",
		"ip -6 rule del pref 7 to 64:ff9b::a9fe:0/112",
		"ip -6 rule del pref 10 to 64:ff9b::a00:0/104",
		"ip -6 rule add pref 7 to 64:ff9b::a9fe:a9fe goto 9",
		"ip rule del pref 8 to 100.100.100.200",
		"ip route replace default via 172.17.0.1 table 122",
		"ip route add 10.0.0.0/8 via 172.17.0.1 table 121",
	};

	(void)state;
	for (size_t i = 0; i < sizeof(tampering) / sizeof(tampering[0]); i++) {
		struct failure f = {0};

		assert_int_equal(unshare(CLONE_NEWNET), 0);
		run("ip link set lo up");
		bridge();
		routes_close(routes);
		config.upstreams_count = 0;
		fence();
		run(tampering[i]);
		if (routes_verify(routes, &config, &f) == 0)
			fail_msg("not found: %s", tampering[i]);
		assert_true(f.operation[0] && f.subject[0] && f.reason[0]);
	}
}

/* Rules after ours, as CNI plugins of several networks add them, aren't ours. */
static void rules_behind_the_fence_are_others(void **state)
{
	(void)state;
	bridge();
	run("ip rule add pref 100 from 172.17.0.2 lookup 100 && "
	    "ip route add default via 172.17.0.9 table 100");
	fence();
	assert_way("10.1.1.1", "prohibited");
}

/* A pod's namespace outlives its containers: the fence of the first start is there. */
static void a_second_start_in_the_same_namespace(void **state)
{
	struct address beyond = {4, {10, 3, 3, 3}};
	struct failure f = {0};

	(void)state;
	bridge();
	upstream("10.0.0.53");
	fence();
	assert_int_equal(routes_allow(routes, &beyond, &f), 0);
	routes_close(routes);
	fence();
	assert_way("10.0.0.53", "via 172.17.0.1");
	assert_way("10.3.3.3", "prohibited");
	assert_way("172.17.0.9", "prohibited");
	assert_int_equal(routes_allow(routes, &beyond, &f), 0);
	assert_way("10.3.3.3", "via 172.17.0.1");
}

static void ipv6_switched_off(void **state)
{
	char *six;

	(void)state;
	run("for i in all default lo; do echo 1 >/proc/sys/net/ipv6/conf/$i/disable_ipv6; "
	    "done; "
	    "ip link add d-eth0 type veth peer name d-peer && ip link set d-peer up && "
	    "ip addr add 172.17.0.2/16 dev d-eth0 && ip link set d-eth0 up && "
	    "ip route add default via 172.17.0.1");
	allow("[fd12:3::/32]:22+private");
	fence();
	assert_way("10.1.1.1", "prohibited");
	six = output_of("ip -6 route get 2600::7 2>&1");
	assert_true(strstr(six, "unreachable") || strstr(six, "prohibit") ||
		    strstr(six, "Permission") || strstr(six, "denied"));
	free(six);
}

/* The number of rules for pins is bounded. */
static void rules_have_a_bound(void **state)
{
	struct address a = {4, {10, 3, 0, 0}};
	struct failure f = {0};
	int done = 0;
	size_t more;

	(void)state;
	bridge();
	fence();
	for (more = 0; done == 0 && more <= LIMIT_FENCE_HOSTS; more++) {
		a.bytes[2] = (uint8_t)(more >> 8);
		a.bytes[3] = (uint8_t)more;
		done = routes_allow(routes, &a, &f);
	}
	assert_int_equal(done, -1);
	assert_non_null(strstr(f.reason, "too many"));
	assert_in_range(more, LIMIT_FENCE_HOSTS / 2, LIMIT_FENCE_HOSTS + 1);
	/* And the existing ones are in effect. */
	assert_int_equal(routes_verify(routes, &config, &f), 0);
}

#define ALL "ip route show table all; ip -6 route show table all; ip rule; ip -6 rule"

static void audit_leaves_the_routes_alone(void **state)
{
	const struct address private = {4, {10, 3, 3, 3}};
	struct failure f;
	char *before, *after;

	(void)state;
	bridge();
	before = output_of(ALL);
	fence(); /* what an earlier start left is removed, too */
	routes_close(routes);
	config.audit = true;
	fence();
	assert_int_equal(routes_allow(routes, &private, &f), 0);
	after = output_of(ALL);
	assert_string_equal(before, after);
	free(before);
	free(after);
}

static void without_the_capability(void **state)
{
	int status;
	pid_t pid;

	(void)state;
	bridge();
	pid = fork();
	if (pid == 0) {
		struct failure f = {0};
		struct routes *r;

		if (policy_compile(&policy) < 0 || setuid(1000) < 0 ||
			routes_open(&r, &f) < 0 || routes_build(r, &config, &f) == 0)
			_exit(1);
		_exit(strstr(f.hint, "--cap-add=NET_ADMIN") ? 0 : 2);
	}
	waitpid(pid, &status, 0);
	assert_int_equal(status, 0);
}

int main(void)
{
#define T(test) cmocka_unit_test_setup_teardown(test, begin, end)
	const struct CMUnitTest tests[] = {
		T(the_bridge_network),
		T(names_behind_a_proxy_have_a_route),
		T(without_one_they_have_none),
		T(an_internal_network_has_no_default),
		T(two_interfaces),
		T(a_gateway_beyond_the_subnet),
		T(an_onlink_gateway),
		T(a_link_without_a_gateway),
		T(private_rules_keep_their_route),
		T(a_rule_within_a_range_leaves_the_range_closed),
		T(the_widest_rule_opens_private_ranges_alone),
		T(networks_are_allowed_and_undone),
		T(nat64_addresses_are_just_as_closed),
		T(public_addresses_keep_their_route),
		T(a_private_pin_gets_a_route),
		T(a_network_connected_later),
		T(the_main_table_stays_as_it_was),
		T(upstreams_in_special_ranges),
		T(a_router_may_have_a_private_address),
		T(binding_to_a_device_does_not_bypass_it),
		T(questions_of_the_payload_go_to_lo),
		T(without_a_way_out_our_own_questions_have_none),
		T(every_change_is_found),
		T(rules_behind_the_fence_are_others),
		T(a_second_start_in_the_same_namespace),
		T(ipv6_switched_off),
		T(rules_have_a_bound),
		T(audit_leaves_the_routes_alone),
		T(without_the_capability),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
