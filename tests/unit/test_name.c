/* Names: the result of normalisation, or where and why they are rejected. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <cmocka.h>

#include "../../init/lib/name.h"

static void taken(void **state)
{
	static const struct {
		const char *in, *out;
	} cases[] = {
		{"example.com", "example.com"},
		{"EXAMPLE.Com.", "example.com"},
		{"db", "db"},
		{"_acme-challenge.a.b", "_acme-challenge.a.b"},
		{"a--b.c", "a--b.c"},
		{"r3---sn-x.example", "r3---sn-x.example"},
		{"1.example", "1.example"},
		{"3com.c0m", "3com.c0m"},
		{"0x7f.example", "0x7f.example"},
		/* Engines' containers, buckets, old accounts. */
		{"postgres_db", "postgres_db"},
		{"My_Bucket.S3.example", "my_bucket.s3.example"},
		{"a_.b", "a_.b"},
		{"_.a", "_.a"},
		{"name-.example", "name-.example"},
		{"a.-b", "a.-b"},
		{"db-1_x-", "db-1_x-"},
		{"xn--bcher-kva.DE", "xn--bcher-kva.de"},
		{"XN--BCHER-KVA.de", "xn--bcher-kva.de"},
		/* The A-labels below are from RFC 3492's reference algorithm (Python's codec).
		 */
		{"b\xc3\xbc"
		 "cher.de",
			"xn--bcher-kva.de"},
		{"B\xc3\x9c"
		 "CHER.DE",
			"xn--bcher-kva.de"},
		{"m\xc3\xbcnchen.de", "xn--mnchen-3ya.de"},
		{"\xd0\xbf\xd1\x80\xd0\xb8\xd0\xbc\xd0\xb5\xd1\x80.\xd1\x80\xd1\x84",
			"xn--e1afmkfd.xn--p1ai"},
		{"\xd0\x9f\xd0\xa0\xd0\x98\xd0\x9c\xd0\x95\xd0\xa0.\xd1\x80\xd1\x84",
			"xn--e1afmkfd.xn--p1ai"},
		{"\xe4\xbe\x8b\xe3\x81\x88.\xe3\x83\x86\xe3\x82\xb9\xe3\x83\x88",
			"xn--r8jz45g.xn--zckzah"},
		{"\xed\x95\x9c\xea\xb5\xad.kr", "xn--3e0b707e.kr"},
		{"\xce\x95\xce\xbb\xce\xbb\xce\xac\xce\xb4\xce\xb1.gr", "xn--hxakic4aa.gr"},
		{"Vi\xe1\xbb\x86tnam.vn", "xn--vitnam-jk8b.vn"},
		/* A-labels are accepted whatever they stand for. */
		{"xn--fa-hia.de", "xn--fa-hia.de"},
		{"xn--mgbh0fb.example", "xn--mgbh0fb.example"},
	};
	char out[NAME_TEXT];
	const char *reason;
	size_t position;

	(void)state;
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		if (!name_normalise(cases[i].in, strlen(cases[i].in), out, &position, &reason))
			fail_msg("%s: %s", cases[i].in, reason);
		assert_string_equal(out, cases[i].out);
	}
}

static void refused(const char *text, size_t len, size_t where, const char *why)
{
	char out[NAME_TEXT] = "x";
	const char *reason = NULL;
	size_t position = 9999;

	if (name_normalise(text, len, out, &position, &reason))
		fail_msg("taken: %s as %s", text, out);
	assert_non_null(reason);
	if (!strstr(reason, why))
		fail_msg("%s: %s", text, reason);
	if (position != where)
		fail_msg("%s: at %zu, not %zu", text, position, where);
	assert_string_equal(out, "");
}

static void not_taken(void **state)
{
	static const struct {
		const char *in;
		size_t where;
		const char *why;
	} cases[] = {
		{"", 0, "missing"},
		{".", 0, "missing"},
		{"..", 0, "empty"},
		{".example.com", 0, "empty"},
		{"a..b", 2, "empty"},
		{"a.b..", 4, "empty"},
		{"-a.b", 0, "hyphen"},
		{"-", 0, "hyphen"},
		{"--allow", 0, "hyphen"},
		{"a\\b.c", 1, "letters"},
		{"a~b.c", 1, "letters"},
		{"a b.c", 1, "letters"},
		{"a/b", 1, "letters"},
		{"a:b", 1, "letters"},
		{"a@b", 1, "letters"},
		{"*.a", 0, "letters"},
		{"a\n.b", 1, "letters"},
		{"a\x7f.b", 1, "letters"},
		{"a.b%", 3, "letters"},
		{"1.2.3.4", 6, "number"},
		{"1.2.3.4.", 6, "number"},
		{"a.b.123", 4, "number"},
		{"127.1", 4, "number"},
		{"2130706433", 0, "number"},
		{"0x7f000001", 0, "number"},
		{"a.0X7F", 2, "number"},
		{"a.0x", 2, "number"},
		{"xn--.a", 0, "decode"},
		{"xn--abc-.a", 0, "decode"},
		{"xn---a.b", 0, "decode"},
		{"xn--a-a-.b", 0, "decode"},
		{"xn--abc.\xff", 8, "UTF-8"},
		{"xn--99999999.a", 0, "decode"},
		{"xn--example-.a", 0, "decode"},
		{"a.xn--bcher-kv9", 2, "decode"},
		{"xn--a_b.c", 0, "decode"},
		/* UTF-8: stray, truncated, overlong, surrogate, beyond Unicode */
		{"\x80.a", 0, "UTF-8"},
		{"a\xc3", 1, "UTF-8"},
		{"a\xc3.b", 1, "UTF-8"},
		{"\xc1\x81", 0, "UTF-8"},
		{"\xe0\x81\x81", 0, "UTF-8"},
		{"\xed\xa0\x80", 0, "UTF-8"},
		{"\xf4\x90\x80\x80", 0, "UTF-8"},
		{"\xf8\x88\x80\x80\x80", 0, "UTF-8"},
		{"\xff", 0, "UTF-8"},
		/*
		 * What can't be proved canonical: sharp s, final sigma, a combining mark,
		 * full width, ideographic dot, zero-width joiner, right-to-left, an emoji,
		 * dotted I
		 */
		{"fa\xc3\x9f.de", 2, "A-label"},
		{"\xcf\x82.gr", 0, "A-label"},
		{"u\xcc\x88.de", 1, "A-label"},
		{"\xef\xbd\x81.de", 0, "A-label"},
		{"a\xe3\x80\x82"
		 "b",
			1, "A-label"},
		{"a\xe2\x80\x8d.b", 1, "A-label"},
		{"\xd7\x90.il", 0, "A-label"},
		{"\xf0\x9f\x98\x80.x", 0, "A-label"},
		{"\xc4\xb0.tr", 0, "A-label"},
		{"\xc3\x97.a", 0, "A-label"},
		{"_\xc3\xbc.de", 0, "international"},
		{"a_\xc3\xbc.de", 0, "international"},
		{"\xc3\xbc_.de", 0, "international"},
		{"-\xc3\xbc.de", 0, "international"},
		{"b.\xc3\xbc-", 2, "international"},
		{"ab--\xc3\xbc.de", 0, "international"},
	};

	(void)state;
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++)
		refused(cases[i].in, strlen(cases[i].in), cases[i].where, cases[i].why);
	refused("a\0b", 3, 1, "letters");
	refused("\0", 1, 0, "letters");
}

static void the_limits_of_a_label(void **state)
{
	char text[80], out[NAME_TEXT];
	const char *reason;
	size_t position;

	(void)state;
	memset(text, 'a', sizeof(text));
	memcpy(text + 63, ".b", 3);
	assert_true(name_normalise(text, 65, out, &position, &reason));
	assert_string_equal(out, text);
	memset(text, 'a', sizeof(text));
	memcpy(text + 64, ".b", 3);
	refused(text, 66, 0, "63");
	/* 57 letters and an umlaut are 4 + 57 + 1 + at least 1 as an A-label. */
	for (int n = 54; n < 64; n++) {
		bool fits;

		memset(text, 'a', sizeof(text));
		memcpy(text + n, "\xc3\xbc", 2);
		fits = name_normalise(text, (size_t)n + 2, out, &position, &reason);
		assert_int_equal(fits, n <= 55);
		if (fits)
			assert_true(strlen(out) <= 63);
	}
}

static void the_limits_of_a_name(void **state)
{
	char text[400], out[NAME_TEXT];
	const char *reason;
	size_t position;

	(void)state;
	/* Labels "ab." make 3 octets each: 253 = 84 * 3 + 1. */
	for (size_t i = 0; i < sizeof(text); i++)
		text[i] = "ab."[i % 3];
	assert_true(name_normalise(text, 253, out, &position, &reason));
	assert_int_equal(strlen(out), 253);
	text[253] = '.';
	assert_true(name_normalise(text, 254, out, &position, &reason));
	text[253] = 'b';
	refused(text, 254, 252, "253");
}

static void a_text_of_64k_is_refused(void **state)
{
	char *text = malloc(65536);

	(void)state;
	assert_non_null(text);
	memset(text, 'a', 65536);
	refused(text, 65536, 0, "63");
	memset(text, 0xff, 65536);
	refused(text, 65536, 0, "UTF-8");
	for (size_t i = 0; i < 65536; i++)
		text[i] = "a."[i % 2];
	refused(text, 65536, 254, "253");
	free(text);
}

static void below(void **state)
{
	(void)state;
	assert_true(name_below("a.example.com", "example.com"));
	assert_true(name_below("a.b.example.com", "example.com"));
	assert_false(name_below("example.com", "example.com"));
	assert_false(name_below("badexample.com", "example.com"));
	assert_false(name_below(".example.com", "example.com"));
	assert_false(name_below("com", "example.com"));
	assert_false(name_below("a.example.com", ""));
	assert_false(name_below("", ""));
}

/* Only visible ASCII, whether or not char is signed; and terminated within its room. */
static void printable(void **state)
{
	char name[256];

	(void)state;
	assert_true(name_printable("", 1));
	for (int c = 1; c < 256; c++) {
		const char text[] = {'a', (char)c, 'b', '\0'};

		assert_int_equal(name_printable(text, sizeof(text)), c > ' ' && c < 0x7f);
		assert_false(name_printable(text, 3));
	}
	memset(name, 'a', sizeof(name));
	name[253] = '\0';
	assert_true(name_printable(name, sizeof(name)));
	assert_true(name_printable(name, 254));
	assert_false(name_printable(name, 253));
	name[253] = 'a';
	name[254] = '\0';
	assert_false(name_printable(name, sizeof(name)));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(taken),
		cmocka_unit_test(not_taken),
		cmocka_unit_test(the_limits_of_a_label),
		cmocka_unit_test(the_limits_of_a_name),
		cmocka_unit_test(a_text_of_64k_is_refused),
		cmocka_unit_test(below),
		cmocka_unit_test(printable),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
