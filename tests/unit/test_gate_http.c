/* The gate and HTTP requests, CONNECT too; and SSH on the web's ports. */
#include "gate_process_fixture.h"

static char *answer_of(int s)
{
	static char text[4096];
	size_t n = take(s, text, sizeof(text) - 1);

	text[n] = '\0';
	return text;
}

static void each_request_is_checked(void **state)
{
	static const char first[] = "GET /1 HTTP/1.1\r\nHost: answers.lab.test\r\n\r\n";
	static const char second[] = "GET /2 HTTP/1.1\r\nHost: evil.example\r\n\r\n";
	int s = client("45.0.0.4", 80);
	const char *answer;

	(void)state;
	tell(s, first, sizeof(first) - 1);
	tell(s, second, sizeof(second) - 1);
	answer = answer_of(s);
	assert_non_null(strstr(answer, "200 OK"));
	assert_non_null(strstr(answer, "403"));
	assert_non_null(strstr(answer, "--allow evil.example"));
	assert_true(strstr(answer, "200 OK") < strstr(answer, "403"));
	assert_int_equal(shared->to[ANSWERS].octets, sizeof(first) - 1);
	close(s);
}

/* The refusal is sent although the server has closed its half, after its response. */
static void a_refusal_comes_when_the_server_is_done(void **state)
{
#define FIRST "GET /1 HTTP/1.1\r\nHost: closes.lab.test\r\n\r\n"
	static const char both[] = FIRST "GET /2 HTTP/1.1\r\nHost: evil.example\r\n\r\n";
	int s = client("45.0.0.7", 80);
	const char *answer;

	(void)state;
	tell(s, both, sizeof(both) - 1);
	answer = answer_of(s);
	assert_non_null(strstr(answer, "HTTP/1.1 200 OK\r\n"));
	assert_non_null(strstr(answer, "okHTTP/1.1 403"));
	assert_int_equal(shared->to[CLOSES].first_len, sizeof(FIRST) - 1);
#undef FIRST
	close(s);
}

static void a_body_is_no_request(void **state)
{
	static const char request[] =
		"POST / HTTP/1.1\r\nHost: counts.lab.test\r\nContent-Length: 38"
		"\r\n\r\nGET / HTTP/1.1\r\nHost: evil.example\r\n\r\n"
		"GET / HTTP/1.1\r\nHost: counts.lab.test\r\n\r\n";
	int s = client("45.0.0.5", 80);

	(void)state;
	tell(s, request, sizeof(request) - 1);
	for (int i = 0; i < 200 && shared->to[COUNTS].octets < sizeof(request) - 1; i++)
		usleep(10000);
	assert_int_equal(shared->to[COUNTS].octets, sizeof(request) - 1);
	close(s);
}

static void what_could_be_read_in_two_ways_is_refused(void **state)
{
	static const char *const requests[] = {
		"GET / HTTP/1.1\r\nHost: echo.lab.test\r\nHost: evil.example\r\n\r\n",
		"POST / HTTP/1.1\r\nHost: echo.lab.test\r\nContent-Length: "
		"5\r\nTransfer-Encoding: "
		"chunked\r\n\r\n0\r\n\r\n",
		"GET http://evil.example/ HTTP/1.1\r\nHost: echo.lab.test\r\n\r\n",
		"GET / HTTP/1.1\nHost: echo.lab.test\n\n",
		"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n",
	};

	(void)state;
	for (size_t i = 0; i < sizeof(requests) / sizeof(requests[0]); i++) {
		int s = client("45.0.0.1", 80);
		const char *answer;

		tell(s, requests[i], strlen(requests[i]));
		answer = answer_of(s);
		if (!strstr(answer, "HTTP/1.1 40"))
			fail_msg("%s: %s", requests[i], answer);
		close(s);
	}
	assert_int_equal(shared->to[ECHO].connections, 0);
}

static void connect_leads_to_allowed_ports(void **state)
{
	static const char request[] = "CONNECT echo.many.example:22 HTTP/1.1\r\n"
				      "Host: echo.many.example:22\r\n\r\n";
	static const char web[] =
		"CONNECT echo.lab.test:443 HTTP/1.1\r\nHost: echo.lab.test:443\r\n\r\n";
	static const char evil[] =
		"CONNECT evil.example:443 HTTP/1.1\r\nHost: evil.example:443\r\n\r\n";
	uint8_t bytes[512];
	int s = client("45.0.0.1", 80);

	(void)state;
	tell(s, request, sizeof(request) - 1);
	assert_int_equal(take(s, bytes, 39), 39);
	assert_memory_equal(bytes, "HTTP/1.1 200", 12);
	echoes(s, "raw");
	close(s);

	s = client("45.0.0.1", 80);
	tell(s, web, sizeof(web) - 1);
	assert_int_equal(take(s, bytes, 39), 39);
	tell(s, bytes, hello(bytes, "evil.example", false));
	assert_true(alerted(s));
	close(s);

	s = client("45.0.0.1", 80);
	tell(s, evil, sizeof(evil) - 1);
	assert_non_null(strstr(answer_of(s), "HTTP/1.1 403"));
	close(s);
}

/* Octet by octet, and after a CONNECT: refused at once, in its own protocol. */
static void ssh_is_refused_in_its_own_protocol(void **state)
{
	static const char version[] = "SSH-2.0-OpenSSH_9.2p1\r\n";
	static const char request[] =
		"CONNECT echo.lab.test:443 HTTP/1.1\r\nHost: echo.lab.test:443\r\n\r\n";

	(void)state;
	for (int tunnel = 0; tunnel < 2; tunnel++) {
		int s = client("45.0.0.1", tunnel ? 80 : 443);
		char text[1024] = "";
		struct gate_message m;
		size_t n;

		if (tunnel) {
			tell(s, request, sizeof(request) - 1);
			assert_int_equal(take(s, text, 39), 39);
		}
		for (size_t i = 0; i < 4; i++) {
			tell(s, version + i, 1);
			usleep(1000);
		}
		n = take(s, text, sizeof(text) - 1);
		assert_memory_equal(text, "SSH-2.0-codex-sandbox\r\n", 23);
		assert_non_null(memmem(text, n, "--allow NAME:22", 15));
		/* In a tunnel the address isn't the destination. */
		assert_int_equal(memmem(text, n, "--allow 45.0.0.1:443", 20) == NULL, tunnel);
		m = told(WAIT_MS);
		assert_int_equal(m.reason, GATE_SSH);
		assert_int_equal(m.port, 443);
		close(s);
	}
	assert_int_equal(shared->to[ECHO].connections, 0);
}

int main(void)
{
#define T(f) cmocka_unit_test_setup_teardown(f, begin, end)
	const struct CMUnitTest tests[] = {
		T(each_request_is_checked),
		T(a_refusal_comes_when_the_server_is_done),
		T(a_body_is_no_request),
		T(what_could_be_read_in_two_ways_is_refused),
		T(connect_leads_to_allowed_ports),
		T(ssh_is_refused_in_its_own_protocol),
	};
#undef T
	return cmocka_run_group_tests(tests, world_up, world_down);
}
