/* The gate tells: audit mode, and refusals that are counted. */
#include "gate_process_fixture.h"

static void audit_lets_through_and_reports(void **state)
{
	int s = greeted("45.0.0.1", "evil.example");
	struct gate_message m = told(WAIT_MS);

	(void)state;
	assert_int_equal(m.type, GATE_REFUSED_TLS);
	assert_string_equal(m.name, "evil.example");
	echoes(s, "through");
	close(s);
	s = client("45.0.0.5", 443);
	tell(s, "SSH-2.0-x\r\n", 11);
	assert_int_equal(told(WAIT_MS).reason, GATE_SSH);
	for (int i = 0; i < 200 && shared->to[COUNTS].octets < 11; i++)
		usleep(10000);
	assert_memory_equal(shared->to[COUNTS].first, "SSH-2.0-x\r\n", 11);
	close(s);
	s = client("45.0.0.1", 80);
	tell(s, "what is this?\r\n\r\n", 17);
	assert_int_equal(told(WAIT_MS).type, GATE_REFUSED_HTTP);
	close(s);
}

/* The host that it wanted isn't the destination, so it can't be let through. */
static void audit_lets_no_tunnel_go_astray(void **state)
{
	static const char request[] =
		"CONNECT echo.lab.test:443 HTTP/1.1\r\nHost: echo.lab.test:443\r\n\r\n";
	uint8_t bytes[512];
	int s = client("45.0.0.5", 80);

	(void)state;
	tell(s, request, sizeof(request) - 1);
	assert_int_equal(take(s, bytes, 39), 39);
	tell(s, bytes, hello(bytes, "evil.example", false));
	assert_true(alerted(s));
	assert_string_equal(told(WAIT_MS).name, "evil.example");
	assert_int_equal(shared->to[COUNTS].connections, 0);
	close(s);
}

static void repeats_are_counted_and_none_is_lost(void **state)
{
	uint32_t count = 0;
	uint8_t bytes[512];
	size_t len = hello(bytes, "evil.example", false);
	unsigned lines = 0;

	(void)state;
	for (int i = 0; i < 300; i++) {
		int s = client("45.0.0.1", 443);
		uint8_t back[7];

		tell(s, bytes, len);
		take(s, back, sizeof(back));
		close(s);
	}
	while (count < 300) {
		struct gate_message m = told(WAIT_MS);

		assert_int_equal(m.type, GATE_REFUSED_TLS);
		count += m.count;
		lines++;
	}
	assert_int_equal(count, 300);
	assert_true(lines < 30);
}

int main(void)
{
#define T(f) cmocka_unit_test_setup_teardown(f, begin, end)
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(
			audit_lets_through_and_reports, begin_audit, end),
		cmocka_unit_test_setup_teardown(
			audit_lets_no_tunnel_go_astray, begin_audit, end),
		T(repeats_are_counted_and_none_is_lost),
	};
#undef T
	return cmocka_run_group_tests(tests, world_up, world_down);
}
