/*
 * Messages from the gate to PID 1: arbitrary octets; the first octet of each is the number
 * of messages. Accepted ones are counted completely and printed without control characters;
 * others change nothing.
 */
#include <stdlib.h>
#include <string.h>

#include "init/monitor/gate_messages.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void check(bool holds)
{
	if (!holds)
		abort();
}

/* A refused name comes from the payload and goes into the events unchanged. */
static bool printable(const char *name, size_t size)
{
	size_t len = strnlen(name, size);

	for (size_t i = 0; i < len; i++)
		if (name[i] <= ' ' || name[i] > '~')
			return false;
	return len < size && len <= LIMIT_NAME_TEXT;
}

/* The summary is printed on a terminal. */
static void summary_is_clean(const struct events *e)
{
	char *text = NULL;
	size_t len = 0;
	FILE *f = open_memstream(&text, &len);

	check(f != NULL);
	events_summary(e, f);
	fclose(f);
	for (size_t i = 0; i < len; i++)
		check(text[i] == '\n' || (text[i] >= ' ' && text[i] <= '~'));
	free(text);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct events *events;
	struct failure f;
	uint64_t refused = 0;

	check(events_open(&events, NULL, &f) == 0);
	while (size > 0) {
		struct gate_message *m;
		size_t whole = sizeof(*m), n = data[0] & 1 ? size - 1 : whole;
		bool ready = false;
		int status;

		/* Allocated with exactly this size, so that the sanitizer sees more. */
		data++, size--;
		if (n < whole)
			whole = n;
		m = calloc(1, n ? n : 1);
		check(m != NULL);
		memcpy(m, data, size < n ? size : n);
		status = gate_messages_take(events, m, n, &ready);
		check(status == 0 || status == -1);
		check(status == 0 || !ready);
		check(status < 0 || n == sizeof(*m));
		check(status < 0 || ready || printable(m->name, sizeof(m->name)));
		if (status == 0 && !ready && m->type != GATE_UNREACHED)
			refused += m->count;
		check(events_refused(events) == refused);
		n = size < n ? size : n;
		data += n, size -= n;
		free(m);
	}
	summary_is_clean(events);
	events_close(events);
	return 0;
}
