/*
 * DNS messages: arbitrary octets as a query from the payload and as an upstream's response.
 * What parses as a query must be answerable, and the answer must repeat it.
 */
#include <assert.h>
#include <string.h>

#include "init/lib/dns_message.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void question(const uint8_t *data, size_t size)
{
	static const uint8_t addresses[16 * LIMIT_ANSWER_ADDRESSES];
	struct dns_query q;
	struct dns_reply reply = {.type = DNS_AAAA,
		.addresses = addresses,
		.count = LIMIT_ANSWER_ADDRESSES,
		.ede = DNS_EDE_BLOCKED,
		.ede_text = "not allowed"};
	uint8_t out[LIMIT_DNS_UDP];
	char same[NAME_TEXT];
	int rcode = dns_read_query(data, size, &q);
	size_t len;

	if (rcode < 0)
		return;
	/* An allowed name is written as a rule would contain it. */
	if (rcode == RCODE_NOERROR && q.plain)
		assert(name_of_host(q.name, strlen(q.name), same) && strcmp(same, q.name) == 0);
	reply.rcode = (enum dns_rcode)rcode;
	assert(q.asked.room >= MESSAGE_PLAIN_SIZE && q.asked.room <= sizeof(out));
	assert(strlen(q.name) <= LIMIT_NAME_TEXT);
	len = dns_write_reply(&q.asked, &reply, out, q.asked.room);
	assert(len >= DNS_HEADER + q.asked.question_len && len <= q.asked.room);
	assert(memcmp(out + DNS_HEADER, q.asked.question, q.asked.question_len) == 0);
	assert(dns_read_query(out, len, &q) == -1); /* a reply isn't a query */
}

/* A parsed response can be sent to a client, and then parses the same. */
static void repeat(uint16_t type, const struct dns_answer *answer)
{
	static uint8_t out[16 * 1024];
	static const uint8_t asked_for[] = "\1a\4test\0\0\0\0\1";
	struct dns_asked asked = {.id = 1, .question_len = 12};
	struct dns_reply reply = {.type = type,
		.count = answer->count,
		.addresses = answer->addresses[0],
		.services = answer->services,
		.texts = answer->texts,
		.ede = -1};
	struct dns_answer again;
	size_t len;

	assert(answer->count > 0);
	assert(answer->count <= (type == DNS_SRV          ? LIMIT_ANSWER_SERVICES
					: type == DNS_TXT ? LIMIT_ANSWER_TEXT
							  : LIMIT_ANSWER_ADDRESSES));
	memcpy(asked.question, asked_for, 12);
	asked.question[9] = (uint8_t)type;
	len = dns_write_reply(&asked, &reply, out, sizeof(out));
	assert(dns_read_response(out, len, 1, "a.test", type, &again) == OUTCOME_ADDRESSES);
	assert(again.count == answer->count);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct dns_answer answer;
	uint8_t query[DNS_HEADER + DNS_QUESTION + 11];
	uint16_t id = size >= 2 ? (uint16_t)(data[0] << 8 | data[1]) : 0;
	static const uint16_t types[] = {DNS_A, DNS_AAAA, DNS_SRV, DNS_TXT};
	uint16_t type = types[size % 4];
	struct dns_query q;

	question(data, size);
	if (dns_read_response(data, size, id, "a.test", type, &answer) == OUTCOME_ADDRESSES)
		repeat(type, &answer);
	dns_same_case(data, size, "a.test", size * UINT64_C(0x9e3779b97f4a7c15));
	/* As a response to its own query, so that the name check passes. */
	if (size > DNS_HEADER && dns_read_query(data, size, &q) >= 0 && q.plain) {
		size_t len = dns_write_query(id, q.name, q.type, true, query, sizeof(query));

		if (len == 0)
			return 0;
		/* Only the case of letters changes, so the name is the same. */
		char name[NAME_TEXT];

		strcpy(name, q.name);
		dns_mix_case(query, len, id * UINT64_C(0x9e3779b97f4a7c15));
		assert(dns_same_case(query, len, name, id * UINT64_C(0x9e3779b97f4a7c15)));
		assert(dns_read_query(query, len, &q) == RCODE_NOERROR);
		assert(strcmp(name, q.name) == 0);
	}
	return 0;
}
