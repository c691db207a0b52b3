/*
 * The DNS message format with good and malicious packets, which are built here octet by
 * octet and not by the code under test.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "init/lib/dns_message.h"

/* A packet under construction. */
struct packet {
	size_t len;
	uint8_t at[65536];
};

static void add(struct packet *p, const void *bytes, size_t n)
{
	assert_true(p->len + n <= sizeof(p->at));
	memcpy(p->at + p->len, bytes, n);
	p->len += n;
}

static void add16(struct packet *p, unsigned v)
{
	add(p, (uint8_t[]){(uint8_t)(v >> 8), (uint8_t)v}, 2);
}

static void add_name(struct packet *p, const char *name)
{
	while (*name) {
		size_t n = strcspn(name, ".");

		add(p, &(uint8_t){(uint8_t)n}, 1);
		add(p, name, n);
		name += n + (name[n] == '.');
	}
	add(p, "", 1);
}

/* A header with the counts of question, answer, authority, additional. */
static void begin(struct packet *p, unsigned flags, unsigned q, unsigned an, unsigned ns)
{
	p->len = 0;
	add16(p, 0x1234);
	add16(p, flags);
	add16(p, q);
	add16(p, an);
	add16(p, ns);
	add16(p, 0);
}

/* A response to a.test, A, beginning with its question. */
static void answer(struct packet *p, unsigned flags, unsigned an, unsigned ns)
{
	begin(p, flags, 1, an, ns);
	add_name(p, "a.test");
	add16(p, 1);
	add16(p, 1);
}

static void record(struct packet *p, unsigned type, unsigned ttl, const void *data, size_t n)
{
	add16(p, type);
	add16(p, 1);
	add16(p, ttl >> 16);
	add16(p, ttl & 0xffff);
	add16(p, (unsigned)n);
	add(p, data, n);
}

/* An alias from a name to a name. */
static void alias(struct packet *p, const char *from, const char *to, unsigned ttl)
{
	struct packet *name = calloc(1, sizeof(*name));

	add_name(p, from);
	add_name(name, to);
	record(p, 5, ttl, name->at, name->len);
	free(name);
}

static const uint8_t good[4] = {93, 1, 2, 3}, evil[4] = {66, 66, 66, 66};
static struct dns_answer got;

/* Parses from memory of exactly that size, so that the sanitizer sees an overread. */
static enum dns_outcome read_as(
	const struct packet *p, size_t len, uint16_t id, const char *name, uint16_t type)
{
	uint8_t *copy = malloc(len ? len : 1);
	enum dns_outcome o;

	memcpy(copy, p->at, len);
	memset(&got, 0x55, sizeof(got));
	o = dns_read_response(copy, len, id, name, type, &got);
	free(copy);
	return o;
}

static enum dns_outcome read_it(const struct packet *p)
{
	return read_as(p, p->len, 0x1234, "a.test", DNS_A);
}

static struct packet *p;

static int setup(void **state)
{
	(void)state;
	p = calloc(1, sizeof(*p));
	return p ? 0 : -1;
}

static int teardown(void **state)
{
	(void)state;
	free(p);
	return 0;
}

/* ---- What upstreams answer ----------------------------------------------------------- */

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

/* ---- What we ask --------------------------------------------------------------------- */

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

/* ---- What the payload asks, and what it is told -------------------------------------- */

static struct dns_query query;

static void question(const char *name, unsigned additional)
{
	begin(p, 0x0100, 1, 0, 0);
	p->at[11] = (uint8_t)additional;
	add_name(p, name);
	add16(p, 1);
	add16(p, 1);
}

static void opt(unsigned size, unsigned version, unsigned flags)
{
	add(p, "", 1);
	add16(p, 41);
	add16(p, size);
	add16(p, version);
	add16(p, flags);
	add16(p, 0);
}

static int read_query(size_t len)
{
	uint8_t *copy = malloc(len ? len : 1);
	int rcode;

	memcpy(copy, p->at, len);
	memset(&query, 0x55, sizeof(query));
	rcode = dns_read_query(copy, len, &query);
	free(copy);
	return rcode;
}

/* As many records after a question as any client sends, and one more. */
static void test_records_behind_a_question(void **state)
{
	(void)state;
	for (unsigned count = 1; count <= LIMIT_QUERY_ADDITIONAL + 1; count++) {
		question("a.test", count);
		opt(1400, 0, 0);
		for (unsigned i = 1; i < count; i++) {
			add(p, "", 1);
			add16(p, 250); /* TSIG */
			add16(p, 255);
			add16(p, 0);
			add16(p, 0);
			add16(p, 0);
		}
		assert_int_equal(read_query(p->len),
			count <= LIMIT_QUERY_ADDITIONAL ? RCODE_NOERROR : RCODE_FORMERR);
	}
}

static void test_question(void **state)
{
	(void)state;
	question("A.Test", 0);
	assert_int_equal(read_query(p->len), RCODE_NOERROR);
	assert_string_equal(query.name, "a.test");
	assert_true(query.plain);
	assert_int_equal(query.type, 1);
	assert_int_equal(query.asked.room, 512);
	assert_false(query.asked.edns);
	assert_memory_equal(query.asked.question, "\1A\4Test", 8);
	question("", 0);
	assert_int_equal(read_query(p->len), RCODE_NOERROR);
	assert_string_equal(query.name, "");
	question("a b.test", 0);
	assert_int_equal(read_query(p->len), RCODE_NOERROR);
	assert_string_equal(query.name, "a?b.test");
	assert_false(query.plain);
}

static void test_question_with_edns(void **state)
{
	(void)state;
	question("a.test", 1);
	opt(4096, 0, 0x8000);
	assert_int_equal(read_query(p->len), RCODE_NOERROR);
	assert_true(query.asked.edns && query.asked.dnssec_ok);
	assert_int_equal(query.asked.room, LIMIT_DNS_UDP);
	for (size_t len = 12; len < p->len; len++)
		assert_int_equal(read_query(len), RCODE_FORMERR);
	question("a.test", 1);
	opt(1, 0, 0);
	assert_int_equal(read_query(p->len), RCODE_NOERROR);
	assert_int_equal(query.asked.room, 512);
	question("a.test", 1);
	opt(4096, 1, 0);
	assert_int_equal(read_query(p->len), RCODE_BADVERS);
	question("a.test", 2);
	opt(4096, 0, 0);
	opt(4096, 0, 0);
	assert_int_equal(read_query(p->len), RCODE_FORMERR);
	question("a.test", 200);
	assert_int_equal(read_query(p->len), RCODE_FORMERR);
}

static void test_what_is_no_question(void **state)
{
	(void)state;
	question("a.test", 0);
	for (size_t len = 0; len < 12; len++)
		assert_int_equal(read_query(len), -1);
	p->at[2] |= 0x80;
	assert_int_equal(read_query(p->len), -1);
	question("a.test", 0);
	p->at[2] = 0x21; /* opcode 4 */
	assert_int_equal(read_query(p->len), RCODE_NOTIMP);
	for (int count = 4; count <= 9; count++) {
		question("a.test", 0);
		p->at[count] = 7;
		assert_int_equal(read_query(p->len), RCODE_FORMERR);
		assert_int_equal(query.asked.question_len, 0);
	}
	/* A truncated name doesn't leave an unterminated string. */
	question("aaaa.bbbb.test", 0);
	for (size_t len = 12; len < p->len; len++) {
		assert_int_equal(read_query(len), RCODE_FORMERR);
		assert_int_equal(query.name[len < p->len - 4 ? 0 : 14], '\0');
	}
	/* A pointer in the question would refer to octets of the header. */
	for (unsigned target = 0; target < 20; target++) {
		begin(p, 0x0100, 1, 0, 0);
		add16(p, 0xc000 | target);
		add16(p, 1);
		add16(p, 1);
		assert_int_equal(read_query(p->len), RCODE_FORMERR);
	}
}

static void test_reply(void **state)
{
	static const uint8_t two[8] = {1, 2, 3, 4, 5, 6, 7, 8};
	struct dns_reply r = {.type = 1, .ttl = 60, .addresses = two, .count = 2, .ede = -1};
	uint8_t out[LIMIT_DNS_UDP];
	size_t n;

	(void)state;
	question("A.test", 0);
	read_query(p->len);
	n = dns_write_reply(&query.asked, &r, out, 512);
	assert_int_equal(n, p->len + 2 * 16);
	memcpy(p->at, out, n);
	assert_int_equal(read_as(p, n, 0x1234, "a.test", 1), OUTCOME_ADDRESSES);
	assert_int_equal(got.count, 2);
	assert_memory_equal(got.addresses[1], two + 4, 4);
	assert_int_equal(out[2], 0x81); /* QR, RD; not AA, not TC */
	assert_int_equal(out[3], 0x80); /* RA; not AD */
}

/* What doesn't fit is omitted, and TC is set. */
static void test_reply_in_every_room(void **state)
{
	static const uint8_t many[16 * 16];
	struct dns_reply r = {
		.type = 28, .addresses = many, .count = 16, .ede = 15, .ede_text = "because"};

	(void)state;
	question("a.test", 1);
	opt(4096, 0, 0);
	read_query(p->len);
	for (size_t room = 0; room <= LIMIT_DNS_UDP; room++) {
		uint8_t *out = malloc(room ? room : 1);
		size_t n = dns_write_reply(&query.asked, &r, out, room);

		assert_true(n <= room);
		assert_int_equal(n == 0, room < 12 + 12 + 11);
		if (n)
			assert_int_equal(!(out[2] & 2), out[7] == 16);
		free(out);
	}
}

static void test_reply_with_a_code_above_fifteen(void **state)
{
	struct dns_reply r = {.rcode = RCODE_BADVERS, .ede = -1};
	uint8_t out[512];

	(void)state;
	question("a.test", 1);
	opt(4096, 1, 0);
	read_query(p->len);
	assert_int_equal(dns_write_reply(&query.asked, &r, out, 512), 12 + 12 + 11);
	assert_int_equal(out[3] & 15, 0);
	assert_int_equal(out[12 + 12 + 5], 1);
}

#define T(name) cmocka_unit_test_setup_teardown(name, setup, teardown)

/* ---- Services and text --------------------------------------------------------------- */

/* An answer to a.test of this type. */
static void answer_of(unsigned type, unsigned an)
{
	begin(p, 0x8180, 1, an, 0);
	add_name(p, "a.test");
	add16(p, type);
	add16(p, 1);
}

static enum dns_outcome read_type(uint16_t type)
{
	return read_as(p, p->len, 0x1234, "a.test", type);
}

static void service(unsigned port, const char *target, size_t more)
{
	struct packet *data = calloc(1, sizeof(*data));

	add16(data, 10);
	add16(data, 20);
	add16(data, port);
	add_name(data, target);
	add(data, "xyz", more);
	add_name(p, "a.test");
	record(p, DNS_SRV, 60, data->at, data->len);
	free(data);
}

static void test_services(void **state)
{
	(void)state;
	answer_of(DNS_SRV, 2);
	service(27017, "Node-1.Test", 0);
	service(27018, "", 0); /* "there is none" */
	assert_int_equal(read_type(DNS_SRV), OUTCOME_ADDRESSES);
	assert_int_equal(got.count, 1);
	assert_string_equal(got.services[0].target, "node-1.test");
	assert_int_equal(got.services[0].priority, 10);
	assert_int_equal(got.services[0].weight, 20);
	assert_int_equal(got.services[0].port, 27017);
	assert_int_equal(got.ttl, 60);
	/* None at all. */
	answer_of(DNS_SRV, 1);
	service(1, "", 0);
	assert_int_equal(read_type(DNS_SRV), OUTCOME_EMPTY);
	/* As many as there is room for. */
	answer_of(DNS_SRV, LIMIT_ANSWER_SERVICES + 3);
	for (int i = 0; i < LIMIT_ANSWER_SERVICES + 3; i++)
		service((unsigned)i, "n.test", 0);
	assert_int_equal(read_type(DNS_SRV), OUTCOME_ADDRESSES);
	assert_int_equal(got.count, LIMIT_ANSWER_SERVICES);
	/* An address among them is ignored. */
	answer_of(DNS_SRV, 1);
	add_name(p, "a.test");
	record(p, DNS_A, 60, good, 4);
	assert_int_equal(read_type(DNS_SRV), OUTCOME_EMPTY);
}

static void test_broken_services(void **state)
{
	(void)state;
	answer_of(DNS_SRV, 1);
	service(1, "n.test", 3); /* longer than its name */
	assert_int_equal(read_type(DNS_SRV), OUTCOME_MALFORMED);
	for (size_t n = 0; n <= 6; n++) {
		answer_of(DNS_SRV, 1);
		add_name(p, "a.test");
		record(p, DNS_SRV, 60, "\0\1\0\1\0\1", n);
		assert_int_equal(read_type(DNS_SRV), OUTCOME_MALFORMED);
	}
	/* A name that extends beyond the record: its last label is the next record's. */
	answer_of(DNS_SRV, 1);
	add_name(p, "a.test");
	record(p, DNS_SRV, 60, "\0\1\0\1\0\1\4test", 11);
	add(p, "", 1);
	assert_int_equal(read_type(DNS_SRV), OUTCOME_MALFORMED);
}

static void text(const char *data, size_t n)
{
	add_name(p, "a.test");
	record(p, DNS_TXT, 60, data, n);
}

static void test_texts(void **state)
{
	char filler[300];

	(void)state;
	memset(filler, 'x', sizeof(filler));
	filler[0] = (char)249;
	answer_of(DNS_TXT, 4);
	text("\3abc\0\2de", 8);
	text(filler, 250);
	text(filler, 250); /* the room ends here: omitted completely */
	text("\1z", 2);
	assert_int_equal(read_type(DNS_TXT), OUTCOME_ADDRESSES);
	assert_int_equal(got.count, 3);
	assert_memory_equal(got.texts, "\0\10\3abc\0\2de\0\372", 12);
	assert_memory_equal(got.texts + 10 + 252, "\0\2\1z", 4);
	/* Strings that don't fill the record. */
	answer_of(DNS_TXT, 1);
	text("\4abc", 4);
	assert_int_equal(read_type(DNS_TXT), OUTCOME_MALFORMED);
	answer_of(DNS_TXT, 1);
	text("", 0);
	assert_int_equal(read_type(DNS_TXT), OUTCOME_MALFORMED);
}

/* What is written is parsed back; what doesn't fit is omitted, with TC. */
static void test_services_and_texts_in_replies(void **state)
{
	static struct dns_service services[LIMIT_ANSWER_SERVICES];
	struct dns_asked asked = {.id = 0x1234, .room = LIMIT_DNS_UDP};
	struct dns_reply reply = {
		.type = DNS_SRV, .ttl = 9, .services = services, .count = 2, .ede = -1};

	(void)state;
	p->len = 0;
	add_name(p, "a.test");
	add16(p, DNS_SRV);
	add16(p, 1);
	memcpy(asked.question, p->at, p->len);
	asked.question_len = (uint16_t)p->len;
	services[0] = (struct dns_service){1, 2, 3, "one.test"};
	services[1] = (struct dns_service){4, 5, 6, "two.test"};
	p->len = dns_write_reply(&asked, &reply, p->at, asked.room);
	assert_int_equal(read_type(DNS_SRV), OUTCOME_ADDRESSES);
	assert_int_equal(got.count, 2);
	assert_memory_equal(&got.services[1], &services[1], 6);
	assert_string_equal(got.services[1].target, "two.test");
	for (int i = 0; i < LIMIT_ANSWER_SERVICES; i++) {
		memset(services[i].target, 'a' + i, 200);
		memset(services[i].target + 50, '.', 1);
		memset(services[i].target + 100, '.', 1);
		memset(services[i].target + 150, '.', 1);
	}
	reply.count = LIMIT_ANSWER_SERVICES;
	p->len = dns_write_reply(&asked, &reply, p->at, asked.room);
	assert_true(p->len <= LIMIT_DNS_UDP);
	assert_int_equal(read_type(DNS_SRV), OUTCOME_TRUNCATED);

	asked.question[asked.question_len - 3] = DNS_TXT;
	reply = (struct dns_reply){.type = DNS_TXT,
		.texts = (const uint8_t *)"\0\4\3abc\0\3\2de",
		.count = 2,
		.ede = -1};
	p->len = dns_write_reply(&asked, &reply, p->at, asked.room);
	assert_int_equal(read_type(DNS_TXT), OUTCOME_ADDRESSES);
	assert_int_equal(got.count, 2);
	assert_memory_equal(got.texts, reply.texts, 11);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		T(test_services),
		T(test_broken_services),
		T(test_texts),
		T(test_services_and_texts_in_replies),
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
		T(test_question),
		T(test_records_behind_a_question),
		T(test_question_with_edns),
		T(test_what_is_no_question),
		T(test_reply),
		T(test_reply_in_every_room),
		T(test_reply_with_a_code_above_fifteen),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
