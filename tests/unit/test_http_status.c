/* HTTP: what a response's first line says. */
#include "http_fixture.h"

static int status(size_t len, size_t *length)
{
	uint8_t *copy = exact(o.at, len);
	int r = http_status_read(copy, len, length);

	free(copy);
	return r;
}

static void a_status(void **state)
{
	static const struct {
		const char *text;
		int status;
	} good[] = {
		{"HTTP/1.1 200 OK\r\nX: y\r\n\r\n", 200},
		{"HTTP/1.0 407 Proxy Authentication Required\r\n\r\n", 407},
		{"HTTP/1.1 101 \r\nUpgrade: websocket\r\n\r\n", 101},
		{"HTTP/1.1 599\r\n\r\n", 599},
		{"HTTP/1.1 100 Continue\r\n\r\n", 100},
	};
	size_t length, whole;

	(void)state;
	for (size_t i = 0; i < sizeof(good) / sizeof(good[0]); i++) {
		set(good[i].text);
		whole = o.len;
		for (size_t cut = 0; cut < whole; cut++)
			assert_int_equal(status(cut, &length), 0);
		add_text(&o, "body");
		for (size_t cut = whole; cut <= o.len; cut++) {
			assert_int_equal(status(cut, &length), good[i].status);
			assert_int_equal(length, whole);
		}
	}
}

static void what_a_status_says(void **state)
{
	static const struct {
		const char *head, *text;
		size_t size;
	} cases[] = {
		{"HTTP/1.1 407 Proxy Authentication Required\r\nX: y\r\n\r\n",
			"407 Proxy Authentication Required", 64},
		{"HTTP/1.0 403\r\n\r\n", "403", 64},
		{"HTTP/1.1 403 \x1b[31mno\xc3\xbc\x07\t\x7f\r\n\r\n", "403 ?[31mno?????", 64},
		{"HTTP/1.1 403 Forbidden\r\n\r\n", "403 Fo", 7},
	};

	(void)state;
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		char text[64];

		set(cases[i].head);
		http_status_text(o.at, text, cases[i].size);
		assert_string_equal(text, cases[i].text);
	}
}

static void what_is_no_status(void **state)
{
	static const char *const bad[] = {
		"SSH-2.0",
		"\r\n",
		"HTTP/2 200\r\n\r\n",
		"http/1.1 200 OK\r\n\r\n",
		"HTTP/1.2 200 OK\r\n\r\n",
		"HTTP/1.1 20 OK\r\n\r\n",
		"HTTP/1.1 2000 OK\r\n\r\n",
		"HTTP/1.1 099 OK\r\n\r\n",
		"HTTP/1.1 600 OK\r\n\r\n",
		"HTTP/1.1 2x0 OK\r\n\r\n",
		"HTTP/1.1  200 OK\r\n\r\n",
		"HTTP/1.1\t200 OK\r\n\r\n",
		"HTTP/1.1\r\n\r\n",
		"HTTP/1.1 200 OK\n\n",
		"HTTP/1.1 200 OK\r\nX: y\n\r\n",
		"HTTP/1.1 2\r\n\r\n",
	};
	size_t length;

	(void)state;
	for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
		set(bad[i]);
		assert_int_equal(status(o.len, &length), -1);
	}
	set("HTTP/1.1 200 OK\r\nX: ");
	while (o.len < LIMIT_GATE_HEAD)
		add_text(&o, "x");
	assert_int_equal(status(o.len - 1, &length), 0);
	assert_int_equal(status(o.len, &length), -1);
}

int main(void)
{
	static const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_status),
		cmocka_unit_test(what_a_status_says),
		cmocka_unit_test(what_is_no_status),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
