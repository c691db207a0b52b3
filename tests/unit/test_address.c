/* Addresses: parsing and printing, ranges, and the addresses next to them. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <arpa/inet.h>
#include <cmocka.h>

#include "../../init/lib/address.h"

static struct address parse(const char *text)
{
	struct address a;

	if (!address_parse(text, strlen(text), &a))
		fail_msg("not read: %s", text);
	return a;
}

static void text_both_ways(void **state)
{
	static const struct {
		const char *in, *out;
		int family;
	} cases[] = {
		{"0.0.0.0", "0.0.0.0", 4},
		{"255.255.255.255", "255.255.255.255", 4},
		{"1.20.3.100", "1.20.3.100", 4},
		{"::", "::", 6},
		{"::1", "::1", 6},
		{"1::", "1::", 6},
		{"2001:DB8:0:0:0:0:0:1", "2001:db8::1", 6},
		/* RFC 5952 §4.2.2: one group stays; §4.2.3: the first of two equal runs goes */
		{"2001:db8:0:1:1:1:1:1", "2001:db8:0:1:1:1:1:1", 6},
		{"2001:db8::1:1:1:1:1", "2001:db8:0:1:1:1:1:1", 6},
		{"2001:0:0:1:0:0:0:1", "2001:0:0:1::1", 6},
		{"2001:db8:0:0:1:0:0:1", "2001:db8::1:0:0:1", 6},
		{"0001:0020:0300:4000::", "1:20:300:4000::", 6},
		{"::ffff:1.2.3.4", "::ffff:1.2.3.4", 6},
		{"::ffff:102:304", "::ffff:1.2.3.4", 6},
		{"::1.2.3.4", "::102:304", 6},
		{"64:ff9b::10.0.0.1", "64:ff9b::a00:1", 6},
		{"1:2:3:4:5:6:7.8.9.10", "1:2:3:4:5:6:708:90a", 6},
		{"ffff:ffff:ffff:ffff:ffff:ffff:ffff:ffff",
			"ffff:ffff:ffff:ffff:ffff:ffff:ffff:ffff", 6},
	};
	char text[ADDRESS_TEXT];

	(void)state;
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		struct address a = parse(cases[i].in), b;

		assert_int_equal(a.family, cases[i].family);
		assert_string_equal(address_text(&a, text), cases[i].out);
		b = parse(text);
		assert_int_equal(address_compare(&a, &b), 0);
	}
}

static void what_is_not_an_address(void **state)
{
	static const char *const bad[] = {"", "1", "1.2.3", "1.2.3.", ".1.2.3", "1.2.3.4.5",
		"1.2.3.4.", "01.2.3.4", "1.2.3.04", "0x1.2.3.4", "256.1.1.1", "1.2.3.1000",
		"1..2.3", "-1.2.3.4", "+1.2.3.4", " 1.2.3.4", "1.2.3.4 ", "1.2.3.4\n",
		"1,2,3,4", ":", ":::", "1:", ":1", "1:::2", "::1::", "1:2:3:4:5:6:7",
		"1:2:3:4:5:6:7:8:9", "1:2:3:4:5:6:7:8::", "::1:2:3:4:5:6:7:8",
		"12345::", "g::", "fe80::1%eth0", "[::1]", "::1/128", "::1.2.3", "::01.2.3.4",
		"::1.2.3.4:5", "1:2:3:4:5:6:7:1.2.3.4", "::256.1.1.1", "::ffff:1.2.3.4x"};
	struct address a;

	(void)state;
	for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++)
		if (address_parse(bad[i], strlen(bad[i]), &a))
			fail_msg("taken: %s", bad[i]);
	assert_false(address_parse("1.2.3.4\0", 8, &a));
	assert_false(address_parse("\0", 1, &a));
	/* Exactly len characters, no more. */
	assert_true(address_parse("1.2.3.45", 7, &a));
	assert_int_equal(a.bytes[3], 4);
}

static void a_text_of_64k_is_refused(void **state)
{
	char *text = malloc(65536);
	struct address a;

	(void)state;
	assert_non_null(text);
	for (const char *c = "1.:f0"; *c; c++) {
		memset(text, *c, 65536);
		assert_false(address_parse(text, 65536, &a));
	}
	free(text);
}

/* Compared with the C library on texts made of significant characters. */
static void agrees_with_the_c_library(void **state)
{
	static const char *const parts[] = {":", "::", "0", "1", "ffff", ".", "1.2.3.4", "255"};
	unsigned seed = 1, read = 0;

	(void)state;
	for (int i = 0; i < 200000; i++) {
		char text[64] = "", out[ADDRESS_TEXT];
		unsigned char theirs[16];
		struct address ours, again;
		int n = 1 + rand_r(&seed) % 15;

		for (int j = 0; j < n && strlen(text) < 40; j++)
			strcat(text, parts[rand_r(&seed) % 8]);
		for (int family = 4; family <= 6; family += 2) {
			bool theirs_ok =
				inet_pton(family == 4 ? AF_INET : AF_INET6, text, theirs) == 1;
			bool ours_ok = address_parse(text, strlen(text), &ours) &&
				       ours.family == family;

			if (theirs_ok != ours_ok)
				fail_msg("%s: %d, the C library %d", text, ours_ok, theirs_ok);
			if (!ours_ok)
				continue;
			read++;
			assert_memory_equal(ours.bytes, theirs, family == 4 ? 4 : 16);
			again = parse(address_text(&ours, out));
			assert_int_equal(address_compare(&ours, &again), 0);
		}
	}
	assert_true(read > 1000);
}

static struct address edge(const struct address_range *r, bool last)
{
	struct address a = r->base;

	for (unsigned i = r->prefix; last && i < (a.family == 4 ? 32u : 128u); i++)
		a.bytes[i / 8] |= (uint8_t)(0x80 >> (i % 8));
	return a;
}

static void the_table_is_an_interval_set(void **state)
{
	(void)state;
	assert_true(address_ranges_count > 25);
	for (size_t i = 0; i < address_ranges_count; i++) {
		const struct address_range *r = &address_ranges[i];
		struct address first = edge(r, false), last = edge(r, true);
		char text[ADDRESS_TEXT];

		assert_non_null(r->name);
		assert_int_not_equal(r->class, ADDRESS_PUBLIC);
		/* No host bits, and nothing beyond the four bytes of IPv4. */
		for (unsigned b = r->prefix; b < 128; b++)
			if (r->base.bytes[b / 8] & (0x80 >> (b % 8)))
				fail_msg("%s has host bits", address_text(&first, text));
		if (i > 0) {
			struct address before = edge(r - 1, true);

			assert_true(address_compare(&before, &first) < 0);
		}
		assert_int_not_equal(address_classify(&first), ADDRESS_PUBLIC);
		assert_int_equal(address_classify(&last), r->class);
	}
}

static void classes(void **state)
{
	static const struct {
		const char *text;
		enum address_class class;
	} cases[] = {
		{"0.0.0.0", ADDRESS_SPECIAL},
		{"0.255.255.255", ADDRESS_SPECIAL},
		{"0.250.250.253", ADDRESS_SPECIAL},
		{"0.250.250.254", ADDRESS_PRIVATE},
		{"0.250.250.255", ADDRESS_SPECIAL},
		{"1.0.0.0", ADDRESS_PUBLIC},
		{"9.255.255.255", ADDRESS_PUBLIC},
		{"10.0.0.0", ADDRESS_PRIVATE},
		{"10.255.255.255", ADDRESS_PRIVATE},
		{"11.0.0.0", ADDRESS_PUBLIC},
		{"100.63.255.255", ADDRESS_PUBLIC},
		{"100.64.0.0", ADDRESS_PRIVATE},
		{"100.127.255.255", ADDRESS_PRIVATE},
		{"100.128.0.0", ADDRESS_PUBLIC},
		{"100.100.100.199", ADDRESS_PRIVATE},
		{"100.100.100.200", ADDRESS_LINK_LOCAL},
		{"100.100.100.201", ADDRESS_PRIVATE},
		{"126.255.255.255", ADDRESS_PUBLIC},
		{"127.0.0.0", ADDRESS_LOOPBACK},
		{"127.0.0.11", ADDRESS_LOOPBACK},
		{"128.0.0.0", ADDRESS_PUBLIC},
		{"168.63.129.15", ADDRESS_PUBLIC},
		{"168.63.129.16", ADDRESS_SPECIAL},
		{"168.63.129.17", ADDRESS_PUBLIC},
		{"169.253.255.255", ADDRESS_PUBLIC},
		{"169.254.169.254", ADDRESS_LINK_LOCAL},
		{"169.254.1.1", ADDRESS_LINK_LOCAL},
		{"169.254.1.2", ADDRESS_PRIVATE},
		{"169.254.1.3", ADDRESS_LINK_LOCAL},
		{"169.255.0.0", ADDRESS_PUBLIC},
		{"172.15.255.255", ADDRESS_PUBLIC},
		{"172.16.0.0", ADDRESS_PRIVATE},
		{"172.31.255.255", ADDRESS_PRIVATE},
		{"172.32.0.0", ADDRESS_PUBLIC},
		{"192.0.0.255", ADDRESS_SPECIAL},
		{"192.0.1.0", ADDRESS_PUBLIC},
		{"192.0.2.1", ADDRESS_EXAMPLE},
		{"192.0.3.0", ADDRESS_PUBLIC},
		{"192.88.99.1", ADDRESS_SPECIAL},
		{"192.167.255.255", ADDRESS_PUBLIC},
		{"192.168.0.1", ADDRESS_PRIVATE},
		{"192.169.0.0", ADDRESS_PUBLIC},
		{"198.17.255.255", ADDRESS_PUBLIC},
		{"198.18.0.0", ADDRESS_PRIVATE},
		{"198.19.255.255", ADDRESS_PRIVATE},
		{"198.20.0.0", ADDRESS_PUBLIC},
		{"198.51.100.7", ADDRESS_EXAMPLE},
		{"203.0.113.7", ADDRESS_EXAMPLE},
		{"223.255.255.255", ADDRESS_PUBLIC},
		{"224.0.0.1", ADDRESS_MULTICAST},
		{"239.255.255.255", ADDRESS_MULTICAST},
		{"240.0.0.0", ADDRESS_SPECIAL},
		{"255.255.255.255", ADDRESS_SPECIAL},
		{"::", ADDRESS_SPECIAL},
		{"::1", ADDRESS_LOOPBACK},
		{"::2", ADDRESS_SPECIAL},
		{"::ffff:8.8.8.8", ADDRESS_SPECIAL},
		{"::ffff:127.0.0.1", ADDRESS_SPECIAL},
		{"::8.8.8.8", ADDRESS_SPECIAL},
		/* NAT64: as the IPv4 address inside */
		{"64:ff9b::808:808", ADDRESS_PUBLIC},
		{"64:ff9b::a00:1", ADDRESS_PRIVATE},
		{"64:ff9b::c612:1", ADDRESS_PRIVATE},
		{"64:ff9b::7f00:1", ADDRESS_SPECIAL},
		{"64:ff9b::1", ADDRESS_SPECIAL},
		{"64:ff9b::a9fe:a9fe", ADDRESS_LINK_LOCAL},
		{"64:ff9b::6464:64c8", ADDRESS_LINK_LOCAL},
		{"64:ff9b::a83f:8110", ADDRESS_SPECIAL},
		{"64:ff9b::e000:1", ADDRESS_MULTICAST},
		{"64:ff9b::1:808:808", ADDRESS_SPECIAL},
		{"64:ff9a::808:808", ADDRESS_SPECIAL},
		{"64:ff9b:1::1", ADDRESS_SPECIAL},
		{"100::1", ADDRESS_SPECIAL},
		{"1fff:ffff::", ADDRESS_SPECIAL},
		{"2000::", ADDRESS_PUBLIC},
		{"2001::1", ADDRESS_SPECIAL},
		{"2001:1ff:ffff::", ADDRESS_SPECIAL},
		{"2001:200::", ADDRESS_PUBLIC},
		{"2001:db7:ffff::", ADDRESS_PUBLIC},
		{"2001:db8::1", ADDRESS_EXAMPLE},
		{"2001:db9::", ADDRESS_PUBLIC},
		{"2002:a00:1::", ADDRESS_SPECIAL},
		{"2003::", ADDRESS_PUBLIC},
		{"2606:4700::1111", ADDRESS_PUBLIC},
		{"3ffe:ffff::", ADDRESS_PUBLIC},
		{"3fff:fff::", ADDRESS_EXAMPLE},
		{"3fff:1000::", ADDRESS_PUBLIC},
		{"4000::", ADDRESS_SPECIAL},
		{"5f00::1", ADDRESS_SPECIAL},
		{"9000::", ADDRESS_SPECIAL},
		{"d000::", ADDRESS_SPECIAL},
		{"e800::", ADDRESS_SPECIAL},
		{"f400::", ADDRESS_SPECIAL},
		{"fbff::", ADDRESS_SPECIAL},
		{"fc00::", ADDRESS_PRIVATE},
		{"fdff:ffff::", ADDRESS_PRIVATE},
		{"fd00:ec2::253", ADDRESS_PRIVATE},
		{"fd00:ec2::254", ADDRESS_LINK_LOCAL},
		{"fd20:ce::254", ADDRESS_LINK_LOCAL},
		{"fd00:c1::a9fe:a9fe", ADDRESS_LINK_LOCAL},
		{"fe00::", ADDRESS_SPECIAL},
		{"fe80::1", ADDRESS_LINK_LOCAL},
		{"febf::", ADDRESS_LINK_LOCAL},
		{"fec0::1", ADDRESS_SPECIAL},
		{"ff02::1", ADDRESS_MULTICAST},
	};

	(void)state;
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		struct address a = parse(cases[i].text);

		if (address_classify(&a) != cases[i].class)
			fail_msg("%s: class %d", cases[i].text, address_classify(&a));
		assert_int_equal(strcmp(address_range_name(&a), "public") == 0,
			cases[i].class == ADDRESS_PUBLIC);
	}
}

/* A refusal names the narrowest range that contains the address. */
static void names_of_ranges(void **state)
{
	static const struct {
		const char *text, *name;
	} cases[] = {
		{"8.8.8.8", "public"},
		{"0.1.2.3", "this network"},
		{"10.1.2.3", "private"},
		{"100.64.1.1", "shared"},
		{"100.100.100.200", "metadata"},
		{"127.0.0.1", "loopback"},
		{"168.63.129.16", "Azure"},
		{"169.254.1.1", "link-local"},
		{"172.16.0.1", "private"},
		{"192.0.0.1", "protocol assignments"},
		{"192.0.2.1", "documentation"},
		{"192.88.99.1", "6to4"},
		{"192.168.0.1", "private"},
		{"198.18.0.1", "fake-IP"},
		{"198.51.100.1", "documentation"},
		{"203.0.113.1", "documentation"},
		{"224.0.0.1", "multicast"},
		{"240.0.0.1", "reserved"},
		{"2600::1", "public"},
		{"::", "unspecified"},
		{"::1", "loopback"},
		{"::2", "not global unicast"},
		{"::ffff:8.8.8.8", "IPv4-mapped"},
		{"64:ff9b::8.8.8.8", "public"},
		{"64:ff9b::10.0.0.1", "RFC 1918"},
		{"64:ff9b::169.254.169.254", "link-local"},
		{"0.250.250.254", "OrbStack"},
		{"169.254.1.2", "pasta"},
		{"64:ff9b:1::1", "RFC 8215"},
		{"100::1", "discard-only"},
		{"2001::1", "Teredo"},
		{"2001:1::1", "protocol assignments"},
		{"2001:db8::1", "documentation"},
		{"2002::1", "6to4"},
		{"3fff::1", "documentation"},
		{"4000::1", "not global unicast"},
		{"5f00::1", "segment routing"},
		{"fd00::1", "unique local"},
		{"fd00:ec2::254", "metadata"},
		{"fd20:ce::254", "metadata"},
		{"fd00:c1::a9fe:a9fe", "metadata"},
		{"fe80::1", "link-local"},
		{"fec0::1", "site-local"},
		{"ff02::1", "multicast"},
	};

	(void)state;
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		struct address a = parse(cases[i].text);

		if (!strstr(address_range_name(&a), cases[i].name))
			fail_msg("%s: %s", cases[i].text, address_range_name(&a));
	}
}

static void networks_are_what_all_of_them_is(void **state)
{
	static const struct {
		const char *base;
		unsigned prefix;
		enum address_class class;
	} cases[] = {
		{"10.0.0.0", 8, ADDRESS_PRIVATE},
		{"10.0.0.0", 7, ADDRESS_PUBLIC},
		{"0.0.0.0", 0, ADDRESS_PUBLIC},
		{"169.254.1.2", 32, ADDRESS_PRIVATE},
		{"169.254.1.2", 31, ADDRESS_LINK_LOCAL},
		{"100.100.100.200", 32, ADDRESS_LINK_LOCAL},
		{"100.100.100.200", 29, ADDRESS_PRIVATE},
		{"192.0.2.0", 24, ADDRESS_EXAMPLE},
		{"192.0.2.0", 23, ADDRESS_PUBLIC},
		{"64:ff9b::", 96, ADDRESS_PUBLIC},
		{"64:ff9b::", 95, ADDRESS_SPECIAL},
		{"64:ff9b::a00:0", 104, ADDRESS_PRIVATE},
		{"64:ff9b::a00:0", 103, ADDRESS_PUBLIC},
		{"64:ff9b::7f00:0", 104, ADDRESS_SPECIAL},
		{"::", 0, ADDRESS_PUBLIC},
		{"fc00::", 7, ADDRESS_PRIVATE},
	};

	(void)state;
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		struct address a = parse(cases[i].base);

		if (address_classify_network(&a, cases[i].prefix) != cases[i].class)
			fail_msg("%s/%u", cases[i].base, cases[i].prefix);
	}
}

static void nat64_both_ways(void **state)
{
	struct address a = parse("8.8.4.4"), b = parse("64:ff9b::808:404"),
		       c = parse("64:ff9b:1::808:404"), made = address_nat64(&a), back;

	(void)state;
	assert_int_equal(address_compare(&made, &b), 0);
	back = address_judged(&b);
	assert_int_equal(address_compare(&back, &a), 0);
	back = address_judged(&a);
	assert_int_equal(address_compare(&back, &a), 0);
	back = address_judged(&c);
	assert_int_equal(address_compare(&back, &c), 0);
}

static void no_address_is_not_public(void **state)
{
	struct address none = {0}, odd = {.family = 7};
	char text[ADDRESS_TEXT];

	(void)state;
	assert_int_equal(address_classify(&none), ADDRESS_SPECIAL);
	assert_int_equal(address_classify(&odd), ADDRESS_SPECIAL);
	assert_string_equal(address_text(&none, text), "");
}

static void local_dns(void **state)
{
	struct address net = parse("10.32.0.0"), six = parse("2001:db8::"),
		       zero4 = parse("0.0.0.0"), a = parse("10.63.255.255"),
		       b = parse("10.64.0.0"), c = parse("2001:db8::1"),
		       d = parse("2001:db9::");

	(void)state;
	assert_true(address_inside(&a, &net, 11));
	assert_false(address_inside(&b, &net, 11));
	assert_true(address_inside(&b, &zero4, 0));
	assert_true(address_inside(&a, &a, 32));
	assert_false(address_inside(&b, &a, 32));
	assert_false(address_inside(&a, &a, 33));
	assert_true(address_inside(&c, &six, 32));
	assert_false(address_inside(&d, &six, 32));
	assert_true(address_inside(&c, &c, 128));
	assert_false(address_inside(&c, &c, 129));
	assert_false(address_inside(&c, &zero4, 0));
	assert_true(address_compare(&a, &c) < 0 && address_compare(&c, &a) > 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(text_both_ways),
		cmocka_unit_test(what_is_not_an_address),
		cmocka_unit_test(a_text_of_64k_is_refused),
		cmocka_unit_test(agrees_with_the_c_library),
		cmocka_unit_test(the_table_is_an_interval_set),
		cmocka_unit_test(classes),
		cmocka_unit_test(names_of_ranges),
		cmocka_unit_test(networks_are_what_all_of_them_is),
		cmocka_unit_test(nat64_both_ways),
		cmocka_unit_test(no_address_is_not_public),
		cmocka_unit_test(local_dns),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
