/* ClientHello: the name in it. */
#include "clienthello_fixture.h"

static void names_that_a_rule_can_hold(void **state)
{
	char longest[255] = "";

	(void)state;
	named("A-b.EXAMPLE", 11);
	expect_name("a-b.example");
	named("_x.example", 10);
	expect_name("_x.example");
	named("xn--bcher-kva.example", 21);
	expect_name("xn--bcher-kva.example");
	named("localhost", 9);
	expect_name("localhost");
	named("A.example.", 10);
	expect_name("a.example");
	named("localhost.", 10);
	expect_name("localhost");
	memset(longest, 'a', 253);
	for (size_t i = 49; i < 253; i += 50)
		longest[i] = '.';
	named(longest, 253);
	expect_name(longest);
	longest[253] = '.';
	named(longest, 254);
	longest[253] = '\0';
	expect_name(longest);
}

static void names_that_it_can_not(void **state)
{
	static const struct {
		const char *name, *told;
		size_t n;
	} bad[] = {
		{"a.example..", "a.example..", 11},
		{".", ".", 1},
		{"..", "..", 2},
		{"1.2.3.4.", "1.2.3.4.", 8},
		{".a.example", ".a.example", 10},
		{"a..example", "a..example", 10},
		{"1.2.3.4", "1.2.3.4", 7},
		{"a.1", "a.1", 3},
		{"::1", "??1", 3},
		{"[::1]", "???1?", 5},
		{"a.example\0", "a.example?", 10},
		{"a.example\0.evil.example", "a.example?.evil.example", 23},
		{"b\xc3\xbc.example", "b??.example", 11},
		{"\xef\xbd\x81.example", "???.example", 11},
		{"a\xe3\x80\x82"
		 "example",
			"a???example", 11},
		{"a.example:443", "a.example?443", 13},
		{"a b.example", "a?b.example", 11},
		{"a.example\r\n", "a.example??", 11},
		{"*.example", "?.example", 9},
		{"-a.example", "-a.example", 10},
		{"xn--.example", "xn--.example", 12},
		{"a/b", "a?b", 3},
		{"user@a.example", "user?a.example", 14},
		{"a.example\x7f", "a.example?", 10},
	};
	char longest[300];

	(void)state;
	for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
		named(bad[i].name, bad[i].n);
		expect_refused(GATE_BAD_NAME, bad[i].told);
		for (size_t cut = 0; cut < o.len; cut++)
			assert_int_equal(read_some(&o, cut), HELLO_MORE);
	}
	memset(longest, 'a', sizeof(longest));
	for (size_t i = 49; i < sizeof(longest); i += 50)
		longest[i] = '.';
	named(longest, 254);
	expect_refused(GATE_BAD_NAME, NULL);
	assert_int_equal(strlen(got.name), 253);
	named("", 0);
	expect_refused(GATE_NO_NAME, "");
}

static void exactly_one_entry(void **state)
{
	static const uint8_t two[] = {
		0, 14, 0, 0, 3, 'a', '.', 'b', 0, 0, 5, 'e', '.', 'e', 'v', 'l'};
	static const uint8_t same[] = {0, 12, 0, 0, 3, 'a', '.', 'b', 0, 0, 3, 'a', '.', 'b'};
	static const uint8_t other[] = {0, 6, 1, 0, 3, 'a', '.', 'b'};
	static const uint8_t both[] = {0, 12, 0, 0, 3, 'a', '.', 'b', 1, 0, 3, 'c', '.', 'd'};
	static const uint8_t none[] = {0, 0};
	static const uint8_t shorter[] = {0, 5, 0, 0, 3, 'a', '.', 'b'};
	static const uint8_t longer[] = {0, 7, 0, 0, 3, 'a', '.', 'b'};
	static const uint8_t beyond[] = {0, 6, 0, 0, 4, 'a', '.', 'b'};
	static const uint8_t good[] = {0, 6, 0, 0, 3, 'a', '.', 'b'};
	static const struct {
		const uint8_t *data;
		size_t n;
		enum gate_reason reason;
	} cases[] = {
		{two, sizeof(two), GATE_NAMES_DIFFER},
		{same, sizeof(same), GATE_NAMES_DIFFER},
		{both, sizeof(both), GATE_NAMES_DIFFER},
		{other, sizeof(other), GATE_BAD_NAME},
		{none, sizeof(none), GATE_NO_NAME},
		{none, 0, GATE_MALFORMED},
		{none, 1, GATE_MALFORMED},
		{shorter, sizeof(shorter), GATE_MALFORMED},
		{longer, sizeof(longer), GATE_MALFORMED},
		{beyond, sizeof(beyond), GATE_MALFORMED},
	};

	(void)state;
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		exts.len = 0;
		extension(0, cases[i].data, cases[i].n);
		finish();
		wrap();
		expect_refused(cases[i].reason, NULL);
		spread(1, 7);
		expect_refused(cases[i].reason, NULL);
	}
	exts.len = 0;
	extension(0, good, sizeof(good));
	finish();
	wrap();
	expect_name("a.b");
}

static void an_extension_twice(void **state)
{
	(void)state;
	exts.len = 0;
	server_name("a.example", 9);
	server_name("evil.example", 12);
	finish();
	wrap();
	expect_refused(GATE_NAMES_DIFFER, "a.example");
	exts.len = 0;
	server_name("a.example", 9);
	extension(0x2a2a, "", 0);
	extension(0x2a2a, "", 0);
	finish();
	wrap();
	expect_refused(GATE_MALFORMED, "a.example");
	exts.len = 0;
	server_name("a.example", 9);
	extension(0x2a2a, "", 0);
	extension(0x2a2b, "", 0);
	finish();
	wrap();
	expect_name("a.example");
}

static void a_hidden_hello_is_reported(void **state)
{
	static const unsigned hidden[] = {
		0xffce, 0xff02, 0xfe08, 0xfe09, 0xfe0a, 0xfe0b, 0xfe0c, 0xfe0d};
	/* Their neighbours, renegotiation_info among them, and GREASE. */
	static const unsigned others[] = {
		0xfe07, 0xfe0e, 0xff01, 0xff03, 0xffcd, 0xffcf, 0x0a0a, 0xfafa};

	(void)state;
	for (size_t i = 0; i < sizeof(others) / sizeof(others[0]); i++) {
		exts.len = 0;
		server_name("a.example", 9);
		extension(others[i], "\0", 1);
		finish();
		wrap();
		expect_name("a.example");
		assert_false(got.ech);
	}
	for (size_t i = 0; i < sizeof(hidden) / sizeof(hidden[0]); i++) {
		for (int before = 0; before < 2; before++) {
			exts.len = 0;
			if (before)
				extension(hidden[i], "\0", 1);
			server_name("a.example", 9);
			if (!before)
				extension(hidden[i], "\0", 1);
			finish();
			wrap();
			expect_name("a.example");
			assert_true(got.ech);
		}
	}
	named("a.example", 9);
	expect_name("a.example");
	assert_false(got.ech);
}

int main(void)
{
	static const struct CMUnitTest tests[] = {
		cmocka_unit_test(names_that_a_rule_can_hold),
		cmocka_unit_test(names_that_it_can_not),
		cmocka_unit_test(exactly_one_entry),
		cmocka_unit_test(an_extension_twice),
		cmocka_unit_test(a_hidden_hello_is_reported),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
