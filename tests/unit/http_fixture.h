/*
 * Heads of requests and responses: those of real clients (tests/corpus/http), truncated
 * everywhere; and those that two servers could read differently, which must be refused.
 */
#ifndef TESTS_UNIT_HTTP_FIXTURE_H
#define TESTS_UNIT_HTTP_FIXTURE_H

#include "gate_fixture.h"

#include "init/gate/http.h"

static __attribute__((unused)) struct octets o;
static __attribute__((unused)) struct http_head got;

static __attribute__((unused)) enum http_result read_some(size_t len, bool allow_upgrade)
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

static __attribute__((unused)) void set(const char *text)
{
	memset(&o, 0, sizeof(o));
	add_text(&o, text);
}

static __attribute__((unused)) void expect_whole(const char *name, unsigned port)
{
	assert_int_equal(read_some(o.len, false), HTTP_WHOLE);
	assert_int_equal(got.reason, GATE_FINE);
	assert_string_equal(got.name, name);
	assert_int_equal(got.port, port);
}

/* Refused for this reason, and at no cut accepted; also when followed by a valid request. */
static __attribute__((unused)) void expect_refused(enum gate_reason reason)
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

static __attribute__((unused)) void refused(const char *text, enum gate_reason reason)
{
	set(text);
	expect_refused(reason);
}

#define HOST "\r\nHost: a.example\r\n\r\n"
#define GET  "GET / HTTP/1.1\r\n"

#endif
