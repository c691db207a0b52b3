/*
 * Lines of a stream that somebody else writes, from a buffer of a fixed size. A line that
 * doesn't fit is skipped and counted, so that whoever writes without end costs no memory and
 * the next line is read as usual. Pure.
 */
#ifndef STUB_WATCH_LINES_H
#define STUB_WATCH_LINES_H

#include <stdbool.h>
#include <stddef.h>

#include "../bounds.h"

/* Zero-initialised, it is at the beginning of a stream. */
struct lines {
	char text[BOUND_WATCH_LINE];
	size_t start, used; /* what hasn't been returned yet is text[start, used) */
	bool skipping;      /* the line that is being read was too long */
	size_t skipped;     /* number of such lines */
};

/* Where the next bytes belong, and how many fit: *size is 0 until lines_next() has returned
 * NULL, and never afterwards. */
char *lines_room(struct lines *l, size_t *size);
/* After n bytes have been put there. */
void lines_added(struct lines *l, size_t n);
/* The next complete line, *size bytes without its line feed, which may contain any byte; it
 * is valid until the next call of lines_room(). NULL: there is none yet. */
const char *lines_next(struct lines *l, size_t *size);

#endif
