/* The second fence: upstreams, routers, devices, and questions. */
#include "routes_fixture.h"

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

int main(void)
{
#define T(test) cmocka_unit_test_setup_teardown(test, begin, end)
	const struct CMUnitTest tests[] = {
		T(the_main_table_stays_as_it_was),
		T(upstreams_in_special_ranges),
		T(a_router_may_have_a_private_address),
		T(binding_to_a_device_does_not_bypass_it),
		T(questions_of_the_payload_go_to_lo),
		T(without_a_way_out_our_own_questions_have_none),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
