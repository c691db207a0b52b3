/* The gate hands on bytes: whole, in order, each way by itself. */
#include "gate_process_fixture.h"

static void bulk_arrives_whole_and_in_order(void **state)
{
	static uint8_t bytes[65536];
	int s = greeted("45.0.0.3", "big.lab.test");

	(void)state;
	/* Meanwhile data in transit has to wait, in part in a pipe. */
	usleep(200000);
	for (size_t i = 0; i < BULK / sizeof(bytes); i++) {
		assert_int_equal(take(s, bytes, sizeof(bytes)), sizeof(bytes));
		assert_int_equal(bytes[0], (uint8_t)i);
		assert_int_equal(bytes[sizeof(bytes) - 1], (uint8_t)i);
	}
	assert_int_equal(take(s, bytes, 1), 0);
	close(s);
}

static void a_half_that_ends_leaves_the_other(void **state)
{
	int s = greeted("45.0.0.1", "echo.lab.test");
	char back[8] = "";

	(void)state;
	tell(s, "last", 4);
	shutdown(s, SHUT_WR);
	assert_int_equal(take(s, back, sizeof(back)), 4);
	close(s);
}

static void uploads_arrive_whole(void **state)
{
	static uint8_t bytes[65536];
	int s = greeted("45.0.0.5", "counts.lab.test");
	size_t before = shared->to[COUNTS].octets;

	(void)state;
	for (size_t i = 0; i < 64; i++)
		tell(s, bytes, sizeof(bytes));
	shutdown(s, SHUT_WR);
	assert_int_equal(take(s, bytes, sizeof(bytes)), 0);
	assert_int_equal(shared->to[COUNTS].octets - before, 64 * sizeof(bytes));
	close(s);
}

int main(void)
{
#define T(f) cmocka_unit_test_setup_teardown(f, begin, end)
	const struct CMUnitTest tests[] = {
		T(bulk_arrives_whole_and_in_order),
		T(a_half_that_ends_leaves_the_other),
		T(uploads_arrive_whole),
	};
#undef T
	return cmocka_run_group_tests(tests, world_up, world_down);
}
