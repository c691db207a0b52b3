/*
 * Where bodies end, and what refused clients are sent.
 */
#include "gate_fixture.h"

#include "init/gate/http.h"

static struct octets o;

static void set(const char *text)
{
	o.len = 0;
	add_text(&o, text);
}

static struct http_body begin(enum http_body_kind kind, uint64_t length)
{
	struct http_head head = {.body = kind, .content_length = length};
	struct http_body b;

	memset(&b, 0x55, sizeof(b));
	http_body_begin(&b, &head);
	return b;
}

static ssize_t take(struct http_body *b, size_t from, size_t len)
{
	uint8_t *copy = exact(o.at + from, len);
	ssize_t n = http_body_take(b, copy, len);

	free(copy);
	assert_true(n >= -1 && n <= (ssize_t)len);
	return n;
}

static void no_body_is_done_at_once(void **state)
{
	struct http_body b = begin(HTTP_NO_BODY, 0);

	(void)state;
	set("GET / HTTP/1.1\r\n");
	assert_true(b.done);
	assert_int_equal(take(&b, 0, o.len), 0);
	b = begin(HTTP_LENGTH, 0);
	assert_true(b.done);
	assert_int_equal(take(&b, 0, o.len), 0);
	b = begin(HTTP_CHUNKED, 0);
	assert_false(b.done);
}

static void a_length_at_every_split(void **state)
{
	(void)state;
	set("elevenoctetGET / HTTP/1.1\r\n");
	for (size_t cut = 0; cut <= o.len; cut++) {
		struct http_body b = begin(HTTP_LENGTH, 11);
		ssize_t first = take(&b, 0, cut);

		assert_int_equal(first, cut < 11 ? cut : 11);
		assert_int_equal(b.done, cut >= 11);
		assert_int_equal(take(&b, (size_t)first, o.len - (size_t)first), 11 - first);
		assert_true(b.done);
		assert_int_equal(take(&b, 11, o.len - 11), 0);
	}
}

static void a_length_beyond_memory(void **state)
{
	struct http_body b = begin(HTTP_LENGTH, LIMIT_GATE_LENGTH);

	(void)state;
	set("elevenoctet");
	assert_int_equal(take(&b, 0, 11), 11);
	assert_true(b.left == LIMIT_GATE_LENGTH - 11);
	assert_false(b.done);
}

/* The number of octets in o that are the body, however they are split in two, and one by
 * one. */
static void expect_end(ssize_t end)
{
	struct http_body b = begin(HTTP_CHUNKED, 0);
	size_t at = 0;

	for (size_t cut = 0; cut <= o.len; cut++) {
		ssize_t n, more;

		b = begin(HTTP_CHUNKED, 0);
		n = take(&b, 0, cut);
		if (n < 0) {
			assert_int_equal(end, -1);
			continue;
		}
		assert_true(b.done || n == (ssize_t)cut);
		assert_int_equal(b.done, end >= 0 && (ssize_t)cut >= end);
		more = take(&b, (size_t)n, o.len - (size_t)n);
		assert_int_equal(more < 0 ? -1 : n + more, end);
		assert_int_equal(b.done, end >= 0);
	}
	b = begin(HTTP_CHUNKED, 0);
	while (at < o.len && !b.done) {
		if (take(&b, at, 1) < 0) {
			assert_int_equal(end, -1);
			return;
		}
		at++;
	}
	assert_true(b.done);
	assert_int_equal(end, at);
}

#define NEXT "GET / HTTP/1.1\r\nHost: evil.example\r\n\r\n"

static void chunks(void **state)
{
	static const char *const good[] = {
		"0\r\n\r\n",
		"5\r\nhello\r\n0\r\n\r\n",
		"5\r\nhello\r\n1\r\n \r\n00\r\n\r\n",
		"0005\r\n\r\n0\r\n\r\n0\r\n\r\n", /* its data looks like the end */
		"a\r\n0123456789\r\nA\r\n0123456789\r\n0\r\n\r\n",
		"10\r\n0123456789abcdef\r\n0\r\n\r\n",
		"5;name=value;q=\"x\ty\"\r\nhello\r\n0;last\r\n\r\n",
		"5;\r\nhello\r\n0\r\n\r\n",
		"0\r\nX-Sum: abc\r\nY:\r\n\r\n",
		"00000001\r\nx\r\n00000000\r\n\r\n",
	};

	(void)state;
	for (size_t i = 0; i < sizeof(good) / sizeof(good[0]); i++) {
		set(good[i]);
		add_text(&o, NEXT);
		expect_end((ssize_t)strlen(good[i]));
	}
}

static void chunks_that_two_could_read_in_two_ways(void **state)
{
	static const char *const bad[] = {
		"\r\n0\r\n\r\n",
		"\n",
		"x\r\n",
		"-1\r\n",
		"+5\r\nhello\r\n0\r\n\r\n",
		"0x5\r\nhello\r\n0\r\n\r\n",
		" 5\r\nhello\r\n0\r\n\r\n",
		"5 \r\nhello\r\n0\r\n\r\n",
		"5\t;x\r\nhello\r\n0\r\n\r\n",
		"5_0\r\nhello\r\n0\r\n\r\n",
		";x\r\nhello\r\n0\r\n\r\n",
		"5\nhello\r\n0\r\n\r\n",
		"5\rhello\r\n0\r\n\r\n",
		"5\r\rhello\r\n0\r\n\r\n",
		"5\r\nhello0\r\n\r\n",
		"5\r\nhello\n0\r\n\r\n",
		"5\r\nhello\r0\r\n\r\n",
		"5\r\nhello!\r\n0\r\n\r\n",
		"5\r\nhello\r\n\r\n0\r\n\r\n",
		"5;a\nb\r\nhello\r\n0\r\n\r\n",
		"5;a\rb\r\nhello\r\n0\r\n\r\n",
		"5;\x01\r\nhello\r\n0\r\n\r\n",
		"5;\x7f\r\nhello\r\n0\r\n\r\n",
		"0\r\n\n",
		"0\n\r\n",
		"0\r\n\rx",
		"0\r\n X: folded\r\n\r\n",
		"0\r\n: x\r\n\r\n",
		"0\r\nX y: z\r\n\r\n",
		"0\r\nX : z\r\n\r\n",
		"0\r\nX\r\n\r\n",
		"0\r\nX: y\n\r\n",
		"0\r\nX: y\rz\r\n\r\n",
		"0\r\nX: \x01\r\n\r\n",
		"100000005\r\nhello\r\n0\r\n\r\n", /* 5 in 32 bits */
		"80000000\r\n",                    /* negative in 32 bits */
		"80000005\r\nhello\r\n0\r\n\r\n",
		"ffffffff\r\n", /* -1 */
		"fffffffb\r\n",
		"7fffffff0\r\n",
		"10000000000000005\r\nhello\r\n0\r\n\r\n", /* 5 in 64 bits */
		"8000000000000005\r\nhello\r\n0\r\n\r\n",
		"000000005\r\nhello\r\n0\r\n\r\n", /* 0 to a parser that reads eight digits */
		"00000000000000005\r\nhello\r\n0\r\n\r\n",
		"000000000\r\n\r\n",
	};

	(void)state;
	for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
		set(bad[i]);
		add_text(&o, NEXT);
		expect_end(-1);
	}
	set("5;a");
	add(&o, "\0", 1);
	add_text(&o, "\r\nhello\r\n0\r\n\r\n");
	expect_end(-1);
}

static void the_largest_chunk(void **state)
{
	struct http_body b = begin(HTTP_CHUNKED, 0);

	(void)state;
	set("7fffffff\r\nhello");
	assert_int_equal(take(&b, 0, o.len), o.len);
	assert_true(b.left == LIMIT_GATE_CHUNK - 5);
}

static void extensions_and_trailers_have_a_limit(void **state)
{
	(void)state;
	for (size_t more = 0; more < 2; more++) {
		struct http_body b = begin(HTTP_CHUNKED, 0);

		set("5;");
		for (size_t i = 0; i < LIMIT_GATE_LINE + more; i++)
			add_text(&o, "x");
		add_text(&o, "\r\nhello\r\n0\r\n\r\n");
		assert_int_equal(take(&b, 0, o.len), more ? -1 : (ssize_t)o.len);
		/* The trailer as a whole, not each field of it. */
		b = begin(HTTP_CHUNKED, 0);
		set("0\r\n");
		for (size_t i = 0; i < LIMIT_GATE_LINE / 4; i++)
			add_text(&o, "X: y\r\n");
		if (more)
			add_text(&o, "X:\r\n");
		add_text(&o, "\r\n");
		assert_int_equal(take(&b, 0, o.len), more ? -1 : (ssize_t)o.len);
	}
}

/* ---- Refusals ------------------------------------------------------------------------ */

static char text[HTTP_REFUSAL_SIZE + 1];

/* A proxy's reply. */
static const char *said = "";

/* One complete response with the right Content-Length; and its body, one line. */
static const char *refusal(enum gate_reason reason, const char *name, uint16_t port, int status)
{
	size_t n = http_refusal_write(reason, name, port, said, text), length = 0;
	const char *field, *body;

	assert_true(n <= HTTP_REFUSAL_SIZE);
	text[n] = '\0';
	assert_int_equal(strlen(text), n);
	assert_int_equal(http_status_read((const uint8_t *)text, n, &length), status);
	body = text + length;
	field = strstr(text, "\r\nContent-Length: ");
	assert_non_null(field);
	assert_int_equal(strtoul(field + 18, NULL, 10), n - length);
	assert_non_null(strstr(text, "\r\nConnection: close\r\n"));
	assert_ptr_equal(strchr(body, '\n'), text + n - 1);
	return body;
}

static void a_refusal_says_what_would_help(void **state)
{
	(void)state;
	assert_string_equal(refusal(GATE_NOT_ALLOWED, "evil.example", 80, 403),
		"codex-sandbox: evil.example is not allowed; allow it with: "
		"--allow evil.example\n");
	assert_string_equal(refusal(GATE_NOT_ALLOWED, "evil.example", 8080, 403),
		"codex-sandbox: evil.example:8080 is not allowed; allow it with: "
		"--allow evil.example:8080\n");
	assert_non_null(
		strstr(refusal(GATE_ECH, "a.example", 443, 403), "--allow a.example+ech\n"));
	assert_non_null(strstr(
		refusal(GATE_ECH, "a.example", 8443, 403), "--allow a.example:8443+ech\n"));
	assert_null(strstr(refusal(GATE_DENIED, "a.example", 80, 403), "--allow"));
	assert_null(strstr(refusal(GATE_BAD_NAME, "1.2.3.4", 80, 400), "--allow"));
	assert_string_equal(refusal(GATE_ADDRESS, "", 8080, 403),
		"codex-sandbox: addresses can't be reached in the cell, names can\n");
	assert_null(strstr(refusal(GATE_NOT_ALLOWED, "a?b", 80, 403), "--allow"));
	assert_null(strstr(refusal(GATE_UNRESOLVED, "a.example", 80, 502), "--allow"));
	assert_non_null(strstr(refusal(GATE_UNRESOLVED, "a.example", 80, 502), "a.example"));
	assert_null(strstr(refusal(GATE_NOT_ALLOWED, "", 0, 403), "--allow"));
	refusal(GATE_UNREACHABLE, "a.example", 80, 502);
	refusal(GATE_PROXY, "a.example", 80, 502);
	said = "407 Proxy Authentication Required";
	assert_string_equal(refusal(GATE_PROXY, "a.example", 80, 502),
		"codex-sandbox: a.example: the proxy refused or could not be reached (407 "
		"Proxy "
		"Authentication Required)\n");
	said = "";
	refusal(GATE_NO_NAME, "", 0, 400);
	refusal(GATE_NAMES_DIFFER, "a.example", 0, 400);
	refusal(GATE_TOO_LONG, "", 0, 400);
	refusal(GATE_PROTOCOL, "", 0, 400);
}

static void a_refusal_reflects_nothing_unclean(void **state)
{
	char longest[1000], longest_said[GATE_PROXY_REPLY];

	(void)state;
	memset(longest_said, 'b', sizeof(longest_said) - 1);
	longest_said[sizeof(longest_said) - 1] = '\0';
	assert_string_equal(refusal(GATE_BAD_NAME, "a\r\nX: <b>\x01\xff", 80, 400),
		"codex-sandbox: a??X???b???: not a host name\n");
	memset(longest, 'a', sizeof(longest) - 1);
	longest[sizeof(longest) - 1] = '\0';
	for (uint32_t reason = 0; reason <= GATE_REASON_LAST + 1; reason++) {
		size_t n = http_refusal_write(
			(enum gate_reason)reason, longest, 65535, longest_said, text);

		assert_true(n < HTTP_REFUSAL_SIZE);
		assert_int_equal(text[n - 1], '\n');
	}
}

static void every_reason_has_a_text(void **state)
{
	(void)state;
	assert_null(gate_ipc_reason_text(GATE_FINE));
	for (uint32_t i = 1; i <= GATE_REASON_LAST; i++) {
		assert_non_null(gate_ipc_reason_text(i));
		for (uint32_t j = 1; j < i; j++)
			assert_string_not_equal(
				gate_ipc_reason_text(i), gate_ipc_reason_text(j));
	}
	assert_null(gate_ipc_reason_text(GATE_REASON_LAST + 1));
	assert_null(gate_ipc_reason_text(UINT32_MAX));
}

int main(void)
{
	static const struct CMUnitTest tests[] = {
		cmocka_unit_test(no_body_is_done_at_once),
		cmocka_unit_test(a_length_at_every_split),
		cmocka_unit_test(a_length_beyond_memory),
		cmocka_unit_test(chunks),
		cmocka_unit_test(chunks_that_two_could_read_in_two_ways),
		cmocka_unit_test(the_largest_chunk),
		cmocka_unit_test(extensions_and_trailers_have_a_limit),
		cmocka_unit_test(a_refusal_says_what_would_help),
		cmocka_unit_test(a_refusal_reflects_nothing_unclean),
		cmocka_unit_test(every_reason_has_a_text),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
