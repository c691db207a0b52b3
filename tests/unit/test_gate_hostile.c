/* The gate and hostile clients: hellos without end, silence, names everywhere. */
#include "gate_process_fixture.h"

static void a_hello_without_end_is_refused(void **state)
{
	uint8_t record[5 + 16384] = {0x16, 3, 1, 0x40, 0, 1, 0xff, 0xff, 0xff, 3, 3};
	int s = client("45.0.0.1", 443);

	(void)state;
	for (int i = 0; i < 64; i++)
		if (send(s, record, sizeof(record), MSG_NOSIGNAL) < 0)
			break;
	close(s);
	assert_int_equal(told(WAIT_MS).type, GATE_REFUSED_TLS);
	close(greeted("45.0.0.1", "echo.lab.test"));
	assert_int_equal(shared->to[ECHO].connections, 1);
}

static void thousands_that_say_nothing_or_half_hold_nobody_up(void **state)
{
	static int fds[3000];
	struct rlimit files = {8192, 8192};
	uint8_t bytes[512];
	size_t len = hello(bytes, "echo.lab.test", false);

	(void)state;
	setrlimit(RLIMIT_NOFILE, &files);
	for (size_t i = 0; i < sizeof(fds) / sizeof(fds[0]); i++) {
		fds[i] = client("45.0.0.1", 443);
		if (i % 2)
			tell(fds[i], bytes, len / 2);
		if (i % 100 == 0)
			close(greeted("45.0.0.1", "echo.lab.test"));
	}
	close(greeted("45.0.0.1", "echo.lab.test"));
	for (size_t i = 0; i < sizeof(fds) / sizeof(fds[0]); i++)
		close(fds[i]);
}

/* A client leaves unread data in a pipe, which the next one gets. */
static void data_left_in_a_pipe_is_discarded(void **state)
{
	const struct linger now = {.l_onoff = 1};
	static uint8_t bytes[65536];

	(void)state;
	for (int i = 0; i < 3; i++) {
		int s = greeted("45.0.0.3", "big.lab.test");

		usleep(200000); /* the server's octets fill all buffers in between */
		setsockopt(s, SOL_SOCKET, SO_LINGER, &now, sizeof(now));
		close(s);
		s = greeted("45.0.0.3", "big.lab.test");
		usleep(200000);
		for (size_t j = 0; j < BULK / sizeof(bytes); j++) {
			assert_int_equal(take(s, bytes, sizeof(bytes)), sizeof(bytes));
			for (size_t k = 0; k < sizeof(bytes); k++)
				if (bytes[k] != (uint8_t)j)
					fail_msg(
						"octet %zu of block %zu is %u", k, j, bytes[k]);
		}
		assert_int_equal(take(s, bytes, 1), 0);
		close(s);
	}
}

/* So that it can read the reason, some of what a refused client still sends is discarded. */
static void a_refused_client_is_not_listened_to_for_ever(void **state)
{
	static const char request[] = "POST / HTTP/1.1\r\nHost: evil.example\r\n"
				      "Content-Length: 1000000000\r\n\r\n";
	static const uint8_t bytes[65536];
	const size_t most = 64 * 1024 * 1024; /* far more than the sockets in between hold */
	int s = client("45.0.0.1", 80);
	size_t sent = 0;
	ssize_t n;

	(void)state;
	tell(s, request, sizeof(request) - 1);
	while (sent < most && (n = send(s, bytes, sizeof(bytes), MSG_NOSIGNAL)) > 0)
		sent += (size_t)n;
	assert_in_range(sent, LIMIT_GATE_DISCARD / 2, most - 1);
	assert_true(errno == ECONNRESET || errno == EPIPE);
	close(s);
}

/* Whichever cache entry a name gets, it is used for its own clients only. */
static void every_cache_entry_is_used(void **state)
{
	int idle = greeted("45.0.0.1", "echo.lab.test");
	siginfo_t ended = {0};
	uint8_t bytes[512];
	char name[64];

	(void)state;
	for (int i = 0; i < 4 * LIMIT_GATE_NAMES; i++) {
		int s = client("45.0.0.1", 443);

		snprintf(name, sizeof(name), "n%d.lab.test", i);
		tell(s, bytes, hello(bytes, name, false));
		assert_int_equal(take(s, bytes, sizeof(bytes)), 0); /* it has no address */
		close(s);
		assert_int_equal(
			waitid(P_PID, (id_t)gate, &ended, WEXITED | WNOHANG | WNOWAIT), 0);
		assert_int_equal(ended.si_pid, 0);
	}
	echoes(idle, "still there");
	close(idle);
}

static void clients_that_never_read_hold_nobody_up(void **state)
{
	int fds[32];

	(void)state;
	for (size_t i = 0; i < 32; i++)
		fds[i] = greeted("45.0.0.3", "big.lab.test");
	usleep(100000);
	for (int i = 0; i < 10; i++) {
		int s = greeted("45.0.0.1", "echo.lab.test");

		echoes(s, "still there");
		close(s);
	}
	for (size_t i = 0; i < 32; i++)
		close(fds[i]);
}

int main(void)
{
#define T(f) cmocka_unit_test_setup_teardown(f, begin, end)
	const struct CMUnitTest tests[] = {
		T(a_hello_without_end_is_refused),
		T(thousands_that_say_nothing_or_half_hold_nobody_up),
		T(data_left_in_a_pipe_is_discarded),
		T(a_refused_client_is_not_listened_to_for_ever),
		T(every_cache_entry_is_used),
		T(clients_that_never_read_hold_nobody_up),
	};
#undef T
	return cmocka_run_group_tests(tests, world_up, world_down);
}
