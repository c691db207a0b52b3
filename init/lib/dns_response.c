/*
 * Parser for upstreams' responses. It assumes that the upstream, or somebody who can forge
 * its packets, wants to get an address into the wall that no rule allows.
 *
 * One pass over the answer section records the position of each CNAME and each record of the
 * requested type. Then the CNAME chain is followed from the name in the query, and only
 * records owned by its end are used.
 */
#include "dns_message.h"

#include <string.h>

#define FLAG_QR     0x80
#define FLAG_OPCODE 0x78
#define FLAG_TC     0x02

/* The fixed part of a record: type, class, TTL, length. */
#define RECORD_FIXED 10
/* The fixed part of SRV RDATA: priority, weight, port. */
#define SERVICE_FIXED 6

struct record {
	uint16_t owner; /* offset of the owner name */
	uint16_t type;
	uint16_t data; /* offset of the RDATA */
	uint16_t size;
	uint32_t ttl;
};

struct section {
	const uint8_t *packet;
	size_t len;
	uint16_t type; /* the requested one */
	size_t count;
	struct record record[LIMIT_ANSWER_RECORDS];
};

static uint16_t get16(const uint8_t *p)
{
	return (uint16_t)(p[0] << 8 | p[1]);
}

static uint32_t get32(const uint8_t *p)
{
	return (uint32_t)get16(p) << 16 | get16(p + 2);
}

/* RFC 2181 §8: a TTL with the top bit set counts as 0. */
static uint32_t get_ttl(const uint8_t *p)
{
	uint32_t ttl = get32(p);

	return ttl > INT32_MAX ? 0 : ttl;
}

/* Reads the record at *at and advances *at past it. */
static bool read_record(
	const uint8_t *packet, size_t len, size_t *at, struct record *r, uint16_t *class)
{
	char name[NAME_TEXT];
	bool plain;

	r->owner = (uint16_t)*at;
	if (!dns_read_name(packet, len, at, name, &plain) || len - *at < RECORD_FIXED)
		return false;
	r->type = get16(packet + *at);
	*class = get16(packet + *at + 2);
	r->ttl = get_ttl(packet + *at + 4);
	r->size = get16(packet + *at + 8);
	*at += RECORD_FIXED;
	if (len - *at < r->size)
		return false;
	r->data = (uint16_t)*at;
	*at += r->size;
	return true;
}

static bool read_section(struct section *s, unsigned count, size_t *at)
{
	if (count > LIMIT_ANSWER_RECORDS)
		return false;
	s->count = 0;
	for (unsigned i = 0; i < count; i++) {
		struct record *r = &s->record[s->count];
		uint16_t class;

		if (!read_record(s->packet, s->len, at, r, &class))
			return false;
		if (class != DNS_CLASS_IN)
			continue;
		if (r->type == s->type || r->type == DNS_CNAME)
			s->count++;
	}
	return true;
}

static bool owned_by(const struct section *s, const struct record *r, const char *name)
{
	char owner[NAME_TEXT];
	size_t at = r->owner;
	bool plain;

	/* Names that we compare with are always plain, so an owner with an octet shown as
	 * '?' can't be equal to one. */
	return dns_read_name(s->packet, s->len, &at, owner, &plain) && plain &&
	       strcmp(owner, name) == 0;
}

static const struct record *find_alias(const struct section *s, const char *name)
{
	for (size_t i = 0; i < s->count; i++)
		if (s->record[i].type == DNS_CNAME && owned_by(s, &s->record[i], name))
			return &s->record[i];
	return NULL;
}

/* Follows CNAMEs from name, replacing it. Returns false if the chain is malformed or too
 * long. */
static bool follow(const struct section *s, char name[NAME_TEXT], uint32_t *ttl)
{
	for (unsigned hops = 0; hops <= LIMIT_CNAME_CHAIN; hops++) {
		const struct record *r = find_alias(s, name);
		size_t at;
		bool plain;

		if (!r)
			return true;
		at = r->data;
		if (!dns_read_name(s->packet, s->len, &at, name, &plain) || !plain)
			return false;
		if (at != (size_t)r->data + r->size)
			return false; /* RDATA longer or shorter than the name in it */
		if (r->ttl < *ttl)
			*ttl = r->ttl;
	}
	return false;
}

static bool take_address(
	const struct section *s, const struct record *r, struct dns_answer *out)
{
	size_t size = s->type == DNS_AAAA ? 16 : 4;

	if (r->size != size)
		return false;
	if (out->count < LIMIT_ANSWER_ADDRESSES)
		memcpy(out->addresses[out->count++], s->packet + r->data, size);
	return true;
}

/* Skips the target ".", which means that the service doesn't exist, and targets that aren't
 * host names. */
static bool take_service(
	const struct section *s, const struct record *r, struct dns_answer *out)
{
	const uint8_t *data = s->packet + r->data;
	size_t at = (size_t)r->data + SERVICE_FIXED;
	struct dns_service v;
	bool plain;

	if (r->size <= SERVICE_FIXED ||
		!dns_read_name(s->packet, s->len, &at, v.target, &plain) ||
		at != (size_t)r->data + r->size)
		return false;
	v.priority = get16(data);
	v.weight = get16(data + 2);
	v.port = get16(data + 4);
	if (plain && v.target[0] && out->count < LIMIT_ANSWER_SERVICES)
		out->services[out->count++] = v;
	return true;
}

/* Strings, each preceded by its length (RFC 1035 §3.3.14). */
static bool take_text(
	const struct section *s, const struct record *r, struct dns_answer *out, size_t *used)
{
	const uint8_t *data = s->packet + r->data;
	size_t at = 0;

	while (at < r->size)
		at += 1U + data[at];
	if (at != r->size || r->size == 0)
		return false;
	if (r->size + 2U > sizeof(out->texts) - *used)
		return true;
	out->texts[(*used)++] = (uint8_t)(r->size >> 8);
	out->texts[(*used)++] = (uint8_t)r->size;
	memcpy(out->texts + *used, data, r->size);
	*used += r->size;
	out->count++;
	return true;
}

static bool collect(
	const struct section *s, const char *name, struct dns_answer *out, uint32_t *ttl)
{
	size_t used = 0;

	for (size_t i = 0; i < s->count; i++) {
		const struct record *r = &s->record[i];
		bool good;

		if (r->type != s->type)
			continue;
		if (!owned_by(s, r, name)) {
			out->strays++;
			continue;
		}
		if (s->type == DNS_SRV)
			good = take_service(s, r, out);
		else if (s->type == DNS_TXT)
			good = take_text(s, r, out, &used);
		else
			good = take_address(s, r, out);
		if (!good)
			return false;
		if (r->ttl < *ttl)
			*ttl = r->ttl;
	}
	return true;
}

/*
 * How long to cache a negative response: the lesser of the SOA's TTL and its MINIMUM (RFC
 * 2308 §5). Without an SOA, or with a malformed authority section: 0, not at all.
 */
static uint32_t negative_ttl(const uint8_t *packet, size_t len, size_t at, unsigned count)
{
	if (count > LIMIT_ANSWER_RECORDS)
		count = LIMIT_ANSWER_RECORDS;
	for (unsigned i = 0; i < count; i++) {
		struct record r;
		uint16_t class;

		if (!read_record(packet, len, &at, &r, &class))
			return 0;
		/* At least two names of one octet, and five numbers. */
		if (r.type != DNS_SOA || class != DNS_CLASS_IN || r.size < 22)
			continue;
		uint32_t minimum = get_ttl(packet + r.data + r.size - 4);

		return minimum < r.ttl ? minimum : r.ttl;
	}
	return 0;
}

/* True if the packet repeats our question (RFC 5452 §4.2 and §9.1). */
static bool same_question(
	const uint8_t *packet, size_t len, size_t *at, const char *name, uint16_t type)
{
	char asked[NAME_TEXT];
	bool plain;

	if (get16(packet + 4) != 1 || !dns_read_name(packet, len, at, asked, &plain))
		return false;
	if (len - *at < 4 || !plain || strcmp(asked, name) != 0)
		return false;
	if (get16(packet + *at) != type || get16(packet + *at + 2) != DNS_CLASS_IN)
		return false;
	*at += 4;
	return true;
}

enum dns_outcome dns_read_response(const uint8_t *packet, size_t len, uint16_t id,
	const char *name, uint16_t type, struct dns_answer *out)
{
	struct section s = {.packet = packet, .len = len, .type = type};
	size_t at = DNS_HEADER;
	uint32_t ttl = INT32_MAX;
	char end[NAME_TEXT];
	unsigned rcode;

	out->ttl = 0;
	out->count = 0;
	out->strays = 0;
	if (len < DNS_HEADER || len > UINT16_MAX || get16(packet) != id)
		return OUTCOME_UNSOLICITED;
	if (!(packet[2] & FLAG_QR) || packet[2] & FLAG_OPCODE)
		return OUTCOME_UNSOLICITED;
	rcode = packet[3] & 0x0f;
	/* Old servers don't repeat a question that they can't parse. */
	if ((rcode == RCODE_FORMERR || rcode == RCODE_NOTIMP) && get16(packet + 4) == 0)
		return OUTCOME_NO_EDNS;
	if (!same_question(packet, len, &at, name, type))
		return OUTCOME_UNSOLICITED;
	if (packet[2] & FLAG_TC)
		return OUTCOME_TRUNCATED;
	if (rcode == RCODE_FORMERR || rcode == RCODE_NOTIMP)
		return OUTCOME_NO_EDNS;
	if (rcode != RCODE_NOERROR && rcode != RCODE_NXDOMAIN)
		return OUTCOME_SERVER;

	strcpy(end, name);
	if (!read_section(&s, get16(packet + 6), &at) || !follow(&s, end, &ttl))
		return OUTCOME_MALFORMED;
	/* NXDOMAIN refers to the end of the chain (RFC 6604 §2), so addresses beside it
	 * can't be true. */
	if (rcode == RCODE_NOERROR && !collect(&s, end, out, &ttl)) {
		out->count = 0;
		return OUTCOME_MALFORMED;
	}
	if (out->count > 0) {
		out->ttl = ttl;
		return OUTCOME_ADDRESSES;
	}
	out->ttl = negative_ttl(packet, len, at, get16(packet + 8));
	if (ttl < out->ttl)
		out->ttl = ttl;
	return rcode == RCODE_NXDOMAIN ? OUTCOME_NXDOMAIN : OUTCOME_EMPTY;
}
