/*
 * Heads of requests with their bodies, and of responses. The first octet determines where
 * the input is split, the second whether an upgrade is permitted.
 */
#include <assert.h>
#include <stdlib.h>
#include <string.h>

#include "init/gate/http.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static uint8_t *copy_of(const uint8_t *data, size_t size)
{
	uint8_t *copy = malloc(size ? size : 1);

	assert(copy);
	memcpy(copy, data, size);
	return copy;
}

/* A body from data on, in one piece and split in two: it ends at the same position. */
static void body(const struct http_head *head, const uint8_t *data, size_t size, size_t cut)
{
	struct http_body whole, parts;
	ssize_t n, first, second;

	http_body_begin(&whole, head);
	n = http_body_take(&whole, data, size);
	assert(n >= -1 && n <= (ssize_t)size);
	assert(n < 0 || whole.done || n == (ssize_t)size);
	http_body_begin(&parts, head);
	first = http_body_take(&parts, data, cut);
	assert(first >= -1 && first <= (ssize_t)cut);
	if (first < 0) {
		assert(n < 0);
		return;
	}
	second = http_body_take(&parts, data + first, size - (size_t)first);
	assert(second < 0 ? n < 0 : n == first + second);
	assert(n < 0 || (whole.done == parts.done && whole.left == parts.left));
}

static void whole_head(uint8_t *bytes, size_t size, bool allow, const struct http_head *head)
{
	struct http_head again;
	char name[NAME_TEXT];
	const char *why;
	size_t position;

	assert(head->length <= size && head->length <= LIMIT_GATE_HEAD);
	assert(memcmp(bytes + head->length - 4, "\r\n\r\n", 4) == 0);
	assert(name_normalise(head->name, strlen(head->name), name, &position, &why));
	assert(strcmp(name, head->name) == 0);
	assert(!head->websocket || allow);
	assert(head->content_length == 0 || head->body == HTTP_LENGTH);
	/* What was hidden remains hidden, and nothing else changes. */
	assert(http_head_read(bytes, size, true, &again) == HTTP_WHOLE);
	assert(again.websocket == head->websocket && again.length == head->length);
	assert(again.port == head->port && again.body == head->body);
}

static void head(const uint8_t *data, size_t size, size_t cut, bool allow)
{
	uint8_t *bytes = copy_of(data, size), *front = copy_of(data, cut);
	char text[HTTP_REFUSAL_SIZE];
	struct http_head whole, part;
	enum http_result r = http_head_read(bytes, size, allow, &whole);
	enum http_result first = http_head_read(front, cut, allow, &part);

	assert(memchr(whole.name, 0, sizeof(whole.name)));
	for (const char *c = whole.name; *c; c++)
		assert(*c > ' ' && *c < 0x7f);
	assert((r == HTTP_REFUSED) == (whole.reason != GATE_FINE));
	if (first == HTTP_REFUSED)
		assert(r == HTTP_REFUSED);
	if (first == HTTP_WHOLE) {
		assert(r == HTTP_WHOLE && whole.length == part.length);
		assert(memcmp(bytes, front, whole.length) == 0);
	}
	if (r == HTTP_MORE)
		assert(first == HTTP_MORE && memcmp(bytes, data, size) == 0);
	if (r == HTTP_WHOLE) {
		assert((first == HTTP_WHOLE) == (cut >= whole.length));
		whole_head(bytes, size, allow, &whole);
		body(&whole, data + whole.length, size - whole.length,
			(size - whole.length) * cut / (size + 1));
	}
	if (r == HTTP_REFUSED)
		assert(http_refusal_write(whole.reason, whole.name, whole.port, "", text) <
			sizeof(text));
	free(bytes);
	free(front);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static const struct http_head chunked = {.body = HTTP_CHUNKED};
	size_t cut, length = 0, same = 0;
	bool allow;
	int status;

	if (size < 2)
		return 0;
	size -= 2;
	cut = size * data[0] / 255;
	allow = data[1] & 1;
	data += 2;
	head(data, size, cut, allow);
	body(&chunked, data, size, cut);

	status = http_status_read(data, cut, &length);
	assert(status == -1 || status == 0 || (status >= 100 && status <= 599));
	if (status > 0) {
		char said[GATE_PROXY_REPLY];

		http_status_text(data, said, sizeof(said));
		assert(atoi(said) == status && strlen(said) < length);
		for (const char *c = said; *c; c++)
			assert(*c >= ' ' && *c <= '~');
		assert(length <= cut && http_status_read(data, size, &same) == status);
	}
	if (status > 0)
		assert(same == length);
	if (status < 0)
		assert(http_status_read(data, size, &same) == -1);
	return 0;
}
