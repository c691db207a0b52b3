/* Whose source a packet may have. */
#include "wall_sources_fixture.h"

#define FORGED (sizeof(forged) / sizeof(forged[0]))

static void without_a_wall_every_source_is_anybodys(void **state)
{
	struct attempt t = {.uid = PAYLOAD, .type = SOCK_STREAM, .source = "2001:db8:dead::1"};

	(void)state;
	for (size_t i = 0; i < FORGED; i++)
		if (!arrives(PAYLOAD, &forged[i]))
			fail_msg("%s did not arrive", forged[i].source);
	assert_true(connects(PAYLOAD, &forged[0]));
	captured(NULL, false);
	attempt(&t, "2600::7", 22);
	assert_true(captured("2001:db8:dead::1", true));
}

static void nothing_is_forged(void)
{
	static const char *const sources[] = {
		"2001:db8:dead::1", UPSTREAM6, "2001:db8:9::1", "fd00::1", "::1"};

	for (size_t i = 0; i < FORGED; i++) {
		if (arrives(PAYLOAD, &forged[i]) || connects(PAYLOAD, &forged[i]))
			fail_msg("%s port %u arrived at %s", forged[i].source, forged[i].port,
				forged[i].to);
		assert_false(captured(forged[i].source, true));
	}
	for (size_t i = 0; i < sizeof(sources) / sizeof(sources[0]); i++) {
		struct attempt t = {.uid = PAYLOAD, .source = sources[i]};

		for (t.type = SOCK_STREAM; t.type <= SOCK_DGRAM; t.type++) {
			attempt(&t, "2600::7", 22);
			attempt(&t, "2600::7", 443);
			attempt(&t, UPSTREAM6, 53);
			attempt(&t, "2600::9", 25);
			if (captured(sources[i], true))
				fail_msg("%s left", sources[i]);
		}
	}
}

static void no_source_but_ones_own_leaves(void **state)
{
	(void)state;
	build();
	nothing_is_forged();
	/* A datagram is refused by the call itself. */
	{
		struct attempt t = {
			.uid = PAYLOAD, .type = SOCK_DGRAM, .source = "127.0.0.11", .from = 53};

		assert_int_equal(attempt(&t, "127.0.0.1", WORKERS_PORT), EPERM);
		t.source = UPSTREAM6;
		assert_int_equal(attempt(&t, "::1", WORKERS_PORT), EPERM);
	}
}

/* Audit mode lets through what strict would refuse, except for what would falsify the audit. */
static void not_in_audit_mode_either(void **state)
{
	(void)state;
	config.audit = true;
	build();
	nothing_is_forged();
}

static void nor_with_pins_alone(void **state)
{
	(void)state;
	config.gate_port = 0;
	build();
	nothing_is_forged();
}

/* The workers and root in `docker exec` may: the gate replies with the address that its
 * client connected to, and 127.0.0.11 is the engine's. */
static void the_gate_and_the_engine_answer_by_other_names(void **state)
{
	const struct forged gate = {"2600::7", 443, "::1"};

	(void)state;
	build();
	assert_true(arrives(GATE, &gate));
	assert_true(arrives(0, &forged[0]));
}

static void all_of_ones_own_addresses_work(void)
{
	static const struct forged own[] = {{"127.0.0.1", 0, "127.0.0.1"},
		{"127.0.0.1", 53, "127.0.0.1"}, {"127.0.0.2", 0, "127.0.0.1"},
		{"127.0.0.12", 4000, "172.30.0.2"}, {"172.30.0.2", 0, "127.0.0.1"},
		{"172.30.0.2", 53, "172.30.0.2"}, {"172.30.9.9", 0, "127.0.0.1"},
		{"::1", 0, "::1"}, {"::1", 53, "::1"}, {"::1", 0, "2001:db8:9::2"},
		{"2001:db8:9::2", 0, "::1"}, {"2001:db8:9::2", 53, "2001:db8:9::2"},
		{"2001:db8:9:9::9", 0, "::1"}, {NULL, 0, "127.0.0.1"}, {NULL, 0, "::1"},
		{NULL, 0, "2001:db8:9:9::9"}, {"127.0.0.1", WORKERS_PORT, "127.0.0.1"},
		{"::1", 65535, "::1"}};

	for (size_t i = 0; i < sizeof(own) / sizeof(own[0]); i++)
		if (!arrives(PAYLOAD, &own[i]) || !connects(PAYLOAD, &own[i]))
			fail_msg("%s to %s is refused", own[i].source, own[i].to);
}

/* Also those added after the wall, as by `docker network connect`. */
static void ones_own_sources_are_open(void **state)
{
	static const char *const wire[] = {
		"172.30.0.2", "172.30.9.9", "2001:db8:9::2", "2001:db8:9:9::9"};

	(void)state;
	build();
	run("ip addr add 172.30.9.9/32 dev d-in && ip addr add 2001:db8:9:9::9/128 dev d-in "
	    "nodad");
	all_of_ones_own_addresses_work();
	for (size_t i = 0; i < sizeof(wire) / sizeof(wire[0]); i++) {
		struct attempt t = {.uid = PAYLOAD, .type = SOCK_STREAM, .source = wire[i]};

		attempt(&t, strchr(wire[i], ':') ? "2600::7" : "20.1.2.3", 22);
		if (!captured(wire[i], true))
			fail_msg("%s is refused", wire[i]);
	}
	run("ip addr del 172.30.9.9/32 dev d-in && ip addr del 2001:db8:9:9::9/128 dev d-in");
	assert_false(arrives(PAYLOAD, &(struct forged){"2001:db8:9:9::9", 0, "::1"}));
}

/* A kernel without nft_fib: IPv6 only on loopback. */
static void without_fib_ipv6_stays_inside(void **state)
{
	(void)state;
	config.no_fib = true;
	build();
	nothing_is_forged();
	assert_true(arrives(PAYLOAD, &(struct forged){"::1", 0, "::1"}));
	assert_true(connects(PAYLOAD, &(struct forged){NULL, 0, "::1"}));
	assert_true(arrives(PAYLOAD, &(struct forged){"127.0.0.2", 0, "127.0.0.1"}));
	assert_int_equal(tcp(PAYLOAD, "20.1.2.3", 22), 0);
	assert_int_not_equal(tcp(PAYLOAD, "2600::7", 22), 0);
	assert_false(reached("2600::7"));
	/* The gate isn't the payload. */
	pin("2600::7", 443);
	assert_int_equal(tcp(GATE, "2600::7", 443), 0);
}

int main(void)
{
#define T(test) cmocka_unit_test_setup_teardown(test, begin, end)
	const struct CMUnitTest tests[] = {
		T(without_a_wall_every_source_is_anybodys),
		T(no_source_but_ones_own_leaves),
		T(not_in_audit_mode_either),
		T(nor_with_pins_alone),
		T(the_gate_and_the_engine_answer_by_other_names),
		T(ones_own_sources_are_open),
		T(without_fib_ipv6_stays_inside),
	};

	return cmocka_run_group_tests(tests, world, world_down);
}
