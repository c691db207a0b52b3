/*
 * A kept event (stub/trail_read.h): whatever the line is, what is taken from it is printable,
 * terminated, and refers to the line.
 */
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "../../stub/trail_read.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void check(const char *text, size_t room)
{
	const char *end = memchr(text, '\0', room);

	if (!end)
		abort();
	for (; text < end; text++)
		if (*text < ' ' || *text > '~')
			abort();
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct trail_event e;

	if (!trail_parse((const char *)data, size, &e))
		return 0;
	if (!e.event[0] || e.line != (const char *)data || e.size != size || e.count < 0 ||
		e.port < 0 || e.pid < 0)
		abort();
	check(e.time, sizeof(e.time));
	check(e.event, sizeof(e.event));
	check(e.name, sizeof(e.name));
	check(e.address, sizeof(e.address));
	check(e.reason, sizeof(e.reason));
	check(e.rule, sizeof(e.rule));
	check(e.by, sizeof(e.by));
	check(e.program, sizeof(e.program));
	check(e.command, sizeof(e.command));
	return 0;
}
