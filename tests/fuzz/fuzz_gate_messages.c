/*
 * What the gate may tell PID 1: any octets as its messages, the first octet of each saying how
 * many of them there are. What is taken is counted in full and printed without a control
 * character; what is not changes nothing.
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

/* What was refused are the payload's own words: they go into the events as they stand. */
static bool printable(const char *name, size_t size)
{
	size_t len = strnlen(name, size);

	for (size_t i = 0; i < len; i++)
		if (name[i] <= ' ' || name[i] > '~')
			return false;
	return len < size && len <= LIMIT_NAME_TEXT;
}

/* The summary is what reaches a terminal. */
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

		/* Exactly as long as it is said to be, so that the sanitizer sees more. */
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
