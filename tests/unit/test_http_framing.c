/* HTTP: where a request ends; upgrades and expectations. */
#include "http_fixture.h"

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

int main(void)
{
	static const struct CMUnitTest tests[] = {
		cmocka_unit_test(framing_that_passes),
		cmocka_unit_test(framing_that_does_not),
		cmocka_unit_test(websocket_where_it_may),
		cmocka_unit_test(a_real_websocket),
		cmocka_unit_test(other_upgrades_are_hidden),
		cmocka_unit_test(an_expectation_is_reported_and_hidden),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
