/* The second fence on the networks that engines make. */
#include "routes_fixture.h"

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

/* Nor addresses that stand for names to be asked about: these alone. */
static void names_to_be_asked_about_have_a_route(void **state)
{
	(void)state;
	bridge();
	config.asks = true;
	fence();
	assert_way("198.19.255.0", "via 172.17.0.1");
	assert_way("198.19.255.255", "via 172.17.0.1");
	assert_way("198.19.254.255", "prohibited");
	assert_way("198.18.0.1", "prohibited");
	config.asks = false;
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

int main(void)
{
#define T(test) cmocka_unit_test_setup_teardown(test, begin, end)
	const struct CMUnitTest tests[] = {
		T(the_bridge_network),
		T(names_behind_a_proxy_have_a_route),
		T(names_to_be_asked_about_have_a_route),
		T(without_one_they_have_none),
		T(an_internal_network_has_no_default),
		T(two_interfaces),
		T(a_gateway_beyond_the_subnet),
		T(an_onlink_gateway),
		T(a_link_without_a_gateway),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
