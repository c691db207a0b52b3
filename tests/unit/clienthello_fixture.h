/*
 * Hellos: those of real clients (tests/corpus/hello), truncated everywhere and spread over
 * records in every way; and malicious ones, built here octet by octet.
 */
#ifndef TESTS_UNIT_CLIENTHELLO_FIXTURE_H
#define TESTS_UNIT_CLIENTHELLO_FIXTURE_H

#include "gate_fixture.h"

#include "init/gate/clienthello.h"

static __attribute__((unused)) struct octets o, body;
static __attribute__((unused)) struct hello got;

static __attribute__((unused)) enum hello_result read_some(
	const struct octets *from, size_t len)
{
	uint8_t *copy = exact(from->at, len);
	enum hello_result r;

	memset(&got, 0x55, sizeof(got));
	r = clienthello_read(copy, len, &got);
	free(copy);
	assert_non_null(memchr(got.name, 0, sizeof(got.name)));
	return r;
}

static __attribute__((unused)) struct octets exts;

static __attribute__((unused)) void extension(unsigned type, const void *data, size_t n)
{
	add_number(&exts, type, 2);
	add_number(&exts, n, 2);
	add(&exts, data, n);
}

static __attribute__((unused)) void server_name(const void *name, size_t n)
{
	struct octets *e = calloc(1, sizeof(*e));

	add_number(e, n + 3, 2);
	add_number(e, 0, 1);
	add_number(e, n, 2);
	add(e, name, n);
	extension(0, e->at, e->len);
	free(e);
}

/* The handshake message in body, with the extensions there are; as one record in o. */
static __attribute__((unused)) void finish(void)
{
	uint8_t filler[32] = {7};
	struct octets *b = &body;

	b->len = 0;
	add_number(b, 1, 1);
	add_number(b, 2 + 32 + 1 + 32 + 2 + 4 + 2 + 2 + exts.len, 3);
	add_number(b, 0x0303, 2);
	add(b, filler, 32);
	add_number(b, 32, 1);
	add(b, filler, 32);
	add_number(b, 4, 2);
	add_number(b, 0x13011302, 4);
	add_number(b, 0x0100, 2);
	add_number(b, exts.len, 2);
	add(b, exts.at, exts.len);
}

static __attribute__((unused)) void record(
	struct octets *to, unsigned type, const void *data, size_t n)
{
	add_number(to, type, 1);
	add_number(to, 0x0301, 2);
	add_number(to, n, 2);
	add(to, data, n);
}

static __attribute__((unused)) void wrap(void)
{
	o.len = 0;
	record(&o, 22, body.at, body.len);
}

/* A whole hello with that name, after and before other extensions. */
static __attribute__((unused)) void named(const void *name, size_t n)
{
	exts.len = 0;
	extension(0x0a0a, "", 0);
	server_name(name, n);
	extension(43, "\x04\x03\x04\x03\x03", 5);
	finish();
	wrap();
}

static __attribute__((unused)) void expect_name(const char *name)
{
	assert_int_equal(read_some(&o, o.len), HELLO_DONE);
	assert_string_equal(got.name, name);
	assert_int_equal(got.length, o.len);
	assert_int_equal(got.reason, GATE_FINE);
}

static __attribute__((unused)) void expect_refused(enum gate_reason reason, const char *name)
{
	assert_int_equal(read_some(&o, o.len), HELLO_REFUSED);
	assert_int_equal(got.reason, reason);
	if (name)
		assert_string_equal(got.name, name);
}

/* The message in body as records that end at `first` octets and then every `step`. */
static __attribute__((unused)) void spread(size_t first, size_t step)
{
	o.len = 0;
	for (size_t at = 0, n = first; at < body.len; at += n, n = step) {
		if (n > body.len - at)
			n = body.len - at;
		record(&o, 22, body.at + at, n);
	}
}

#endif
