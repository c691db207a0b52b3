/*
 * Rows of text for a terminal or a file: cut to a width, coloured where that is wanted. Pure.
 * What is printed is printable ASCII (message.h), so a byte is a column.
 */
#ifndef STUB_WATCH_VIEW_H
#define STUB_WATCH_VIEW_H

#include <stdbool.h>
#include <stddef.h>

#include "message.h"
#include "questions.h"

struct view {
	unsigned width; /* columns, BOUND_WATCH_WIDTH at most */
	bool colour;
};

/* A row, with room for the colours of its parts. */
#define VIEW_ROW (BOUND_WATCH_WIDTH + 256)
struct view_row {
	char text[VIEW_ROW]; /* without a line feed */
	size_t used, columns;
	bool cut;
};

/* What counts in the summary. */
enum view_count { VIEW_OPENED, VIEW_REFUSED, VIEW_ASKED, VIEW_OTHER, VIEW_HIDDEN };

/* The row of an event, after this time of day ("12:04:05"). Returns what it counts as;
 * VIEW_HIDDEN: it isn't for people, and the row is empty. */
enum view_count view_event(
	const struct view *v, const char *clock, const struct message *m, struct view_row *out);

/* A row of the form TIME VERB WHAT REASON, as an event's. `verb` is one of those that
 * events have, or another word; `who` may be "". */
void view_line(const struct view *v, const char *clock, const char *verb, const char *what,
	const char *reason, const char *who, struct view_row *out);

/* NAME:PORT in at most `columns`: of one that is too long the end is shown, since that tells
 * whose name it is. */
void view_target(const struct question *q, size_t columns, char out[MESSAGE_RULE]);

/* The last row of the screen while a question waits: what is asked, the keys, the seconds
 * that are left, and how many more wait. */
void view_question(const struct view *v, const struct question *q, size_t waiting, int64_t now,
	struct view_row *out);

/* A row of text as it is. */
void view_plain(const struct view *v, const char *text, struct view_row *out);

#endif
