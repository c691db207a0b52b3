/* The gate and TLS: names in hellos, the second one too, Encrypted Client Hello. */
#include "gate_process_fixture.h"

static void an_allowed_name_passes_as_it_is(void **state)
{
	uint8_t bytes[512];
	size_t len = hello(bytes, "echo.lab.test", false);
	int s = greeted("45.0.0.1", "echo.lab.test");

	(void)state;
	assert_int_equal(shared->to[ECHO].first_len, len);
	assert_memory_equal(shared->to[ECHO].first, bytes, len);
	echoes(s, "first");
	echoes(s, "second");
	close(s);
	assert_int_equal(told(50).type, 0);
}

static void another_name_is_refused_with_an_alert(void **state)
{
	static const char *const names[] = {"evil.example", "denied.lab.test", "lab.test",
		"45.0.0.1", "echo.lab.test..", "open.example"};

	(void)state;
	for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++) {
		struct gate_message m;
		uint8_t bytes[512];
		int s = client("45.0.0.1", 443);

		tell(s, bytes, hello(bytes, names[i], false));
		assert_true(alerted(s));
		close(s);
		m = told(WAIT_MS);
		assert_int_equal(m.type, GATE_REFUSED_TLS);
		assert_int_equal(m.port, 443);
		assert_int_equal(m.address[0], 45);
	}
	assert_int_equal(shared->to[ECHO].connections, 0);
}

static void an_address_that_is_not_the_names_is_never_connected_to(void **state)
{
	int s = greeted("45.6.6.6", "echo.lab.test");

	(void)state;
	echoes(s, "by another address");
	close(s);
	assert_int_equal(shared->to[6].connections, 0);
	assert_int_equal(shared->to[ECHO].connections, 1);
}

static void a_short_name_is_completed(void **state)
{
	uint8_t bytes[512];
	int s = greeted("45.0.0.1", "echo");

	(void)state;
	close(s);
	s = client("45.0.0.1", 443);
	tell(s, bytes, hello(bytes, "denied", false));
	assert_true(alerted(s));
	close(s);
}

static void a_hello_may_come_in_any_two_parts(void **state)
{
	uint8_t bytes[512];
	size_t len = hello(bytes, "echo.lab.test", false);

	(void)state;
	for (size_t i = 1; i < len; i++) {
		uint8_t back[60];
		int s = client("45.0.0.1", 443);

		tell(s, bytes, i);
		usleep(500);
		tell(s, bytes + i, len - i);
		assert_int_equal(take(s, back, sizeof(back)), sizeof(back));
		close(s);
	}
}

static void what_comes_behind_the_hello_is_not_lost(void **state)
{
	uint8_t bytes[1024];
	size_t len = hello(bytes, "echo.lab.test", false);
	char back[6] = "";
	int s = client("45.0.0.1", 443);

	(void)state;
	memcpy(bytes + len, "early!", 6);
	tell(s, bytes, len + 6);
	assert_int_equal(take(s, bytes, 60), 60);
	assert_int_equal(take(s, back, 6), 6);
	assert_memory_equal(back, "early!", 6);
	close(s);
}

static void a_second_hello_must_name_the_same(void **state)
{
	uint8_t bytes[512];
	int s = greeted("45.0.0.2", "retry.lab.test");
	size_t before = shared->to[RETRY].octets, len = hello(bytes, "retry.lab.test", false);

	(void)state;
	tell(s, bytes, len);
	for (int i = 0; i < 200 && shared->to[RETRY].octets < before + len; i++)
		usleep(10000);
	assert_int_equal(shared->to[RETRY].octets, before + len);
	close(s);

	s = greeted("45.0.0.2", "retry.lab.test");
	before = shared->to[RETRY].octets;
	tell(s, bytes, hello(bytes, "echo.lab.test", false));
	assert_true(alerted(s));
	assert_int_equal(shared->to[RETRY].octets, before);
	assert_int_equal(told(WAIT_MS).reason, GATE_NAMES_DIFFER);
	close(s);
}

/* A second hello may not hide a name if the first may not. */
static void a_second_hello_may_hide_what_the_first_may(void **state)
{
	static const struct {
		const char *name;
		bool passes;
	} cases[] = {{"retry.lab.test", false}, {"retry-ech.lab.test", true}};

	(void)state;
	for (size_t i = 0; i < 2; i++) {
		uint8_t bytes[512];
		int s = greeted("45.0.0.2", cases[i].name);
		size_t before = shared->to[RETRY].octets;
		size_t len = hello(bytes, cases[i].name, true);

		tell(s, bytes, len);
		if (!cases[i].passes) {
			assert_true(alerted(s));
			assert_int_equal(told(WAIT_MS).reason, GATE_ECH);
			assert_int_equal(shared->to[RETRY].octets, before);
		}
		for (int j = 0; cases[i].passes && j < 500; j++) {
			if (shared->to[RETRY].octets == before + len)
				break;
			usleep(10000);
		}
		assert_int_equal(
			shared->to[RETRY].octets, before + (cases[i].passes ? len : 0));
		close(s);
	}
}

static void a_second_hello_is_not_let_through_early(void **state)
{
	uint8_t bytes[1024];
	size_t first = hello(bytes, "retry.lab.test", false);
	size_t second = hello(bytes + first, "echo.lab.test", false);
	int s = client("45.0.0.2", 443);

	(void)state;
	tell(s, bytes, first + second);
	assert_int_equal(take(s, bytes, 60), 60);
	assert_true(alerted(s));
	assert_int_equal(shared->to[RETRY].octets, first);
	close(s);
}

static void ech_passes_for_its_rule_alone(void **state)
{
	uint8_t bytes[512];
	int s = client("45.0.0.1", 443);

	(void)state;
	tell(s, bytes, hello(bytes, "echo.lab.test", true));
	assert_true(alerted(s));
	assert_int_equal(told(WAIT_MS).reason, GATE_ECH);
	close(s);
	s = client("45.0.0.1", 443);
	tell(s, bytes, hello(bytes, "ech.lab.test", true));
	/* It has no address here: only permitted names are resolved. */
	assert_int_equal(take(s, bytes, sizeof(bytes)), 0);
	assert_int_equal(told(WAIT_MS).reason, GATE_UNRESOLVED);
	close(s);
}

/* Each port has its own rules, in a first hello, after a CONNECT and in a second hello. */
static void ech_passes_on_its_rules_port_alone(void **state)
{
	static const char request[] = "CONNECT echo-half.lab.test:80 HTTP/1.1\r\n"
				      "Host: echo-half.lab.test:80\r\n\r\n";
	uint8_t bytes[512], back[60];
	size_t len = hello(bytes, "echo-half.lab.test", true), seen;
	struct gate_message m;
	int s;

	(void)state;
	for (int tunnel = 0; tunnel < 2; tunnel++) {
		s = client("45.0.0.1", 80);
		if (tunnel) {
			tell(s, request, sizeof(request) - 1);
			assert_int_equal(take(s, back, 39), 39);
		}
		tell(s, bytes, len);
		assert_true(alerted(s));
		m = told(WAIT_MS);
		assert_int_equal(m.reason, GATE_ECH);
		assert_int_equal(m.port, 80);
		close(s);
	}
	assert_int_equal(shared->to[ECHO].connections, 0);
	s = client("45.0.0.1", 443);
	tell(s, bytes, len);
	assert_int_equal(take(s, back, sizeof(back)), sizeof(back));
	close(s);

	s = client("45.0.0.2", 80);
	tell(s, bytes, hello(bytes, "retry-half.lab.test", false));
	assert_int_equal(take(s, back, sizeof(back)), sizeof(back));
	seen = shared->to[RETRY].octets;
	tell(s, bytes, hello(bytes, "retry-half.lab.test", true));
	assert_true(alerted(s));
	assert_int_equal(told(WAIT_MS).reason, GATE_ECH);
	assert_int_equal(shared->to[RETRY].octets, seen);
	close(s);
}

int main(void)
{
#define T(f) cmocka_unit_test_setup_teardown(f, begin, end)
	const struct CMUnitTest tests[] = {
		T(an_allowed_name_passes_as_it_is),
		T(another_name_is_refused_with_an_alert),
		T(an_address_that_is_not_the_names_is_never_connected_to),
		T(a_short_name_is_completed),
		T(a_hello_may_come_in_any_two_parts),
		T(what_comes_behind_the_hello_is_not_lost),
		T(a_second_hello_must_name_the_same),
		T(a_second_hello_may_hide_what_the_first_may),
		T(a_second_hello_is_not_let_through_early),
		T(ech_passes_for_its_rule_alone),
		T(ech_passes_on_its_rules_port_alone),
	};
#undef T
	return cmocka_run_group_tests(tests, world_up, world_down);
}
