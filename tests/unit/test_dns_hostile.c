/* DNS messages: hostile answers, codes, and what we ask. */
#include "dns_message_fixture.h"

static void test_lying_counts(void **state)
{
	(void)state;
	answer(p, 0x8180, 2, 0); /* says two */
	add16(p, 0xc00c);
	record(p, 1, 300, evil, 4);
	assert_int_equal(read_it(p), OUTCOME_MALFORMED);
	p->at[6] = p->at[7] = 0xff;
	assert_int_equal(read_it(p), OUTCOME_MALFORMED);
	p->at[6] = 0;
	p->at[7] = 0; /* says none, so what is there is ignored */
	assert_int_equal(read_it(p), OUTCOME_EMPTY);
	/* A record longer than the packet. */
	p->at[7] = 1;
	p->at[p->len - 6] = 0xff;
	assert_int_equal(read_it(p), OUTCOME_MALFORMED);
}

static void test_wrong_size_of_an_address(void **state)
{
	static const uint8_t long_one[16] = {93};

	(void)state;
	for (size_t n = 0; n <= 16; n++) {
		answer(p, 0x8180, 1, 0);
		add16(p, 0xc00c);
		record(p, 1, 300, long_one, n);
		assert_int_equal(read_it(p), n == 4 ? OUTCOME_ADDRESSES : OUTCOME_MALFORMED);
	}
}

/* Owners with every kind of pointer that a forger may think of. */
static void test_hostile_pointers(void **state)
{
	(void)state;
	for (unsigned target = 0; target < 64; target++) {
		enum dns_outcome o;

		answer(p, 0x8180, 1, 0);
		size_t here = p->len;

		add16(p, 0xc000 | target);
		record(p, 1, 300, evil, 4);
		o = read_it(p);
		if (target >= here) /* to itself, forward: never followed */
			assert_int_equal(o, OUTCOME_MALFORMED);
		else if (target != 12)
			assert_int_not_equal(o, OUTCOME_ADDRESSES);
	}
	/* Two that point at each other. */
	answer(p, 0x8180, 1, 0);
	add16(p, (unsigned)(0xc000 | (p->len + 2)));
	add16(p, (unsigned)(0xc000 | (p->len - 2)));
	assert_int_equal(read_it(p), OUTCOME_MALFORMED);
	/* Label kinds 01 and 10 do not exist. */
	for (unsigned kind = 0x40; kind <= 0x80; kind += 0x40) {
		answer(p, 0x8180, 1, 0);
		add16(p, kind << 8 | 12);
		record(p, 1, 300, evil, 4);
		assert_int_equal(read_it(p), OUTCOME_MALFORMED);
	}
}

/* Backward pointers can make a name long, but never longer than a name may be. */
static void test_names_that_grow(void **state)
{
	uint8_t label[64] = {63};
	size_t before = 12;

	(void)state;
	memset(label + 1, 'x', 63);
	answer(p, 0x8180, 6, 0);
	for (int i = 0; i < 6; i++) {
		size_t here = p->len;

		add(p, label, 64);
		add16(p, (unsigned)(0xc000 | before));
		record(p, 1, 300, evil, 4);
		before = here;
	}
	assert_int_equal(read_it(p), OUTCOME_MALFORMED);
	p->at[7] = 3; /* three labels of 63 and a.test fit */
	assert_int_equal(read_it(p), OUTCOME_EMPTY);
}

/* "a.test" as one label with a dot in it, or with a NUL behind, is another name. */
static void test_names_that_only_look_alike(void **state)
{
	(void)state;
	answer(p, 0x8180, 1, 0);
	add(p, "\6a.test", 8);
	record(p, 1, 300, evil, 4);
	assert_int_equal(read_it(p), OUTCOME_EMPTY);
	answer(p, 0x8180, 1, 0);
	add(p, "\2a\0\4test", 9);
	record(p, 1, 300, evil, 4);
	assert_int_equal(read_it(p), OUTCOME_EMPTY);
	/* Nor may a chain contain such a name. */
	answer(p, 0x8180, 1, 0);
	add16(p, 0xc00c);
	record(p, 5, 300, "\6b.test", 8);
	assert_int_equal(read_it(p), OUTCOME_MALFORMED);
}

static void test_more_addresses_than_are_taken(void **state)
{
	(void)state;
	answer(p, 0x8180, 40, 0);
	for (int i = 0; i < 40; i++) {
		add16(p, 0xc00c);
		record(p, 1, 300, (uint8_t[]){93, 0, 0, (uint8_t)i}, 4);
	}
	assert_int_equal(read_it(p), OUTCOME_ADDRESSES);
	assert_int_equal(got.count, LIMIT_ANSWER_ADDRESSES);
}

static void soa(unsigned ttl, unsigned minimum)
{
	uint8_t data[22] = {0};

	data[20] = (uint8_t)(minimum >> 8);
	data[21] = (uint8_t)minimum;
	add16(p, 0xc00c);
	record(p, 6, ttl, data, sizeof(data));
}

static void test_negative_answers(void **state)
{
	(void)state;
	answer(p, 0x8183, 0, 1);
	soa(3600, 60);
	assert_int_equal(read_it(p), OUTCOME_NXDOMAIN);
	assert_int_equal(got.ttl, 60);
	answer(p, 0x8180, 0, 1);
	soa(30, 60);
	assert_int_equal(read_it(p), OUTCOME_EMPTY);
	assert_int_equal(got.ttl, 30);
	answer(p, 0x8180, 0, 0);
	assert_int_equal(read_it(p), OUTCOME_EMPTY);
	assert_int_equal(got.ttl, 0);
	/* NXDOMAIN with an address: the address can't be true. */
	answer(p, 0x8183, 1, 0);
	add16(p, 0xc00c);
	record(p, 1, 300, evil, 4);
	assert_int_equal(read_it(p), OUTCOME_NXDOMAIN);
	assert_int_equal(got.count, 0);
}

static void test_huge_ttl_is_zero(void **state)
{
	(void)state;
	answer(p, 0x8180, 1, 0);
	add16(p, 0xc00c);
	record(p, 1, 0xffffffff, good, 4);
	assert_int_equal(read_it(p), OUTCOME_ADDRESSES);
	assert_int_equal(got.ttl, 0);
}

static void test_codes(void **state)
{
	(void)state;
	for (unsigned rcode = 0; rcode < 16; rcode++) {
		answer(p, 0x8180 | rcode, 0, 0);
		assert_int_equal(read_it(p), rcode == 0                 ? OUTCOME_EMPTY
					     : rcode == 3               ? OUTCOME_NXDOMAIN
					     : rcode == 1 || rcode == 4 ? OUTCOME_NO_EDNS
									: OUTCOME_SERVER);
	}
	begin(p, 0x8181, 0, 0, 0); /* FORMERR that repeats nothing */
	assert_int_equal(read_it(p), OUTCOME_NO_EDNS);
	answer(p, 0x8380, 0, 0);
	assert_int_equal(read_it(p), OUTCOME_TRUNCATED);
}

static void test_our_question(void **state)
{
	static const uint8_t expected[] = {0xab, 0xcd, 1, 0, 0, 1, 0, 0, 0, 0, 0, 1, 1, 'a', 4,
		't', 'e', 's', 't', 0, 0, 28, 0, 1, 0, 0, 41, 0x04, 0xd0, 0, 0, 0, 0, 0, 0};
	uint8_t out[300];
	size_t n = dns_write_query(0xabcd, "a.test", DNS_AAAA, true, out, sizeof(out));

	(void)state;
	assert_int_equal(n, sizeof(expected));
	assert_memory_equal(out, expected, n);
	n = dns_write_query(0xabcd, "a.test", DNS_AAAA, false, out, sizeof(out));
	assert_int_equal(n, sizeof(expected) - 11);
	assert_int_equal(out[11], 0);
}

/* "0x20": only letters change, by the bits, and the response's case is compared. */
static void test_mixed_letters(void **state)
{
	uint8_t packet[512];
	size_t len = dns_write_query(7, "ab1-c.test", DNS_A, true, packet, sizeof(packet));

	(void)state;
	dns_mix_case(packet, len, 0x15); /* a, c and e: letters 0, 2 and 4 */
	assert_memory_equal(packet + 12, "\5Ab1-C\4tEst\0", 12);
	assert_true(dns_same_case(packet, len, "ab1-c.test", 0x15));
	assert_false(dns_same_case(packet, len, "ab1-c.test", 0x14));
	assert_false(dns_same_case(packet, len, "ab1-c.tesu", 0x15));
	for (size_t cut = 0; cut < 24; cut++)
		assert_false(dns_same_case(packet, cut, "ab1-c.test", 0x15));
}

static void test_what_is_no_name_is_not_queried(void **state)
{
	uint8_t out[300];
	char text[300];

	(void)state;
	assert_int_equal(dns_write_query(1, "a..test", 1, true, out, sizeof(out)), 0);
	assert_int_equal(dns_write_query(1, "a.test.", 1, true, out, sizeof(out)), 0);
	assert_int_equal(dns_write_query(1, ".", 1, true, out, sizeof(out)), 0);
	memset(text, 'x', 64);
	text[64] = '\0';
	assert_int_equal(dns_write_query(1, text, 1, true, out, sizeof(out)), 0);
	for (size_t i = 0; i < 253; i++)
		text[i] = i % 64 == 63 ? '.' : 'x';
	text[253] = '\0';
	assert_int_equal(
		dns_write_query(1, text, 1, true, out, sizeof(out)), 12 + 255 + 4 + 11);
	text[253] = 'x';
	text[254] = '\0';
	assert_int_equal(dns_write_query(1, text, 1, true, out, sizeof(out)), 0);
	assert_int_equal(dns_write_query(1, "a.test", 1, true, out, 100), 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		T(test_lying_counts),
		T(test_wrong_size_of_an_address),
		T(test_hostile_pointers),
		T(test_names_that_grow),
		T(test_names_that_only_look_alike),
		T(test_more_addresses_than_are_taken),
		T(test_negative_answers),
		T(test_huge_ttl_is_zero),
		T(test_codes),
		T(test_our_question),
		T(test_mixed_letters),
		T(test_what_is_no_name_is_not_queried),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
