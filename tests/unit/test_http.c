/*
 * Heads of requests and responses: those of real clients (tests/corpus/http), truncated
 * everywhere; and those that two servers could read differently, which must be refused.
 */
#include "gate_fixture.h"

#include "init/gate/http.h"

static struct octets o;
static struct http_head got;

static enum http_result read_some(size_t len, bool allow_upgrade)
{
	uint8_t *copy = exact(o.at, len);
	enum http_result r;

	memset(&got, 0x55, sizeof(got));
	r = http_head_read(copy, len, allow_upgrade, &got);
	assert_non_null(memchr(got.name, 0, sizeof(got.name)));
	memcpy(o.at, copy, len); /* what it may have overwritten */
	free(copy);
	return r;
}

static void set(const char *text)
{
	memset(&o, 0, sizeof(o));
	add_text(&o, text);
}

static void expect_whole(const char *name, unsigned port)
{
	assert_int_equal(read_some(o.len, false), HTTP_WHOLE);
	assert_int_equal(got.reason, GATE_FINE);
	assert_string_equal(got.name, name);
	assert_int_equal(got.port, port);
}

/* Refused for this reason, and at no cut accepted; also when followed by a valid request. */
static void expect_refused(enum gate_reason reason)
{
	enum http_result before = HTTP_MORE;

	for (size_t cut = 0; cut < o.len; cut++) {
		enum http_result r = read_some(cut, true);

		assert_int_not_equal(r, HTTP_WHOLE);
		if (before == HTTP_REFUSED)
			assert_int_equal(r, HTTP_REFUSED); /* a refusal is final */
		before = r;
	}
	assert_int_equal(read_some(o.len, true), HTTP_REFUSED);
	assert_int_equal(got.reason, reason);
	add_text(&o, "GET / HTTP/1.1\r\nHost: a.example\r\n\r\n");
	assert_int_equal(read_some(o.len, true), HTTP_REFUSED);
	assert_int_equal(got.reason, reason);
}

static void refused(const char *text, enum gate_reason reason)
{
	set(text);
	expect_refused(reason);
}

/* ---- Real clients -------------------------------------------------------------------- */

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

/* ---- The request line ---------------------------------------------------------------- */

#define HOST "\r\nHost: a.example\r\n\r\n"

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

/* ---- Host ---------------------------------------------------------------------------- */

#define GET "GET / HTTP/1.1\r\n"

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

/* ---- Lines and fields ---------------------------------------------------------------- */

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

/* ---- Where the request ends ---------------------------------------------------------- */

#define POST "POST / HTTP/1.1\r\nHost: a.example\r\n"

static void framing_that_passes(void **state)
{
	static const struct {
		const char *text;
		enum http_body_kind kind;
		uint64_t length;
	} good[] = {
		{POST "\r\n", HTTP_NO_BODY, 0},
		{POST "Content-Length: 0\r\n\r\n", HTTP_LENGTH, 0},
		{POST "content-length:5\t\r\n\r\n", HTTP_LENGTH, 5},
		{POST "Content-Length: 4294967301\r\n\r\n", HTTP_LENGTH, 4294967301},
		{POST "Content-Length: 5497558138880\r\n\r\n", HTTP_LENGTH, 5ULL << 40},
		{POST "Content-Length: 17592186044416\r\n\r\n", HTTP_LENGTH, 16ULL << 40},
		{POST "Transfer-Encoding: chunked\r\n\r\n", HTTP_CHUNKED, 0},
		{POST "TRANSFER-ENCODING:CHUNKED \r\n\r\n", HTTP_CHUNKED, 0},
		{POST "TE: trailers\r\nContent-Lengths: x\r\n\r\n", HTTP_NO_BODY, 0},
		{POST "Content_Type: x\r\nX_Content_Length: 5\r\n\r\n", HTTP_NO_BODY, 0},
		{"GET / HTTP/1.1\r\nContent-Length: 5" HOST, HTTP_LENGTH, 5},
		{"POST / HTTP/1.0\r\nContent-Length: 5" HOST, HTTP_LENGTH, 5},
	};

	(void)state;
	for (size_t i = 0; i < sizeof(good) / sizeof(good[0]); i++) {
		set(good[i].text);
		expect_whole("a.example", 0);
		assert_int_equal(got.body, good[i].kind);
		assert_true(got.content_length == good[i].length);
	}
}

static void framing_that_does_not(void **state)
{
	static const char *const bad[] = {
		POST "Content-Length: 5\r\nContent-Length: 5\r\n\r\n",
		POST "Content-Length: 5\r\nContent-Length: 6\r\n\r\n",
		POST "Content-Length: 5, 5\r\n\r\n",
		POST "Content-Length: +5\r\n\r\n",
		POST "Content-Length: -5\r\n\r\n",
		POST "Content-Length: 0x5\r\n\r\n",
		POST "Content-Length: 05\r\n\r\n",
		POST "Content-Length: 5 5\r\n\r\n",
		POST "Content-Length: 5;\r\n\r\n",
		POST "Content-Length:\r\n\r\n",
		POST "Content-Length: five\r\n\r\n",
		POST "Content-Length: 00\r\n\r\n",
		POST "Content-Length: 0000000005\r\n\r\n",
		POST "Content-Length: 5.0\r\n\r\n",
		POST "Content-Length: 5e3\r\n\r\n",
		POST "Content-Length: 1_000\r\n\r\n",
		POST "Content-Length: 17592186044417\r\n\r\n",
		POST "Content-Length: 99999999999999\r\n\r\n",
		POST "Content-Length: 9007199254740993\r\n\r\n", /* 2^53 + 1 */
		POST "Content-Length: 9223372036854775813\r\n\r\n",
		POST "Content-Length: 18446744073709551621\r\n\r\n",
		POST "Content_Length: 5\r\n\r\n",
		POST "Content-Length: 5\r\nCONTENT_LENGTH: 6\r\n\r\n",
		POST "Transfer_Encoding: chunked\r\n\r\n",
		POST "Content-Length: 5\r\ntransfer_encoding: chunked\r\n\r\n",
		POST "Content-Length: 99999999999999999999999\r\n\r\n",
		POST "Content-Length: 5\r\nTransfer-Encoding: chunked\r\n\r\n",
		POST "Transfer-Encoding: chunked\r\nContent-Length: 5\r\n\r\n",
		POST "Transfer-Encoding: chunked\r\nTransfer-Encoding: chunked\r\n\r\n",
		POST "Transfer-Encoding: identity\r\nTransfer-Encoding: chunked\r\n\r\n",
		POST "Transfer-Encoding: gzip, chunked\r\n\r\n",
		POST "Transfer-Encoding: chunked, identity\r\n\r\n",
		POST "Transfer-Encoding: identity\r\n\r\n",
		POST "Transfer-Encoding: xchunked\r\n\r\n",
		POST "Transfer-Encoding: \"chunked\"\r\n\r\n",
		POST "Transfer-Encoding: chunked;q=1\r\n\r\n",
		POST "Transfer-Encoding: ,chunked\r\n\r\n",
		POST "Transfer-Encoding:\r\n\r\n",
		POST "Transfer-Encoding: \x0b"
		     "chunked\r\n\r\n",
		POST "Transfer-Encoding:\r\n chunked\r\n\r\n",
		POST "Transfer-Encoding : chunked\r\n\r\n",
		POST "Content-Length : 5\r\n\r\n",
		("POST / HTTP/1.0\r\nTransfer-Encoding: chunked" HOST),
	};

	(void)state;
	for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++)
		refused(bad[i], GATE_MALFORMED);
}

/* ---- Upgrades ------------------------------------------------------------------------ */

#define WEBSOCKET                                                                              \
	"GET /s HTTP/1.1\r\nHost: a.example\r\nConnection: keep-alive, Upgrade\r\n"            \
	"Upgrade: WebSocket\r\n\r\n"

static void websocket_where_it_may(void **state)
{
	char was[sizeof(WEBSOCKET)];

	(void)state;
	set(WEBSOCKET);
	memcpy(was, o.at, o.len);
	assert_int_equal(read_some(o.len, true), HTTP_WHOLE);
	assert_true(got.websocket);
	assert_memory_equal(o.at, was, o.len);
	assert_int_equal(read_some(o.len, false), HTTP_WHOLE);
	assert_false(got.websocket);
	assert_memory_not_equal(o.at, was, o.len);
	/* Once hidden, it remains so. */
	assert_int_equal(read_some(o.len, true), HTTP_WHOLE);
	assert_false(got.websocket);
}

static void a_real_websocket(void **state)
{
	(void)state;
	corpus(&o, "http", "node-websocket");
	for (size_t cut = 0; cut < o.len; cut++)
		assert_int_equal(read_some(cut, true), HTTP_MORE);
	assert_int_equal(read_some(o.len, true), HTTP_WHOLE);
	assert_true(got.websocket);
	assert_int_equal(read_some(o.len, false), HTTP_WHOLE);
	assert_false(got.websocket);
}

/* The head is unchanged except for the names of Upgrade fields. */
static void expect_hidden(const char *text, unsigned fields)
{
	unsigned changed = 0;

	set(text);
	assert_int_equal(read_some(o.len, true), HTTP_WHOLE);
	assert_false(got.websocket);
	assert_int_equal(got.length, o.len);
	for (size_t i = 0; i < o.len; i++) {
		if (o.at[i] == (uint8_t)text[i])
			continue;
		assert_int_equal(strncasecmp(text + i, "upgrade:", 8), 0);
		assert_int_equal(text[i - 1], '\n');
		assert_memory_equal(o.at + i, "X-Asked:", 8);
		i += 7;
		changed++;
	}
	assert_int_equal(changed, fields);
}

static void other_upgrades_are_hidden(void **state)
{
	(void)state;
	expect_hidden(GET "Host: a.example\r\nConnection: Upgrade, HTTP2-Settings\r\n"
			  "Upgrade: h2c\r\nHTTP2-Settings: AAMAAABk\r\n\r\n",
		1);
	expect_hidden(GET "UPGRADE:h2c\r\nHost: a.example\r\n\r\n", 1);
	expect_hidden(GET "Upgrade: websocket\r\nHost: a.example\r\n\r\n", 1);
	expect_hidden(GET
		"Upgrade: websocket, h2c\r\nConnection: upgrade\r\nHost: a.example\r\n\r\n",
		1);
	expect_hidden(GET "Upgrade: websocket\r\nUpgrade: h2c\r\nConnection: upgrade\r\n"
			  "Host: a.example\r\n\r\n",
		2);
	expect_hidden(POST "Upgrade: websocket\r\nConnection: upgrade\r\n\r\n", 1);
	expect_hidden(GET "Upgrade: websocket\r\nConnection: upgrade\r\nHost: a.example\r\n"
			  "Content-Length: 5\r\n\r\n",
		1);
	expect_hidden("GET / HTTP/1.0\r\nUpgrade: websocket\r\nConnection: upgrade" HOST, 1);
	expect_hidden(GET "Upgrade:\r\nHost: a.example\r\n\r\n", 1);
	expect_hidden(GET "Host: a.example\r\nUpgrade-Insecure-Requests: 1\r\nX: Upgrade: h2c"
			  "\r\nConnection: Upgrade\r\n\r\n",
		0);
	/* Real ones. */
	corpus(&o, "http", "java");
	assert_int_equal(read_some(o.len, true), HTTP_WHOLE);
	assert_null(memmem(o.at, o.len, "\r\nUpgrade:", 10));
	assert_non_null(memmem(o.at, o.len, "\r\nX-Asked: h2c\r\n", 16));
}

/* ---- Expect -------------------------------------------------------------------------- */

static void an_expectation_is_reported_and_hidden(void **state)
{
	static const struct {
		const char *text;
		bool expect;
	} cases[] = {
		{POST "Content-Length: 5\r\nExpect: 100-continue\r\n\r\n", true},
		{POST "eXPECT:100-Continue\r\nTransfer-Encoding: chunked\r\n\r\n", true},
		{POST "Expect: 100-continue\r\n\r\n", false},
		{"POST / HTTP/1.0\r\nExpect: 100-continue\r\nContent-Length: 5" HOST, false},
	};

	(void)state;
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		set(cases[i].text);
		expect_whole("a.example", 0);
		assert_int_equal(got.expect, cases[i].expect);
		assert_null(strcasestr((const char *)o.at, "\nExpect:"));
		assert_non_null(memmem(o.at, o.len, "\r\nX-Wait:", 9));
	}
	set(POST "Expected: x\r\nX: Expect: 100-continue\r\nContent-Length: 5\r\n\r\n");
	expect_whole("a.example", 0);
	assert_false(got.expect);
	assert_null(memmem(o.at, o.len, "X-Wait", 6));
	refused(POST "Expect: 200-ok\r\nContent-Length: 5\r\n\r\n", GATE_MALFORMED);
	refused(POST "Expect:\r\nContent-Length: 5\r\n\r\n", GATE_MALFORMED);
}

/* ---- Responses ----------------------------------------------------------------------- */

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
		cmocka_unit_test(every_real_head_cut_everywhere),
		cmocka_unit_test(hostile_lines_in_real_heads),
		cmocka_unit_test(changed_octets),
		cmocka_unit_test(http2_without_tls),
		cmocka_unit_test(what_is_no_http),
		cmocka_unit_test(targets_that_pass),
		cmocka_unit_test(targets_that_do_not),
		cmocka_unit_test(one_host),
		cmocka_unit_test(a_refusal_names_the_host_and_nothing_unclean),
		cmocka_unit_test(lines_that_two_could_read_in_two_ways),
		cmocka_unit_test(the_limits),
		cmocka_unit_test(only_the_first_request_is_read),
		cmocka_unit_test(framing_that_passes),
		cmocka_unit_test(framing_that_does_not),
		cmocka_unit_test(websocket_where_it_may),
		cmocka_unit_test(a_real_websocket),
		cmocka_unit_test(other_upgrades_are_hidden),
		cmocka_unit_test(an_expectation_is_reported_and_hidden),
		cmocka_unit_test(a_status),
		cmocka_unit_test(what_a_status_says),
		cmocka_unit_test(what_is_no_status),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
