/*
 * ClientHellos and servers' responses. The first octet determines where the input is split:
 * what was decided about the first part must remain true when the rest has arrived.
 */
#include <assert.h>
#include <string.h>

#include "init/gate/clienthello.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void hello(const uint8_t *data, size_t size, size_t cut)
{
	struct hello whole, part;
	char again[NAME_TEXT];
	const char *why;
	size_t position;
	enum hello_result r = clienthello_read(data, size, &whole);
	enum hello_result first = clienthello_read(data, cut, &part);

	assert(memchr(whole.name, 0, sizeof(whole.name)));
	for (const char *c = whole.name; *c; c++)
		assert(*c > ' ' && *c < 0x7f);
	/* A decision about the beginning doesn't depend on what follows. */
	if (first != HELLO_MORE)
		assert(r == first);
	if (first == HELLO_DONE)
		assert(whole.length == part.length && whole.ech == part.ech &&
			strcmp(whole.name, part.name) == 0);
	assert((r == HELLO_REFUSED) == (whole.reason != GATE_FINE));
	if (r == HELLO_MORE)
		assert(first == HELLO_MORE && size < LIMIT_GATE_HELLO);
	if (r != HELLO_DONE)
		return;
	assert(whole.length <= size && whole.length <= LIMIT_GATE_HELLO);
	assert((first == HELLO_DONE) == (cut >= whole.length));
	assert(name_normalise(whole.name, strlen(whole.name), again, &position, &why));
	assert(strcmp(again, whole.name) == 0);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	size_t cut, at = 0, before = 0;
	enum hello_retry retry;
	enum hello_result first;

	if (size == 0)
		return 0;
	size--;
	cut = size * data[0] / 255;
	data++;
	hello(data, size, cut);

	retry = clienthello_retry_read(data, cut);
	if (retry != RETRY_MORE)
		assert(clienthello_retry_read(data, size) == retry);

	first = clienthello_second_find(data, cut, &before);
	assert(before <= cut);
	/* Parsing continues where the first call stopped, as if it had seen everything. */
	if (first == HELLO_MORE) {
		enum hello_result r = clienthello_second_find(data, size, &at);
		size_t rest;

		assert(at <= size && at >= before);
		assert(clienthello_second_find(data + before, size - before, &rest) == r);
		assert(before + rest == at);
	} else {
		assert(clienthello_second_find(data, size, &at) == first && at == before);
	}
	return 0;
}
