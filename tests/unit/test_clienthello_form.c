/* ClientHello: its form, lengths, records and limits. */
#include "clienthello_fixture.h"

static void what_is_no_hello(void **state)
{
	static const struct {
		const char *bytes;
		size_t n;
	} bad[] = {
		{"GET / HTTP/1.1\r\n", 16},
		{"\x80\x2e\x01\x03\x01", 5}, /* SSLv2 */
		{"\x16\x02\x00\x00\x05", 5},
		{"\x16\x03\x00\x00\x05", 5}, /* SSLv3 */
		{"\x16\x03\x04\x00\x05", 5},
		{"\x16\x03\x01\x00\x00", 5}, /* an empty record */
		{"\x16\x03\x01\x40\x01", 5}, /* beyond 2^14 */
		{"\x16\x03\x01\x00\x05\x02", 6},
		{"\x16\x03\x01\x00\x05\x00", 6},
		{"\x15\x03\x01\x00\x02", 5},
		{"\x14\x03\x03\x00\x01\x01", 6},
		{"\x17\x03\x03\x00\x01\x01", 6},
		{"SSH-2.0-x\r\n", 11},
	};

	(void)state;
	for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
		o.len = 0;
		add(&o, bad[i].bytes, bad[i].n);
		expect_refused(GATE_MALFORMED, "");
	}
	o.len = 0;
	add(&o, "\x16\x03\x01\x40\x00\x01", 6);
	assert_int_equal(read_some(&o, 3), HELLO_MORE);
	assert_int_equal(read_some(&o, 0), HELLO_MORE);
	/* A record of 2^14 can't end within the limit with its header. */
	expect_refused(GATE_TOO_LONG, "");
}

static void records_of_another_kind_in_between(void **state)
{
	(void)state;
	named("a.example", 9);
	for (size_t cut = 1; cut < body.len; cut++) {
		static const char *const between[] = {"\x14\x03\x03\x00\x01\x01",
			"\x15\x03\x03\x00\x02\x01\x00", "\x17\x03\x03\x00\x01\x01",
			"\x16\x03\x03\x00\x00"};
		static const size_t n[] = {6, 7, 6, 5};

		for (size_t i = 0; i < 4; i++) {
			o.len = 0;
			record(&o, 22, body.at, cut);
			add(&o, between[i], n[i]);
			record(&o, 22, body.at + cut, body.len - cut);
			expect_refused(GATE_MALFORMED, NULL);
		}
	}
}

static void what_stands_behind_it_in_its_record(void **state)
{
	struct octets *twice = calloc(1, sizeof(*twice));

	(void)state;
	named("a.example", 9);
	add(twice, body.at, body.len);
	add(twice, body.at, body.len);
	for (size_t extra = 1; extra <= body.len; extra++) {
		o.len = 0;
		record(&o, 22, twice->at, body.len + extra);
		expect_refused(GATE_MALFORMED, NULL);
		/* As soon as the record header says so. */
		assert_int_equal(read_some(&o, 9), HELLO_REFUSED);
		o.len = 0;
		record(&o, 22, twice->at, 100);
		record(&o, 22, twice->at + 100, body.len + extra - 100);
		expect_refused(GATE_MALFORMED, NULL);
	}
	free(twice);
}

/* RFC 8446 §4.1.2: at most 32 octets, which the others of the fields are right behind. */
static void a_session_has_a_bound(void **state)
{
	(void)state;
	for (unsigned length = 0; length <= 40; length++) {
		const size_t at = 39, behind = at + 32;
		uint8_t rest[256];
		size_t n;

		named("a.example", 9);
		n = body.len - behind;
		assert_true(n < sizeof(rest) && body.at[at - 1] == 32);
		memcpy(rest, body.at + behind, n);
		body.at[at - 1] = (uint8_t)length;
		memset(body.at + at, 's', length);
		memcpy(body.at + at + length, rest, n);
		body.len = at + length + n;
		body.at[2] = (uint8_t)((body.len - 4) >> 8);
		body.at[3] = (uint8_t)(body.len - 4);
		wrap();
		if (length <= 32)
			expect_name("a.example");
		else
			expect_refused(GATE_MALFORMED, NULL);
	}
}

/* Each length in the message, and each part of it, one more and one less. */
static void lengths_that_do_not_add_up(void **state)
{
	(void)state;
	for (int by = -1; by <= 1; by += 2) {
		static const size_t at[] = {38 /* session id */, 72 /* suites */,
			77 /* compression */, 80 /* extensions */, 84 /* the first one's */};

		for (size_t i = 0; i < sizeof(at) / sizeof(at[0]); i++) {
			named("a.example", 9);
			body.at[at[i]] = (uint8_t)(body.at[at[i]] + by);
			wrap();
			expect_refused(GATE_MALFORMED, NULL);
		}
	}
	for (size_t n = 4; n < 80; n++) {
		named("a.example", 9);
		body.len = n;
		body.at[3] = (uint8_t)(n - 4);
		wrap();
		assert_int_equal(read_some(&o, o.len), HELLO_REFUSED);
	}
	named("a.example", 9);
	body.at[78] = 1; /* no null compression */
	wrap();
	expect_refused(GATE_MALFORMED, NULL);
	named("a.example", 9);
	body.at[4] = 2; /* a version of no TLS */
	wrap();
	expect_refused(GATE_MALFORMED, NULL);
	named("a.example", 9);
	expect_name("a.example");
}

static void the_limit(void **state)
{
	static uint8_t padding[LIMIT_GATE_HELLO];

	(void)state;
	exts.len = 0;
	server_name("a.example", 9);
	finish();
	size_t plain = body.len;
	/* Exactly the limit, its record's header included, and one more. */
	for (size_t more = 0; more < 2; more++) {
		size_t n = LIMIT_GATE_HELLO - 5 - plain - 4 + more;

		exts.len = 0;
		server_name("a.example", 9);
		extension(21, padding, n);
		finish();
		wrap();
		assert_int_equal(o.len, LIMIT_GATE_HELLO + more);
		if (!more) {
			expect_name("a.example");
			assert_int_equal(read_some(&o, o.len - 1), HELLO_MORE);
		} else {
			expect_refused(GATE_TOO_LONG, NULL);
			assert_int_equal(read_some(&o, 9), HELLO_REFUSED);
		}
	}
	/* Announces a megabyte; and records so small that their headers exceed the limit. */
	o.len = 0;
	add(&o, "\x16\x03\x01\x20\x00\x01\x10\x00\x00", 9);
	expect_refused(GATE_TOO_LONG, "");
	o.len = 0;
	add(&o, "\x16\x03\x01\x20\x00\x01\x00\x30\x00", 9);
	assert_int_equal(read_some(&o, o.len), HELLO_MORE);
	exts.len = 0;
	server_name("a.example", 9);
	extension(21, padding, 4000);
	finish();
	spread(1, 1);
	expect_refused(GATE_TOO_LONG, NULL);
	spread(4, 4);
	expect_name("a.example");
}

int main(void)
{
	static const struct CMUnitTest tests[] = {
		cmocka_unit_test(what_is_no_hello),
		cmocka_unit_test(records_of_another_kind_in_between),
		cmocka_unit_test(what_stands_behind_it_in_its_record),
		cmocka_unit_test(a_session_has_a_bound),
		cmocka_unit_test(lengths_that_do_not_add_up),
		cmocka_unit_test(the_limit),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
