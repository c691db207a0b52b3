/* HTTP: heads of real clients, the request line. */
#include "http_fixture.h"

static const struct {
	const char *file, *name;
	unsigned port;
	enum http_form form;
	enum http_body_kind body;
	size_t rest; /* octets of a body after the head */
} real[] = {
	{"curl", "shop.example", 0, HTTP_ORIGIN, HTTP_NO_BODY, 0},
	{"curl-post", "shop.example", 0, HTTP_ORIGIN, HTTP_LENGTH, 3},
	{"curl-expect", "shop.example", 0, HTTP_ORIGIN, HTTP_LENGTH, 0},
	{"curl-h2c", "shop.example", 0, HTTP_ORIGIN, HTTP_NO_BODY, 0},
	{"curl-proxy", "www.example.test", 8080, HTTP_ABSOLUTE, HTTP_NO_BODY, 0},
	{"curl-connect", "www.example.test", 443, HTTP_AUTHORITY, HTTP_NO_BODY, 0},
	{"git", "shop.example", 0, HTTP_ORIGIN, HTTP_NO_BODY, 0},
	{"go", "shop.example", 0, HTTP_ORIGIN, HTTP_NO_BODY, 0},
	{"java", "shop.example", 0, HTTP_ORIGIN, HTTP_LENGTH, 0},
	{"node", "shop.example", 0, HTTP_ORIGIN, HTTP_NO_BODY, 0},
	{"python", "shop.example", 0, HTTP_ORIGIN, HTTP_NO_BODY, 0},
	{"wget", "shop.example", 0, HTTP_ORIGIN, HTTP_NO_BODY, 0},
};

#define REAL (sizeof(real) / sizeof(real[0]))

static void every_real_head_cut_everywhere(void **state)
{
	(void)state;
	for (size_t i = 0; i < REAL; i++) {
		corpus(&o, "http", real[i].file);
		for (size_t cut = 0; cut < o.len - real[i].rest; cut++)
			assert_int_equal(read_some(cut, true), HTTP_MORE);
		for (size_t cut = o.len - real[i].rest; cut <= o.len; cut++) {
			assert_int_equal(read_some(cut, true), HTTP_WHOLE);
			assert_int_equal(got.length, o.len - real[i].rest);
			assert_string_equal(got.name, real[i].name);
			assert_int_equal(got.port, real[i].port);
			assert_int_equal(got.form, real[i].form);
			assert_int_equal(got.body, real[i].body);
			if (real[i].rest)
				assert_int_equal(got.content_length, real[i].rest);
			assert_int_equal(got.expect, strcmp(real[i].file, "curl-expect") == 0);
			assert_false(got.websocket);
		}
	}
}

/* Lines that two servers could read differently, after each line of a real head. */
static void hostile_lines_in_real_heads(void **state)
{
	static const char *const lines[] = {
		"Host: evil.example\r\n",
		"Host : evil.example\r\n",
		" Host: evil.example\r\n",
		"X: y\nHost: evil.example\r\n",
		"X: y\rHost: evil.example\r\n",
		"\n",
		"Content-Length: 5\r\nTransfer-Encoding: chunked\r\n",
		"Content-Length: 5\r\nContent-Length: 6\r\n",
		"Transfer-Encoding: chunked, identity\r\n",
		"Connection: Host\r\n",
	};

	(void)state;
	for (size_t i = 0; i < REAL; i++) {
		struct octets *was = calloc(1, sizeof(*was));

		corpus(was, "http", real[i].file);
		was->len -= real[i].rest;
		for (size_t at = 1; at < was->len - 2; at++) {
			if (was->at[at - 1] != '\n')
				continue;
			for (size_t l = 0; l < sizeof(lines) / sizeof(lines[0]); l++) {
				o.len = 0;
				add(&o, was->at, at);
				add_text(&o, lines[l]);
				add(&o, was->at + at, was->len - at);
				for (size_t cut = 0; cut < o.len; cut++)
					assert_int_not_equal(read_some(cut, true), HTTP_WHOLE);
				assert_int_equal(read_some(o.len, true), HTTP_REFUSED);
			}
		}
		free(was);
	}
}

/* Every octet of a real head changed: the name is the one in the head. */
static void changed_octets(void **state)
{
	static const uint8_t values[] = {0, '\t', '\n', '\r', ' ', ':', 0x7f, 0x80, 0xff};

	(void)state;
	for (size_t i = 0;; i++) {
		corpus(&o, "http", "curl-h2c");
		if (i == o.len)
			break;
		for (size_t v = 0; v < sizeof(values); v++) {
			corpus(&o, "http", "curl-h2c");
			o.at[i] = values[v];
			if (read_some(o.len, false) == HTTP_WHOLE)
				assert_non_null(strstr("shop.example", got.name));
		}
	}
}

static void http2_without_tls(void **state)
{
	(void)state;
	corpus(&o, "http", "curl-h2-prior");
	assert_int_equal(read_some(o.len, true), HTTP_REFUSED);
	assert_int_equal(got.reason, GATE_PROTOCOL);
	for (size_t cut = 0; cut < 18; cut++)
		assert_int_equal(read_some(cut, true), HTTP_MORE);
	assert_int_equal(read_some(18, true), HTTP_REFUSED);
}

static void what_is_no_http(void **state)
{
	(void)state;
	refused("\x16\x03\x01\x02\x00\x01", GATE_MALFORMED);
	refused("\r\nGET / HTTP/1.1\r\nHost: a.example\r\n\r\n", GATE_MALFORMED);
	refused(" GET / HTTP/1.1\r\nHost: a.example\r\n\r\n", GATE_MALFORMED);
	refused("\nGET / HTTP/1.1\r\nHost: a.example\r\n\r\n", GATE_MALFORMED);
	refused("AMETHODTHATISTOOLONGTOBEONEOFANYBODYSMETHODS / HTTP/1.1\r\n", GATE_MALFORMED);
	refused("SSH-2.0-OpenSSH_9.2\r\n\r\n", GATE_MALFORMED);
	refused("GET\t/ HTTP/1.1\r\nHost: a.example\r\n\r\n", GATE_MALFORMED);
}

static void targets_that_pass(void **state)
{
	static const struct {
		const char *text;
		unsigned port;
		enum http_form form;
	} good[] = {
		{"GET / HTTP/1.1" HOST, 0, HTTP_ORIGIN},
		{"GET /a?b=http://evil.example/@ HTTP/1.0" HOST, 0, HTTP_ORIGIN},
		{"GET //x/{y}|[] HTTP/1.1" HOST, 0, HTTP_ORIGIN},
		{"OPTIONS * HTTP/1.1" HOST, 0, HTTP_ORIGIN},
		{"M-SEARCH /x HTTP/1.1" HOST, 0, HTTP_ORIGIN},
		{"GET http://a.example HTTP/1.1" HOST, 0, HTTP_ABSOLUTE},
		{"GET HTTP://A.Example?x HTTP/1.1" HOST, 0, HTTP_ABSOLUTE},
		{"GET http://a.example:80/ HTTP/1.1" HOST, 80, HTTP_ABSOLUTE},
		{"GET http://a.example/ HTTP/1.1\r\nHost: a.example:80\r\n\r\n", 0,
			HTTP_ABSOLUTE},
		{"GET http://a.example:8080/ HTTP/1.1\r\nHost: a.example:8080\r\n\r\n", 8080,
			HTTP_ABSOLUTE},
		{"CONNECT a.example:443 HTTP/1.1" HOST, 443, HTTP_AUTHORITY},
		{"CONNECT a.example:443 HTTP/1.1\r\nHost: A.EXAMPLE:443\r\n\r\n", 443,
			HTTP_AUTHORITY},
		{"CONNECT a.example:65535 HTTP/1.0\r\n\r\n", 65535, HTTP_AUTHORITY},
		{"GET / HTTP/1.1\r\nhOST:a.example:8080\t \r\n\r\n", 8080, HTTP_ORIGIN},
		/* A final dot doesn't change the name, on either side. */
		{"GET / HTTP/1.1\r\nHost: a.example.\r\n\r\n", 0, HTTP_ORIGIN},
		{"GET / HTTP/1.1\r\nHost: A.Example.:8080\r\n\r\n", 8080, HTTP_ORIGIN},
		{"GET http://a.example./ HTTP/1.1" HOST, 0, HTTP_ABSOLUTE},
		{"GET http://a.example.:80/ HTTP/1.1\r\nHost: a.example.\r\n\r\n", 80,
			HTTP_ABSOLUTE},
		{"CONNECT a.example.:443 HTTP/1.1" HOST, 443, HTTP_AUTHORITY},
	};

	(void)state;
	for (size_t i = 0; i < sizeof(good) / sizeof(good[0]); i++) {
		set(good[i].text);
		expect_whole("a.example", good[i].port);
		assert_int_equal(got.form, good[i].form);
		for (size_t cut = 0; cut < o.len; cut++)
			assert_int_equal(read_some(cut, true), HTTP_MORE);
	}
}

static void targets_that_do_not(void **state)
{
	static const struct {
		const char *text;
		enum gate_reason reason;
	} bad[] = {
		{"GET a.example/x HTTP/1.1" HOST, GATE_MALFORMED},
		{"GET * HTTP/1.1" HOST, GATE_MALFORMED},
		{"OPTIONS ** HTTP/1.1" HOST, GATE_MALFORMED},
		{"GET  / HTTP/1.1" HOST, GATE_MALFORMED},
		{"GET /  HTTP/1.1" HOST, GATE_MALFORMED},
		{"GET / HTTP/1.1 " HOST, GATE_MALFORMED},
		{"GET /a b HTTP/1.1" HOST, GATE_MALFORMED},
		{"GET /\ta HTTP/1.1" HOST, GATE_MALFORMED},
		{"GET /#a HTTP/1.1" HOST, GATE_MALFORMED},
		{"GET /\xc3\xbc HTTP/1.1" HOST, GATE_MALFORMED},
		{"GET /\x7f HTTP/1.1" HOST, GATE_MALFORMED},
		{"GET / HTTP/1.2" HOST, GATE_MALFORMED},
		{"GET / HTTP/2.0" HOST, GATE_MALFORMED},
		{"GET / HTTP/0.9" HOST, GATE_MALFORMED},
		{"GET / http/1.1" HOST, GATE_MALFORMED},
		{"GET / HTTP/1.10" HOST, GATE_MALFORMED},
		{"GET / HTTP/11" HOST, GATE_MALFORMED},
		{"GET /" HOST, GATE_MALFORMED},
		{"GET" HOST, GATE_MALFORMED},
		{"G(T / HTTP/1.1" HOST, GATE_MALFORMED},
		{"PRI * HTTP/2.0\r\n\r\n", GATE_PROTOCOL},
		{"PRI * HTTP/1.1" HOST, GATE_MALFORMED},
		{"GET https://a.example/ HTTP/1.1" HOST, GATE_MALFORMED},
		{"GET ftp://a.example/ HTTP/1.1" HOST, GATE_MALFORMED},
		{"GET http:/a.example/ HTTP/1.1" HOST, GATE_MALFORMED},
		{"GET http:///x HTTP/1.1" HOST, GATE_NO_NAME},
		{"GET http://u@a.example/ HTTP/1.1" HOST, GATE_BAD_NAME},
		{"GET http://u:p@a.example/ HTTP/1.1" HOST, GATE_MALFORMED},
		{"GET http://evil.example\\@a.example/ HTTP/1.1" HOST, GATE_BAD_NAME},
		{"GET http://a.example:/ HTTP/1.1" HOST, GATE_MALFORMED},
		{"GET http://a.example:0/ HTTP/1.1" HOST, GATE_MALFORMED},
		{"GET http://a.example:080/ HTTP/1.1" HOST, GATE_MALFORMED},
		{"GET http://a.example:65536/ HTTP/1.1" HOST, GATE_MALFORMED},
		{"GET http://a.example:+80/ HTTP/1.1" HOST, GATE_MALFORMED},
		{"GET http://a.example:4294967376/ HTTP/1.1" HOST, GATE_MALFORMED},
		{"GET http://a%2eexample/ HTTP/1.1" HOST, GATE_BAD_NAME},
		{"GET http://%61.example/ HTTP/1.1" HOST, GATE_BAD_NAME},
		{"GET http://a.example%2f/ HTTP/1.1" HOST, GATE_BAD_NAME},
		{"GET http://a.example;x/ HTTP/1.1" HOST, GATE_BAD_NAME},
		{"GET http://@a.example/ HTTP/1.1" HOST, GATE_BAD_NAME},
		{"GET http://a.example../ HTTP/1.1" HOST, GATE_BAD_NAME},
		{"GET http://evil.example./ HTTP/1.1" HOST, GATE_NAMES_DIFFER},
		{"GET http://evil.example/ HTTP/1.1" HOST, GATE_NAMES_DIFFER},
		{"GET http://a.example:81/ HTTP/1.1" HOST, GATE_NAMES_DIFFER},
		{"GET http://a.example/ HTTP/1.1\r\nHost: a.example:81\r\n\r\n",
			GATE_NAMES_DIFFER},
		{"GET http://a.example/ HTTP/1.0\r\n\r\n", GATE_NO_NAME},
		{"CONNECT a.example HTTP/1.1" HOST, GATE_MALFORMED},
		{"CONNECT / HTTP/1.1" HOST, GATE_BAD_NAME},
		{"CONNECT http://a.example:443 HTTP/1.1" HOST, GATE_MALFORMED},
		{"CONNECT a.example:443/ HTTP/1.1" HOST, GATE_MALFORMED},
		{"connect a.example:443 HTTP/1.1" HOST, GATE_MALFORMED},
		{"CONNECT 1.2.3.4:443 HTTP/1.1\r\nHost: 1.2.3.4\r\n\r\n", GATE_BAD_NAME},
		{"CONNECT [::1]:443 HTTP/1.1\r\nHost: [::1]\r\n\r\n", GATE_BAD_NAME},
		{"CONNECT a.example:443 HTTP/1.1\r\nHost: a.example:444\r\n\r\n",
			GATE_NAMES_DIFFER},
		{"CONNECT evil.example:443 HTTP/1.1" HOST, GATE_NAMES_DIFFER},
		{"CONNECT a.example:443 HTTP/1.1\r\n\r\n", GATE_NO_NAME},
		{"CONNECT a.example:443 HTTP/1.1\r\nContent-Length: 1" HOST, GATE_MALFORMED},
		{"CONNECT a.example:443 HTTP/1.1\r\nTransfer-Encoding: chunked" HOST,
			GATE_MALFORMED},
	};

	(void)state;
	for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++)
		refused(bad[i].text, bad[i].reason);
}

/* It is no name, and told as what it is. */
static void an_address_is_refused_and_read(void **state)
{
	static const struct {
		const char *text;
		unsigned family, port;
	} aims[] = {
		{"CONNECT 1.2.3.4:443 HTTP/1.1\r\nHost: 1.2.3.4\r\n\r\n", 4, 443},
		{"CONNECT [20::1]:8443 HTTP/1.1\r\nHost: [20::1]\r\n\r\n", 6, 8443},
		{"GET http://1.2.3.4/ HTTP/1.1\r\nHost: 1.2.3.4\r\n\r\n", 4, 0},
		{"GET http://[20::1]/ HTTP/1.1\r\nHost: [20::1]\r\n\r\n", 6, 0},
		{"CONNECT 1.2.3:443 HTTP/1.1" HOST, 0, 0},
		{"CONNECT []:443 HTTP/1.1" HOST, 0, 0},
		{"CONNECT []]:443 HTTP/1.1" HOST, 0, 0},
		{"CONNECT 1.2.3.4]:443 HTTP/1.1" HOST, 0, 0},
		{"CONNECT a..example:443 HTTP/1.1" HOST, 0, 0},
	};

	(void)state;
	for (size_t i = 0; i < sizeof(aims) / sizeof(aims[0]); i++) {
		refused(aims[i].text, GATE_BAD_NAME);
		assert_int_equal(got.literal.family, aims[i].family);
		assert_int_equal(got.port, aims[i].port);
	}
	refused("CONNECT 1.2.3.4:99999 HTTP/1.1" HOST, GATE_MALFORMED);
	refused("CONNECT [20::1]:x HTTP/1.1" HOST, GATE_MALFORMED);
}

int main(void)
{
	static const struct CMUnitTest tests[] = {
		cmocka_unit_test(every_real_head_cut_everywhere),
		cmocka_unit_test(hostile_lines_in_real_heads),
		cmocka_unit_test(changed_octets),
		cmocka_unit_test(http2_without_tls),
		cmocka_unit_test(what_is_no_http),
		cmocka_unit_test(targets_that_pass),
		cmocka_unit_test(targets_that_do_not),
		cmocka_unit_test(an_address_is_refused_and_read),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
