/* DNS messages: what the payload asks, and what it is told. */
#include "dns_message_fixture.h"

static struct dns_query query;

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

int main(void)
{
	const struct CMUnitTest tests[] = {
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
