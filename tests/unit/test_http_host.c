/* HTTP: the host, lines and fields. */
#include "http_fixture.h"

static void one_host(void **state)
{
	static const struct {
		const char *text;
		enum gate_reason reason;
	} bad[] = {
		{GET "\r\n", GATE_NO_NAME},
		{"GET / HTTP/1.0\r\n\r\n", GATE_NO_NAME},
		{GET "Host:\r\n\r\n", GATE_NO_NAME},
		{GET "Host: \t \r\n\r\n", GATE_NO_NAME},
		{GET "Host: a.example\r\nHost: evil.example\r\n\r\n", GATE_NAMES_DIFFER},
		{GET "Host: a.example\r\nX: y\r\nhost: a.example\r\n\r\n", GATE_NAMES_DIFFER},
		{GET "Host: a.example, evil.example\r\n\r\n", GATE_BAD_NAME},
		{GET "Host: a.example evil.example\r\n\r\n", GATE_BAD_NAME},
		{GET "Host: a.example..\r\n\r\n", GATE_BAD_NAME},
		{GET "Host: a.example..:80\r\n\r\n", GATE_BAD_NAME},
		{GET "Host: .\r\n\r\n", GATE_BAD_NAME},
		{GET "Host: 1.2.3.4.\r\n\r\n", GATE_BAD_NAME},
		{GET "Host: u@a.example\r\n\r\n", GATE_BAD_NAME},
		{GET "Host: u:p@a.example\r\n\r\n", GATE_MALFORMED},
		{GET "Host: a.example/x\r\n\r\n", GATE_BAD_NAME},
		{GET "Host: http://a.example\r\n\r\n", GATE_MALFORMED},
		{GET "Host: 1.2.3.4\r\n\r\n", GATE_BAD_NAME},
		{GET "Host: [2001:db8::1]:80\r\n\r\n", GATE_BAD_NAME},
		{GET "Host: b\xc3\xbc.example\r\n\r\n", GATE_BAD_NAME},
		{GET "Host: a.example:\r\n\r\n", GATE_MALFORMED},
		{GET "Host: a.example:http\r\n\r\n", GATE_MALFORMED},
		{GET "Host: a.example:80:80\r\n\r\n", GATE_MALFORMED},
		{GET "Host: a.example:99999\r\n\r\n", GATE_MALFORMED},
		{GET "Host: *.example\r\n\r\n", GATE_BAD_NAME},
		{GET "Host: a%2eexample\r\n\r\n", GATE_BAD_NAME},
		{GET "Host: a.example%00.b\r\n\r\n", GATE_BAD_NAME},
		{GET "Host: a.example;b\r\n\r\n", GATE_BAD_NAME},
		{GET "Host: a.example\\b\r\n\r\n", GATE_BAD_NAME},
		{GET "Host: \"a.example\"\r\n\r\n", GATE_BAD_NAME},
		{GET "Host: a.example:0\r\n\r\n", GATE_MALFORMED},
		{GET "Host: a.example:00080\r\n\r\n", GATE_MALFORMED},
		{GET "Host: a.example:65536\r\n\r\n", GATE_MALFORMED},
		{GET "Host: a.example:4294967376\r\n\r\n", GATE_MALFORMED},
		{GET "Host: a.example: 80\r\n\r\n", GATE_MALFORMED},
		{GET "Host: a.example :80\r\n\r\n", GATE_BAD_NAME},
		{GET "Host: a.example:-80\r\n\r\n", GATE_MALFORMED},
	};

	(void)state;
	for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++)
		refused(bad[i].text, bad[i].reason);
	set(GET "X-Host: evil.example\r\nHost: A.Example\r\nHosts: evil.example\r\n\r\n");
	expect_whole("a.example", 0);
}

static void a_refusal_names_the_host_and_nothing_unclean(void **state)
{
	(void)state;
	refused(GET "Host: evil\x01.example\r\n\r\n", GATE_MALFORMED);
	assert_string_equal(got.name, "evil?.example");
	refused(GET "Bad Field: x\r\nHost: evil.example\r\n\r\n", GATE_MALFORMED);
	assert_string_equal(got.name, "evil.example");
	refused(GET "Bad Field: x\r\nHost: Evil.example:8080\r\n\r\n", GATE_MALFORMED);
	assert_string_equal(got.name, "evil.example");
	assert_int_equal(got.port, 8080);
	refused("GET http://a<b>/ HTTP/1.1\r\nHost: a\r\n\r\n", GATE_BAD_NAME);
	assert_string_equal(got.name, "a?b?");
	refused(GET "Host: [::1]\r\n\r\n", GATE_BAD_NAME);
	assert_string_equal(got.name, "???1?");
}

static void lines_that_two_could_read_in_two_ways(void **state)
{
	static const char *const bad[] = {
		"GET / HTTP/1.1\nHost: a.example\r\n\r\n",
		GET "Host: a.example\n\r\n",
		GET "Host: a.example\r\n\n",
		GET "Host: a.example\n\n",
		GET "Host: a.example\r\r\n\r\n",
		GET "Host: a.example\rX: y\r\n\r\n",
		GET "Host: a.example\r\nX: y\rTransfer-Encoding: chunked\r\n\r\n",
		GET "Host: a.example\r\nX: \x0b\r\n\r\n",
		GET "Host: a.example\r\nX: \x7f\r\n\r\n",
		GET "Host: a.example\r\nX: \x01\r\n\r\n",
		GET "Host: a.example\r\n evil.example\r\n\r\n",
		GET "Host: a.example\r\n\tX: y\r\n\r\n",
		GET " Host: a.example\r\n\r\n",
		GET "Host : a.example\r\n\r\n",
		GET "Host\t: a.example\r\n\r\n",
		GET "Host: a.example\r\nX y: z\r\n\r\n",
		GET "Host: a.example\r\nX\r\n\r\n",
		GET "Host: a.example\r\n: y\r\n\r\n",
		GET "Host: a.example\r\nX\xc3: y\r\n\r\n",
		GET "Host: a.example\r\n\"X\": y\r\n\r\n",
		GET "Host: a.example\r\nConnection: close, Host\r\n\r\n",
		GET "Host: a.example\r\nConnection: content-length\r\n\r\n",
		GET "Host: a.example\r\nConnection: Transfer-Encoding\r\n\r\n",
		GET "Host: a.example\r\nConnection: a b\r\n\r\n",
	};

	(void)state;
	for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++)
		refused(bad[i], GATE_MALFORMED);
	set(GET "Host: a.example\r\nX: y");
	add(&o, "\0", 1);
	add_text(&o, "z\r\n\r\n");
	expect_refused(GATE_MALFORMED);
	set(GET "Host: a.example");
	add(&o, "\0", 1);
	add_text(&o, "\r\n\r\n");
	expect_refused(GATE_MALFORMED);
	set(GET "Host: a.example\r\nX: a\tb \xc3\xbc \"(\r\nEmpty:\r\nConnection: TE,, "
		"x\r\n\r\n");
	expect_whole("a.example", 0);
}

static void the_limits(void **state)
{
	(void)state;
	set(GET "Host: a.example\r\nX: ");
	while (o.len < LIMIT_GATE_HEAD - 4)
		add_text(&o, "x");
	add_text(&o, "\r\n\r\n");
	expect_whole("a.example", 0);
	assert_int_equal(got.length, LIMIT_GATE_HEAD);
	assert_int_equal(read_some(o.len - 1, false), HTTP_MORE);
	o.len -= 4;
	add_text(&o, "x\r\n\r\n");
	assert_int_equal(read_some(o.len, false), HTTP_REFUSED);
	assert_int_equal(got.reason, GATE_TOO_LONG);
	assert_int_equal(read_some(LIMIT_GATE_HEAD, false), HTTP_REFUSED);
	assert_int_equal(got.reason, GATE_TOO_LONG);
	for (int more = 0; more < 2; more++) {
		set(GET "Host: a.example\r\n");
		for (int i = 1; i < LIMIT_GATE_FIELDS + more; i++)
			add_text(&o, "X: y\r\n");
		assert_int_equal(read_some(o.len, false), more ? HTTP_REFUSED : HTTP_MORE);
		add_text(&o, "\r\n");
		assert_int_equal(read_some(o.len, false), more ? HTTP_REFUSED : HTTP_WHOLE);
		assert_int_equal(got.reason, more ? GATE_TOO_LONG : GATE_FINE);
	}
}

static void only_the_first_request_is_read(void **state)
{
	(void)state;
	set(GET "Host: a.example\r\n\r\n");
	size_t first = o.len;

	add_text(&o, GET "Host: evil.example\r\n\r\n");
	expect_whole("a.example", 0);
	assert_int_equal(got.length, first);
}

int main(void)
{
	static const struct CMUnitTest tests[] = {
		cmocka_unit_test(one_host),
		cmocka_unit_test(a_refusal_names_the_host_and_nothing_unclean),
		cmocka_unit_test(lines_that_two_could_read_in_two_ways),
		cmocka_unit_test(the_limits),
		cmocka_unit_test(only_the_first_request_is_read),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
