/* DNS messages: what upstreams answer. */
#include "dns_message_fixture.h"

static void test_one_address(void **state)
{
	(void)state;
	answer(p, 0x8180, 1, 0);
	add16(p, 0xc00c);
	record(p, 1, 300, good, 4);
	assert_int_equal(read_it(p), OUTCOME_ADDRESSES);
	assert_int_equal(got.count, 1);
	assert_int_equal(got.ttl, 300);
	assert_memory_equal(got.addresses[0], good, 4);
}

static void test_every_cut_is_refused(void **state)
{
	(void)state;
	answer(p, 0x8180, 2, 0);
	alias(p, "a.test", "b.test", 60);
	add_name(p, "b.test");
	record(p, 1, 300, good, 4);
	assert_int_equal(read_it(p), OUTCOME_ADDRESSES);
	for (size_t len = 0; len < p->len; len++) {
		enum dns_outcome o = read_as(p, len, 0x1234, "a.test", DNS_A);

		assert_true(o == OUTCOME_UNSOLICITED || o == OUTCOME_MALFORMED);
		assert_int_equal(got.count, 0);
	}
}

static void test_not_our_answer(void **state)
{
	(void)state;
	answer(p, 0x8180, 1, 0);
	add16(p, 0xc00c);
	record(p, 1, 300, evil, 4);
	assert_int_equal(read_as(p, p->len, 0x1235, "a.test", DNS_A), OUTCOME_UNSOLICITED);
	assert_int_equal(read_as(p, p->len, 0x1234, "b.test", DNS_A), OUTCOME_UNSOLICITED);
	assert_int_equal(read_as(p, p->len, 0x1234, "a.tes", DNS_A), OUTCOME_UNSOLICITED);
	assert_int_equal(read_as(p, p->len, 0x1234, "a.test", DNS_AAAA), OUTCOME_UNSOLICITED);
	p->at[2] = 0x01; /* a question */
	assert_int_equal(read_it(p), OUTCOME_UNSOLICITED);
	p->at[2] = 0xa9; /* another opcode */
	assert_int_equal(read_it(p), OUTCOME_UNSOLICITED);
	p->at[2] = 0x81;
	p->at[5] = 2; /* two questions */
	assert_int_equal(read_it(p), OUTCOME_UNSOLICITED);
	p->at[5] = 0;
	assert_int_equal(read_it(p), OUTCOME_UNSOLICITED);
}

static void test_letter_case_of_the_echo(void **state)
{
	(void)state;
	answer(p, 0x8180, 1, 0);
	p->at[13] = 'A';
	add16(p, 0xc00c);
	record(p, 1, 300, good, 4);
	assert_int_equal(read_it(p), OUTCOME_ADDRESSES);
}

static void test_other_names_addresses_are_not_taken(void **state)
{
	(void)state;
	answer(p, 0x8180, 4, 0);
	add_name(p, "evil.test");
	record(p, 1, 300, evil, 4);
	alias(p, "a.test", "b.test", 100);
	add16(p, 0xc00c); /* next to the alias: not the end of the chain */
	record(p, 1, 300, evil, 4);
	add_name(p, "b.test");
	record(p, 1, 50, good, 4);
	assert_int_equal(read_it(p), OUTCOME_ADDRESSES);
	assert_int_equal(got.count, 1);
	assert_memory_equal(got.addresses[0], good, 4);
	assert_int_equal(got.ttl, 50);
}

static void test_only_foreign_addresses(void **state)
{
	(void)state;
	answer(p, 0x8180, 1, 1);
	add_name(p, "evil.test");
	record(p, 1, 300, evil, 4);
	add16(p, 0xc00c); /* addresses in the authority section are ignored */
	record(p, 1, 300, evil, 4);
	assert_int_equal(read_it(p), OUTCOME_EMPTY);
	assert_int_equal(got.count, 0);
}

static void test_other_classes_are_not_taken(void **state)
{
	(void)state;
	answer(p, 0x8180, 1, 0);
	add16(p, 0xc00c);
	record(p, 1, 300, evil, 4);
	p->at[p->len - 11] = 3; /* CHAOS */
	assert_int_equal(read_it(p), OUTCOME_EMPTY);
}

static void test_chain_in_any_order(void **state)
{
	(void)state;
	answer(p, 0x8180, 4, 0);
	add_name(p, "d.test");
	record(p, 1, 300, good, 4);
	alias(p, "c.test", "d.test", 20);
	alias(p, "A.TEST", "B.test", 30);
	alias(p, "b.test", "c.test", 10);
	assert_int_equal(read_it(p), OUTCOME_ADDRESSES);
	assert_int_equal(got.ttl, 10);
}

static void test_chain_loops(void **state)
{
	(void)state;
	answer(p, 0x8180, 1, 0);
	alias(p, "a.test", "a.test", 30);
	assert_int_equal(read_it(p), OUTCOME_MALFORMED);
	answer(p, 0x8180, 2, 0);
	alias(p, "a.test", "b.test", 30);
	alias(p, "b.test", "a.test", 30);
	assert_int_equal(read_it(p), OUTCOME_MALFORMED);
}

static void chain(unsigned links)
{
	char from[32] = "a.test", to[32];

	answer(p, 0x8180, links + 1, 0);
	for (unsigned i = 0; i < links; i++) {
		snprintf(to, sizeof(to), "c%u.test", i);
		alias(p, from, to, 30);
		strcpy(from, to);
	}
	add_name(p, from);
	record(p, 1, 300, good, 4);
}

static void test_length_of_a_chain(void **state)
{
	(void)state;
	chain(LIMIT_CNAME_CHAIN);
	assert_int_equal(read_it(p), OUTCOME_ADDRESSES);
	chain(LIMIT_CNAME_CHAIN + 1);
	assert_int_equal(read_it(p), OUTCOME_MALFORMED);
}

static void test_64_kilobytes_of_aliases(void **state)
{
	unsigned n = 0;

	(void)state;
	answer(p, 0x8180, 0, 0);
	while (p->len + 100 < 65535) {
		char from[32], to[32];

		snprintf(from, sizeof(from), n ? "c%u.test" : "a.test", n);
		n++;
		snprintf(to, sizeof(to), "c%u.test", n);
		alias(p, from, to, 30);
	}
	p->at[6] = (uint8_t)(n >> 8);
	p->at[7] = (uint8_t)n;
	assert_true(n > 1500);
	assert_int_equal(read_it(p), OUTCOME_MALFORMED);
	p->at[6] = 0; /* a smaller count doesn't help */
	p->at[7] = LIMIT_ANSWER_RECORDS;
	assert_int_equal(read_it(p), OUTCOME_MALFORMED);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		T(test_one_address),
		T(test_every_cut_is_refused),
		T(test_not_our_answer),
		T(test_letter_case_of_the_echo),
		T(test_other_names_addresses_are_not_taken),
		T(test_only_foreign_addresses),
		T(test_other_classes_are_not_taken),
		T(test_chain_in_any_order),
		T(test_chain_loops),
		T(test_length_of_a_chain),
		T(test_64_kilobytes_of_aliases),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
