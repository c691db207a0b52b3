/* The second ClientHello, and what a server says before it. */
#include "clienthello_fixture.h"

static const uint8_t retry_random[32] = {0xcf, 0x21, 0xad, 0x74, 0xe5, 0x9a, 0x61, 0x11, 0xbe,
	0x1d, 0x8c, 0x02, 0x1e, 0x65, 0xb8, 0x91, 0xc2, 0xa2, 0x11, 0x16, 0x7a, 0xbb, 0x8c,
	0x5e, 0x07, 0x9e, 0x09, 0xe2, 0xc8, 0xa8, 0x33, 0x9c};

static void server_hello(const uint8_t random[32])
{
	body.len = 0;
	add_number(&body, 2, 1);
	add_number(&body, 2 + 32 + 1 + 3 + 2, 3);
	add_number(&body, 0x0303, 2);
	add(&body, random, 32);
	add_number(&body, 0, 1);
	add_number(&body, 0x130100, 3);
	add_number(&body, 0, 2);
	wrap();
}

static enum hello_retry retry(size_t len)
{
	uint8_t *copy = exact(o.at, len);
	enum hello_retry r = clienthello_retry_read(copy, len);

	free(copy);
	return r;
}

static void a_retry_is_seen(void **state)
{
	uint8_t random[32];

	(void)state;
	server_hello(retry_random);
	assert_int_equal(retry(o.len), RETRY_ASKED);
	for (size_t cut = 0; cut < 43; cut++)
		assert_int_equal(retry(cut), RETRY_MORE);
	for (size_t cut = 43; cut < o.len; cut++)
		assert_int_equal(retry(cut), RETRY_ASKED);
	for (size_t i = 0; i < 32; i++) {
		memcpy(random, retry_random, 32);
		random[i] ^= 1;
		server_hello(random);
		assert_int_equal(retry(o.len), RETRY_NO);
	}
}

static void what_ends_the_matter(void **state)
{
	(void)state;
	o.len = 0;
	add(&o, "\x15\x03\x03\x00\x02\x02\x28", 7);
	for (size_t cut = 1; cut <= o.len; cut++)
		assert_int_equal(retry(cut), RETRY_NO);
	o.len = 0;
	add_text(&o, "HTTP/1.1 400 Bad Request\r\n");
	assert_int_equal(retry(o.len), RETRY_NO);
}

static void what_is_unclear(void **state)
{
	(void)state;
	server_hello(retry_random);
	for (size_t n = 1; n < 38; n++) {
		o.len = 0;
		record(&o, 22, body.at, n);
		record(&o, 22, body.at + n, body.len - n);
		assert_int_equal(retry(o.len), RETRY_UNCLEAR);
		assert_int_equal(retry(5), RETRY_UNCLEAR);
	}
	o.len = 0;
	record(&o, 22, body.at, 38); /* the random is in there */
	record(&o, 22, body.at + 38, body.len - 38);
	assert_int_equal(retry(o.len), RETRY_ASKED);
	o.len = 0;
	add(&o, "\x14\x03\x03\x00\x01\x01", 6); /* clients accept that */
	assert_int_equal(retry(o.len), RETRY_UNCLEAR);
	body.at[0] = 0; /* HelloRequest */
	wrap();
	assert_int_equal(retry(o.len), RETRY_UNCLEAR);
	o.len = 0;
	add(&o, "\x16\x03\x03\x40\x01", 5);
	assert_int_equal(retry(o.len), RETRY_UNCLEAR);
}

static enum hello_result second(size_t len, size_t *at)
{
	uint8_t *copy = exact(o.at, len);
	enum hello_result r = clienthello_second_find(copy, len, at);

	free(copy);
	return r;
}

static void the_second_hello_is_found(void **state)
{
	size_t at, ends[] = {0, 6, 6 + 25, 6 + 25 + 7};

	(void)state;
	named("a.example", 9);
	struct octets *hello = calloc(1, sizeof(*hello));

	add(hello, o.at, o.len);
	o.len = 0;
	add(&o, "\x14\x03\x03\x00\x01\x01", 6);
	record(&o, 23, "twenty octets of data", 20);
	add(&o, "\x15\x03\x03\x00\x02\x01\x00", 7);
	for (size_t cut = 0; cut <= o.len; cut++) {
		size_t whole = 0;

		for (size_t i = 0; i < 4; i++)
			if (ends[i] <= cut)
				whole = ends[i];
		assert_int_equal(second(cut, &at), HELLO_MORE);
		assert_int_equal(at, whole);
	}
	add(&o, hello->at, hello->len);
	for (size_t cut = ends[3] + 1; cut <= o.len; cut++) {
		assert_int_equal(second(cut, &at), HELLO_DONE);
		assert_int_equal(at, ends[3]);
	}
	assert_int_equal(clienthello_read(o.at + at, o.len - at, &got), HELLO_DONE);
	assert_string_equal(got.name, "a.example");
	free(hello);
}

static void what_can_not_be_before_one(void **state)
{
	static const struct {
		const char *bytes;
		size_t n;
	} bad[] = {
		{"\x18\x03\x03\x00\x01\x01", 6},
		{"\x00", 1},
		{"GET", 3},
		{"\x14\x02\x03\x00\x01\x01", 6},
		{"\x14\x03\x03\x00\x02\x01\x01", 7},
		{"\x14\x03\x03\x00\x00", 5},
		{"\x15\x03\x03\x00\x03\x01\x01\x01", 8},
		{"\x17\x03\x03\x00\x00", 5},
		{"\x17\x03\x03\x41\x01", 5},
	};
	size_t at;

	(void)state;
	for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
		o.len = 0;
		add(&o, bad[i].bytes, bad[i].n);
		assert_int_equal(second(o.len, &at), HELLO_REFUSED);
	}
	o.len = 0;
	add(&o, "\x17\x03\x03\x41\x00", 5);
	assert_int_equal(second(o.len, &at), HELLO_MORE);
}

static void an_alert(void **state)
{
	uint8_t alert[HELLO_ALERT_SIZE];

	(void)state;
	clienthello_alert(ALERT_UNRECOGNIZED_NAME, alert);
	assert_memory_equal(alert, "\x15\x03\x03\x00\x02\x02\x70", HELLO_ALERT_SIZE);
	clienthello_alert(ALERT_DECODE_ERROR, alert);
	assert_int_equal(alert[6], 50);
}

int main(void)
{
	static const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_retry_is_seen),
		cmocka_unit_test(what_ends_the_matter),
		cmocka_unit_test(what_is_unclear),
		cmocka_unit_test(the_second_hello_is_found),
		cmocka_unit_test(what_can_not_be_before_one),
		cmocka_unit_test(an_alert),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
