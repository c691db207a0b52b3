/* The gate and the servers: addresses that answer or not, and questions that are lost. */
#include "gate_process_fixture.h"

/* A name whose addresses don't accept connections is resolved again, even before its TTL has
 * passed. */
static void dead_addresses_are_looked_up_again(void **state)
{
	uint8_t bytes[512];
	int s = client("45.0.0.9", 443);

	(void)state;
	tell(s, bytes, hello(bytes, "moves.lab.test", false));
	assert_int_equal(take(s, bytes, sizeof(bytes)), 0);
	assert_int_equal(told(WAIT_MS).reason, GATE_UNREACHABLE);
	close(s);
	shared->moved = true;
	s = greeted("45.0.0.9", "moves.lab.test");
	echoes(s, "at another place");
	close(s);
}

static void a_dead_address_is_gone_by(void **state)
{
	int s = greeted("45.0.0.9", "gone-echo.lab.test");

	(void)state;
	echoes(s, "by the second");
	close(s);
}

static void a_lost_query_is_sent_again(void **state)
{
	int s;

	(void)state;
	shared->dropped = 2;
	s = greeted("45.0.0.1", "echo.lab.test");
	close(s);
}

int main(void)
{
#define T(f) cmocka_unit_test_setup_teardown(f, begin, end)
	const struct CMUnitTest tests[] = {
		T(a_dead_address_is_gone_by),
		T(dead_addresses_are_looked_up_again),
		T(a_lost_query_is_sent_again),
	};
#undef T
	return cmocka_run_group_tests(tests, world_up, world_down);
}
