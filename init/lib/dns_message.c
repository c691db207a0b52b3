/*
 * Names, the payload's queries, our replies, our queries to upstreams. The contracts are in
 * dns_message.h.
 */
#include "dns_message.h"

#include <string.h>

/* Octets 2 and 3 of the header (RFC 1035 §4.1.1). */
#define FLAG_QR     0x80
#define FLAG_OPCODE 0x78
#define FLAG_TC     0x02
#define FLAG_RD     0x01
#define FLAG_RA     0x80 /* octet 3 */

/* An OPT record without options: root name, type, size, extended flags, length. */
#define OPT_RECORD  11
#define OPT_EDE     15 /* RFC 8914 §2: the option code, not the error code */
#define OPT_DO      0x8000
#define NAME_WIRE   255
#define POINTER     0xc0
#define TO_QUESTION (0xc000 | DNS_HEADER)

/* The numbers before the target of an SRV record (RFC 2782). */
#define SERVICE_FIXED 6

static uint16_t get16(const uint8_t *p)
{
	return (uint16_t)(p[0] << 8 | p[1]);
}

static uint8_t *put16(uint8_t *p, unsigned value)
{
	p[0] = (uint8_t)(value >> 8);
	p[1] = (uint8_t)value;
	return p + 2;
}

static uint8_t *put32(uint8_t *p, uint32_t value)
{
	return put16(put16(p, value >> 16), value & 0xffff);
}

/* Appends the text of one label. Returns false if the name becomes too long. */
static bool add_label(
	const uint8_t *label, size_t n, char out[NAME_TEXT], size_t *used, bool *plain)
{
	if (*used + n + (*used > 0) > LIMIT_NAME_TEXT)
		return false;
	if (*used > 0)
		out[(*used)++] = '.';
	for (size_t i = 0; i < n; i++) {
		uint8_t c = label[i];

		if (c >= 'A' && c <= 'Z')
			c = (uint8_t)(c | 0x20);
		if (!(c >= 'a' && c <= 'z') && !(c >= '0' && c <= '9') && c != '-' &&
			c != '_') {
			*plain = false;
			c = '?';
		}
		out[(*used)++] = (char)c;
	}
	return true;
}

static bool read_labels(
	const uint8_t *packet, size_t len, size_t *at, char out[NAME_TEXT], bool *plain)
{
	size_t here = *at, used = 0, start = here;
	bool jumped = false;

	*plain = true;
	for (;;) {
		if (here >= len)
			return false;
		uint8_t n = packet[here];

		if ((n & POINTER) == POINTER) {
			if (len - here < 2)
				return false;
			size_t target = get16(packet + here) & 0x3fff;
			/* Strictly backwards: each jump decreases `start`, so the loop ends. */
			if (target >= start)
				return false;
			if (!jumped)
				*at = here + 2;
			jumped = true;
			here = start = target;
			continue;
		}
		if (n > LIMIT_LABEL)
			return false;
		if (len - here < (size_t)n + 1)
			return false;
		if (n == 0)
			break;
		if (!add_label(packet + here + 1, n, out, &used, plain))
			return false;
		here += (size_t)n + 1;
	}
	if (!jumped)
		*at = here + 1;
	out[used] = '\0';
	return true;
}

bool dns_read_name(
	const uint8_t *packet, size_t len, size_t *at, char out[NAME_TEXT], bool *plain)
{
	if (read_labels(packet, len, at, out, plain))
		return true;
	out[0] = '\0'; /* never a partial or unterminated name */
	return false;
}

/* Writes a normalised name without compression. Returns its length, or 0 if it is invalid. */
static size_t write_name(const char *name, uint8_t *out, size_t room)
{
	size_t used = 0;

	if (strlen(name) > LIMIT_NAME_TEXT)
		return 0;
	while (*name) {
		size_t n = strcspn(name, ".");

		if (n == 0 || n > LIMIT_LABEL || used + n + 2 > room ||
			used + n + 2 > NAME_WIRE)
			return 0;
		out[used++] = (uint8_t)n;
		memcpy(out + used, name, n);
		used += n;
		name += n;
		if (*name == '.' && *++name == '\0')
			return 0;
	}
	if (room < used + 1)
		return 0;
	out[used++] = 0;
	return used;
}

/*
 * Whether name_of_host() accepts a name that read_labels() found plain. Only a leading hyphen,
 * a number in the last place and an A-label can be wrong with it, so that the names of a flood
 * are spared the rest. Without a name *last is NUL.
 */
static bool is_of_host(const char *name, size_t len)
{
	const char *dot = memrchr(name, '.', len), *last = dot ? dot + 1 : name;

	if (name[0] != '-' && *last > '9' && !strstr(name, "xn--"))
		return true;
	char out[NAME_TEXT];

	return name_of_host(name, len, out);
}

/* Looks for an OPT record in the additional section. Returns an rcode. */
static int read_additional(
	const uint8_t *packet, size_t len, size_t at, unsigned count, struct dns_asked *asked)
{
	/* This bounds the work; no client sends more than a few. */
	if (count > LIMIT_QUERY_ADDITIONAL)
		return RCODE_FORMERR;
	for (unsigned i = 0; i < count; i++) {
		size_t owner = at;
		char name[NAME_TEXT];
		bool plain;

		if (!dns_read_name(packet, len, &at, name, &plain) || len - at < 10)
			return RCODE_FORMERR;
		const uint8_t *r = packet + at;
		size_t rdlen = get16(r + 8);

		if (len - at - 10 < rdlen)
			return RCODE_FORMERR;
		at += 10 + rdlen;
		if (get16(r) != DNS_OPT)
			continue;
		if (asked->edns ||
			packet[owner] != 0) /* RFC 6891 §6.1.1: only one, owned by the root */
			return RCODE_FORMERR;
		asked->edns = true;
		asked->dnssec_ok = get16(r + 6) & OPT_DO;
		asked->room = get16(r + 2);
		if (asked->room < MESSAGE_PLAIN_SIZE) /* RFC 6891 §6.2.3 */
			asked->room = MESSAGE_PLAIN_SIZE;
		if (asked->room > LIMIT_DNS_UDP)
			asked->room = LIMIT_DNS_UDP;
		if (r[5] != 0) /* EDNS version */
			return RCODE_BADVERS;
	}
	return RCODE_NOERROR;
}

int dns_read_query(const uint8_t *packet, size_t len, struct dns_query *out)
{
	struct dns_asked *asked = &out->asked;
	size_t at = DNS_HEADER, name_len;

	if (len < DNS_HEADER || packet[2] & FLAG_QR)
		return -1;
	asked->id = get16(packet);
	asked->recursion_desired = packet[2] & FLAG_RD;
	asked->room = MESSAGE_PLAIN_SIZE;
	asked->edns = asked->dnssec_ok = false;
	asked->question_len = 0;
	out->type = out->class = 0;
	out->plain = false;
	out->name[0] = '\0';
	if (packet[2] & FLAG_OPCODE)
		return RCODE_NOTIMP;
	/* Exactly one question, no answer or authority records (RFC 9619). */
	if (get16(packet + 4) != 1 || get16(packet + 6) || get16(packet + 8))
		return RCODE_FORMERR;
	/*
	 * Only the header precedes the first name, so a compression pointer in it is
	 * malformed: the name would consist of header octets, and the question repeated in a
	 * reply would be compressed.
	 */
	if (!dns_read_name(packet, len, &at, out->name, &out->plain) || len - at < 4)
		return RCODE_FORMERR;
	name_len = strlen(out->name);
	if (at - DNS_HEADER != name_len + (name_len ? 2 : 1))
		return RCODE_FORMERR;
	out->type = get16(packet + at);
	out->class = get16(packet + at + 2);
	out->plain = out->plain && is_of_host(out->name, name_len);
	at += 4;
	asked->question_len = (uint16_t)(at - DNS_HEADER);
	memcpy(asked->question, packet + DNS_HEADER, asked->question_len);
	return read_additional(packet, len, at, get16(packet + 10), asked);
}

/* Writes the OPT record of a reply, with the extended error if it fits into room octets. */
static uint8_t *put_opt(
	uint8_t *p, const struct dns_asked *asked, const struct dns_reply *reply, size_t room)
{
	size_t text = reply->ede_text ? strlen(reply->ede_text) : 0;

	*p++ = 0;
	p = put16(p, DNS_OPT);
	p = put16(p, LIMIT_DNS_UDP);
	p = put32(p, (uint32_t)(reply->rcode >> 4) << 24 | (asked->dnssec_ok ? OPT_DO : 0));
	if (reply->ede < 0 || room < OPT_RECORD + 6)
		return put16(p, 0);
	if (text > room - OPT_RECORD - 6)
		text = 0; /* the code is enough; a truncated sentence isn't useful */
	p = put16(p, (unsigned)(text + 6));
	p = put16(p, OPT_EDE);
	p = put16(p, (unsigned)(text + 2));
	p = put16(p, (unsigned)reply->ede);
	if (text > 0)
		memcpy(p, reply->ede_text, text);
	return p + text;
}

/* Writes a record owned by the question's name. Returns NULL if it doesn't fit before `end`. */
static uint8_t *put_record(uint8_t *p, const uint8_t *end, const struct dns_reply *reply,
	const uint8_t *data, size_t size)
{
	if ((size_t)(end - p) < 12 + size)
		return NULL;
	p = put16(p, TO_QUESTION);
	p = put16(p, reply->type);
	p = put16(p, DNS_CLASS_IN);
	p = put32(p, reply->ttl);
	p = put16(p, (unsigned)size);
	memcpy(p, data, size);
	return p + size;
}

/* Writes a record whose data is a name, after the numbers of an SRV record. Returns NULL if it
 * doesn't fit, or the name is invalid. */
static uint8_t *put_target(
	uint8_t *p, const uint8_t *end, const struct dns_reply *reply, size_t i)
{
	uint8_t data[SERVICE_FIXED + NAME_WIRE], *name = data;
	const char *target = reply->pointer;
	size_t size;

	if (reply->type == DNS_SRV) {
		const struct dns_service *v = &reply->services[i];

		name = put16(put16(put16(data, v->priority), v->weight), v->port);
		target = v->target;
	}
	size = write_name(target, name, NAME_WIRE);
	return size ? put_record(p, end, reply, data, (size_t)(name - data) + size) : NULL;
}

/* Writes record i of the reply; advances *texts past a TXT record. Returns NULL if it
 * doesn't fit. */
static uint8_t *put_answer(uint8_t *p, const uint8_t *end, const struct dns_reply *reply,
	size_t i, const uint8_t **texts)
{
	const uint8_t *text = *texts;
	size_t size = reply->type == DNS_AAAA ? 16 : 4;

	if (reply->type == DNS_PTR || reply->type == DNS_SRV)
		return put_target(p, end, reply, i);
	if (reply->type != DNS_TXT)
		return put_record(p, end, reply, reply->addresses + i * size, size);
	size = get16(text);
	*texts += 2 + size;
	return size ? put_record(p, end, reply, text + 2, size) : NULL;
}

size_t dns_write_reply(
	const struct dns_asked *asked, const struct dns_reply *reply, uint8_t *out, size_t room)
{
	size_t opt = asked->edns ? OPT_RECORD : 0, written = 0;
	const uint8_t *texts = reply->texts;
	uint8_t *p = out + DNS_HEADER, *end, *next;

	if (room < DNS_HEADER + asked->question_len + opt)
		return 0;
	end = out + room - opt;
	memset(out, 0, DNS_HEADER);
	put16(out, asked->id);
	out[2] = (uint8_t)(FLAG_QR | (asked->recursion_desired ? FLAG_RD : 0));
	out[3] = (uint8_t)(FLAG_RA | (reply->rcode & 0x0f));
	put16(out + 4, asked->question_len > 0);
	memcpy(p, asked->question, asked->question_len);
	p += asked->question_len;
	for (; written < reply->count; written++) {
		next = put_answer(p, end, reply, written, &texts);
		if (!next) {
			out[2] |= FLAG_TC;
			break;
		}
		p = next;
	}
	put16(out + 6, (unsigned)written);
	if (asked->edns) {
		put16(out + 10, 1);
		p = put_opt(p, asked, reply, (size_t)(out + room - p));
	}
	return (size_t)(p - out);
}

size_t dns_write_query(
	uint16_t id, const char *name, uint16_t type, bool edns, uint8_t *out, size_t room)
{
	size_t at = DNS_HEADER, n;
	uint8_t *p;

	if (room < DNS_HEADER + DNS_QUESTION + OPT_RECORD)
		return 0;
	memset(out, 0, DNS_HEADER);
	put16(out, id);
	out[2] = FLAG_RD;
	out[5] = 1;
	out[11] = edns;
	n = write_name(name, out + at, NAME_WIRE);
	if (n == 0)
		return 0;
	p = put16(put16(out + at + n, type), DNS_CLASS_IN);
	if (edns) {
		*p++ = 0;
		p = put16(p, DNS_OPT);
		p = put16(p, LIMIT_DNS_UDP);
		p = put32(p, 0);
		p = put16(p, 0);
	}
	return (size_t)(p - out);
}

/* Walks all octets of the name: a label length is below any letter. */
void dns_mix_case(uint8_t *packet, size_t len, uint64_t bits)
{
	unsigned letters = 0;

	for (size_t i = DNS_HEADER; i < len && packet[i]; i++)
		if (packet[i] >= 'a' && packet[i] <= 'z' && bits >> (letters++ & 63) & 1)
			packet[i] &= (uint8_t)~0x20;
}

void dns_truncate(uint8_t *packet)
{
	packet[2] |= FLAG_TC;
}

bool dns_same_case(const uint8_t *packet, size_t len, const char *name, uint64_t bits)
{
	uint8_t wire[NAME_WIRE];
	size_t n = write_name(name, wire, sizeof(wire));
	unsigned letters = 0;

	if (n == 0 || len < DNS_HEADER + n)
		return false;
	for (size_t i = 0; i < n; i++)
		if (wire[i] >= 'a' && wire[i] <= 'z' && bits >> (letters++ & 63) & 1)
			wire[i] &= (uint8_t)~0x20;
	return memcmp(packet + DNS_HEADER, wire, n) == 0;
}
