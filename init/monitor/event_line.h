/* One line of the event log, a JSON object (docs/events.md), built in a fixed buffer: what
 * doesn't fit is cut. Pure, but for the time. */
#ifndef INIT_MONITOR_EVENT_LINE_H
#define INIT_MONITOR_EVENT_LINE_H

#include <stddef.h>
#include <time.h>

/* Longest name or reason in a line; names are shorter. */
#define EVENT_STRING_BYTES 255
/* Eight strings with six characters for each byte, and the fixed parts. */
#define EVENT_LINE_BYTES (8 * 6 * EVENT_STRING_BYTES + 512)

struct event_line {
	char text[EVENT_LINE_BYTES];
	size_t used;
};

/* Begins a line with its time and kind. at: NULL or 0: now. */
void event_line_begin(struct event_line *l, const char *event, const struct timespec *at);

/* Appends text as it is. */
void event_line_put(struct event_line *l, const char *format, ...)
	__attribute__((format(printf, 2, 3)));

/*
 * Appends a member with a JSON string (RFC 8259 §7), unless value is NULL or empty. A DNS name
 * is octets, not characters: each one that isn't printable ASCII becomes \u00XX, even if it is
 * part of valid UTF-8, so every name has one spelling and the log is plain ASCII.
 */
void event_line_string(struct event_line *l, const char *key, const char *value);

/* Appends who asked, if that is known. */
struct event_who;
void event_line_who(struct event_line *l, const struct event_who *who);

#endif
