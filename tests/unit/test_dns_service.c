/* DNS messages: services and text. */
#include "dns_message_fixture.h"

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
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
