/* The wall, loopback, what comes in, and neighbours. */
#include "wall_pins_fixture.h"

static void loopback_and_own_addresses_work(void **state)
{
	int s4, s6;

	(void)state;
	build();
	s4 = listener(AF_INET, SOCK_STREAM, 8080);
	s6 = listener(AF_INET6, SOCK_STREAM, 8080);
	assert_int_equal(tcp(PAYLOAD, "127.0.0.1", 8080), 0);
	assert_int_equal(tcp(PAYLOAD, "::1", 8080), 0);
	assert_int_equal(tcp(PAYLOAD, "172.30.0.2", 8080), 0);
	assert_int_equal(tcp(PAYLOAD, "2001:db8:9::2", 8080), 0);
	assert_int_equal(tcp(PAYLOAD, "127.0.0.1", 8081), ECONNREFUSED);
	close(s4);
	close(s6);
}

static void nothing_comes_in(void **state)
{
	int s4 = listener(AF_INET, SOCK_STREAM, 8080);
	int s6 = listener(AF_INET6, SOCK_STREAM, 8080);

	(void)state;
	enter(world_outside);
	assert_int_equal(tcp(PAYLOAD, "172.30.0.2", 8080), 0);
	assert_int_equal(tcp(PAYLOAD, "2001:db8:9::2", 8080), 0);
	enter(world_inside);
	build();
	enter(world_outside);
	attempt_ms = 400;
	assert_int_equal(tcp(PAYLOAD, "172.30.0.2", 8080), NO_ANSWER);
	assert_int_equal(tcp(PAYLOAD, "2001:db8:9::2", 8080), NO_ANSWER);
	attempt_ms = ATTEMPT_MS;
	enter(world_inside);
	close(s4);
	close(s6);
}

/* Errors about our own packets (RFC 792, RFC 4443): unreachable, too large for the path. */
static void errors_about_our_own_packets_come_in(void **state)
{
	static const char *const to[] = {"20.7.7.7", "2600::7:7"};

	(void)state;
	build();
	/* One that arrives while the SYN is being sent is ignored; then the next counts,
	 * after a second (RFC 6298). The kernel sends few a second for the whole machine
	 * (icmp_msgs_per_sec), so there is more than one attempt. */
	attempt_ms = 5000;
	enter(world_outside);
	run("ip route add prohibit 20.7.7.7 && ip -6 route add prohibit 2600::7:7");
	enter(world_inside);
	for (size_t i = 0; i < 2; i++) {
		int error = NO_ANSWER;

		pin(to[i], 443, false, 60);
		for (int attempt = 0; attempt < 5 && error == NO_ANSWER; attempt++)
			error = tcp(PAYLOAD, to[i], 443);
		assert_true(reached(to[i]));
		if (error != EHOSTUNREACH && error != EACCES)
			fail_msg("%s: %s", to[i],
				error == NO_ANSWER ? "nothing" : strerror(error));
	}
	enter(world_outside);
	run("ip route del prohibit 20.7.7.7 && ip -6 route del prohibit 2600::7:7");
	enter(world_inside);
	attempt_ms = ATTEMPT_MS;
}

/* IPv6 fails without it; the neighbour cache is emptied so that it is really needed. */
static void neighbours_are_still_found(void **state)
{
	(void)state;
	build();
	pin("2600::7", 443, false, 0);
	run("ip -6 neigh flush all && ip neigh flush all");
	enter(world_outside);
	run("ip -6 neigh flush all && ip neigh flush all");
	enter(world_inside);
	assert_int_equal(tcp(PAYLOAD, "2600::7", 443), 0);
}

int main(void)
{
#define W(test) cmocka_unit_test_setup_teardown(test, begin, end)
	const struct CMUnitTest tests[] = {
		W(loopback_and_own_addresses_work),
		W(nothing_comes_in),
		W(errors_about_our_own_packets_come_in),
		W(neighbours_are_still_found),
	};

	return cmocka_run_group_tests(tests, world_up, world_down);
}
