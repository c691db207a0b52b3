/* See ssh.h. */
#include "ssh.h"

#include <stdio.h>
#include <string.h>

#define VERSION "SSH-2.0-codex-sandbox\r\n"

enum {
	MESSAGE_DISCONNECT = 1, /* RFC 4250 §4.1.2 */
	HOST_NOT_ALLOWED = 1,   /* SSH_DISCONNECT_HOST_NOT_ALLOWED_TO_CONNECT, §4.2.2 */
	BLOCK = 8,              /* block size before key exchange (RFC 4253 §6) */
	PADDING = 4,            /* minimum */
	TEXT = 256,
};

bool ssh_begins(const uint8_t *bytes, size_t len)
{
	return len >= 4 && memcmp(bytes, "SSH-", 4) == 0;
}

static uint8_t *put32(uint8_t *p, size_t value)
{
	for (int shift = 24; shift >= 0; shift -= 8)
		*p++ = (uint8_t)(value >> shift);
	return p;
}

/* A rule for the address works because the wall then bypasses the gate; it opens whatever
 * else is at that address. */
static size_t write_hint(const struct address *orig_dst, uint16_t port, char text[TEXT])
{
	char address[ADDRESS_TEXT], rule[ADDRESS_TEXT + 64] = "";
	enum address_class class = address_classify(orig_dst);

	if (orig_dst->family && (class == ADDRESS_PUBLIC || class == ADDRESS_PRIVATE))
		snprintf(rule, sizeof(rule),
			orig_dst->family == 6
				? ", or allow everything at this address with --allow [%s]:%u%s"
				: ", or allow everything at this address with --allow %s:%u%s",
			address_text(orig_dst, address), port,
			class == ADDRESS_PRIVATE ? "+private" : "");
	return (size_t)snprintf(text, TEXT,
		"codex-sandbox: ssh names no host that could be checked on port %u: use port "
		"22 "
		"with --allow NAME:22%s",
		port, rule);
}

size_t ssh_refusal_write(
	const struct address *orig_dst, uint16_t port, uint8_t out[SSH_REFUSAL_SIZE])
{
	char text[TEXT];
	size_t len = write_hint(orig_dst, port, text);
	/* Message code, reason, text, empty language tag; before that the packet length and
	 * the padding length. */
	size_t payload = 1 + 4 + 4 + len + 4;
	size_t padding = BLOCK - (4 + 1 + payload + PADDING) % BLOCK + PADDING;
	uint8_t *p = out;

	memcpy(p, VERSION, sizeof(VERSION) - 1);
	p = put32(p + sizeof(VERSION) - 1, 1 + payload + padding);
	*p++ = (uint8_t)padding;
	*p++ = MESSAGE_DISCONNECT;
	p = put32(p, HOST_NOT_ALLOWED);
	p = put32(p, len);
	memcpy(p, text, len);
	p = put32(p + len, 0);
	/* Padding must be random only if the packet is encrypted. */
	memset(p, 0, padding);
	return (size_t)(p + padding - out);
}
