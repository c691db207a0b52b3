/* See event_line.h. */
#include "event_line.h"

#include <stdarg.h>
#include <stdio.h>

#include "../egress/control_ipc.h"
#include "events.h"

_Static_assert(EVENT_LINE_BYTES <= CONTROL_LINE, "a watcher gets each line whole");

void event_line_put(struct event_line *l, const char *format, ...)
{
	va_list ap;
	int n;

	va_start(ap, format);
	n = vsnprintf(l->text + l->used, sizeof(l->text) - l->used, format, ap);
	va_end(ap);
	if (n > 0)
		l->used += (size_t)n;
	if (l->used >= sizeof(l->text))
		l->used = sizeof(l->text) - 1;
}

void event_line_string(struct event_line *l, const char *key, const char *value)
{
	if (!value || !value[0])
		return;
	event_line_put(l, ",\"%s\":\"", key);
	for (size_t i = 0; value[i] && i < EVENT_STRING_BYTES; i++) {
		unsigned char c = (unsigned char)value[i];

		if (c == '"' || c == '\\')
			event_line_put(l, "\\%c", c);
		else if (c < 0x20 || c >= 0x7f)
			event_line_put(l, "\\u%04x", c);
		else
			event_line_put(l, "%c", c);
	}
	event_line_put(l, "\"");
}

void event_line_who(struct event_line *l, const struct event_who *who)
{
	if (!who || !who->pid)
		return;
	event_line_put(l, ",\"who\":{\"pid\":%d", (int)who->pid);
	event_line_string(l, "program", who->program);
	event_line_string(l, "line", who->line);
	event_line_put(l, "}");
}

void event_line_begin(struct event_line *l, const char *event, const struct timespec *at)
{
	struct timespec now = {0};
	struct tm utc = {0};

	l->used = 0;
	if (at && at->tv_sec)
		now = *at;
	else
		clock_gettime(CLOCK_REALTIME, &now);
	gmtime_r(&now.tv_sec, &utc);
	event_line_put(l, "{\"time\":\"%04d-%02d-%02dT%02d:%02d:%02d.%06ldZ\",\"event\":\"%s\"",
		utc.tm_year + 1900, utc.tm_mon + 1, utc.tm_mday, utc.tm_hour, utc.tm_min,
		utc.tm_sec, now.tv_nsec / 1000, event);
}
