/* The second fence: private rules, NAT64, public addresses, private pins. */
#include "routes_fixture.h"

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

int main(void)
{
#define T(test) cmocka_unit_test_setup_teardown(test, begin, end)
	const struct CMUnitTest tests[] = {
		T(private_rules_keep_their_route),
		T(a_rule_within_a_range_leaves_the_range_closed),
		T(the_widest_rule_opens_private_ranges_alone),
		T(networks_are_allowed_and_undone),
		T(nat64_addresses_are_just_as_closed),
		T(public_addresses_keep_their_route),
		T(a_private_pin_gets_a_route),
		T(a_network_connected_later),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
