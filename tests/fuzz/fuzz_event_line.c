/*
 * The lines of the events, whatever stands in the texts that others choose: names, reasons, and
 * what a process says of itself. Each is one line of printable ASCII, and a JSON object that
 * the launcher reads as the same event.
 */
#include <stdlib.h>
#include <string.h>

#include "init/lib/limits.h"
#include "init/monitor/event_line.h"
#include "init/monitor/events.h"
#include "stub/json.h"
#include "stub/watch/message.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void check(bool holds)
{
	if (!holds)
		abort();
}

static unsigned lines;
static uint16_t port;

static void read_line(void *context, const char *line, size_t len)
{
	static struct message m;
	size_t position;

	(void)context;
	check(len > 0 && line[len - 1] == '\n');
	for (size_t i = 0; i + 1 < len; i++)
		check(line[i] >= ' ' && line[i] <= '~');
	check(json_is_object(line, len - 1, &position));
	check(message_read(line, len - 1, &m) && m.kind == MESSAGE_EVENT);
	check(strcmp(m.event, "refused-name") == 0 && m.port == port && m.count == 3);
	check(m.who[0]);
	lines++;
}

/* The next piece of the input as a text. */
static void take(char *out, size_t room, const uint8_t **data, size_t *size)
{
	size_t n = *size ? **data : 0;

	*data += *size ? 1 : 0;
	*size -= *size ? 1 : 0;
	n = n > *size ? *size : n;
	n = n > room - 1 ? room - 1 : n;
	memcpy(out, *data, n);
	out[n] = '\0';
	*data += n;
	*size -= n;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct event_who who = {.pid = 7};
	char name[NAME_TEXT], reason[200], by[64];
	struct event event = {
		.kind = EVENT_REFUSED_NAME, .name = name, .reason = reason, .by = by};
	static struct events *events;
	static unsigned inputs;
	struct failure f;

	take(name, sizeof(name), &data, &size);
	take(reason, sizeof(reason), &data, &size);
	take(by, sizeof(by), &data, &size);
	take(who.program, sizeof(who.program), &data, &size);
	take(who.line, sizeof(who.line), &data, &size);
	event.port = port = size > 1 ? (uint16_t)(data[0] | data[1] << 8) : 0;
	event.who = &who;
	/* Opened anew now and then: each time costs far more than a line, and more than
	 * LIMIT_EVENTS_PER_SECOND lines are counted only. */
	if (inputs++ % (LIMIT_EVENTS_PER_SECOND / 2) == 0) {
		events_close(events);
		check(events_open(&events, NULL, &f) == 0);
	}
	events_context(events, name, reason, NULL);
	events_read(events, read_line, NULL);
	lines = 0;
	events_log(events, &event, 3);
	check(lines == 1);
	return 0;
}
