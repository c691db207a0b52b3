/*
 * What `codex-sandbox watch` does with a line of the container's and with a key: what is
 * printed, what is sent back, what is kept for the project. Pure: the clock and the width of
 * the terminal are given, and everything it wants done is a call of `act`.
 */
#ifndef STUB_WATCH_SESSION_H
#define STUB_WATCH_SESSION_H

#include <stdbool.h>
#include <stdint.h>

#include "lines.h"
#include "questions.h"
#include "view.h"

enum session_act {
	SESSION_PRINT, /* text is a row, without its line feed */
	SESSION_SEND,  /* text is a line for codex-egress, without its line feed */
	SESSION_ALLOW, /* text is a rule to keep for the project */
	SESSION_DENY,
};

struct session {
	void (*act)(void *context, enum session_act what, const char *text);
	void *context;
	/* True for a name that no earlier session had; NULL: that isn't known. */
	bool (*is_new)(void *context, const char *name);
	struct view view;
	bool answers; /* there is somebody at the keys */
	bool greeted; /* a hello was received */
	bool quit;    /* q was pressed */
	int64_t ask;  /* how long the sandbox asks; 0: it doesn't */
	struct questions questions;
	uint64_t shown; /* the question that the keys are for, and from when on */
	int64_t keys_from;
	uint64_t opened, refused, asked, unreadable;
};

/* A line of codex-egress. clock is the time of day, now a clock that only goes forward, in
 * milliseconds. */
void session_line(
	struct session *s, const char *line, size_t size, const char *clock, int64_t now);
/* Lines that were too long. */
void session_skipped(struct session *s, size_t lines, const char *clock);
/* A key. */
void session_key(struct session *s, char key, const char *clock, int64_t now);
/* Removes questions whose time is over. Returns how long until the last row changes, in
 * milliseconds, or -1. */
int session_tick(struct session *s, const char *clock, int64_t now);
/* The connection has ended, and with it its questions. */
void session_lost(struct session *s);
/* The last row of the screen: a question, or the counters. */
void session_status(struct session *s, int64_t now, struct view_row *out);
/* What was counted: "3 opened, 12 refused, 1 asked". */
void session_summary(const struct session *s, char *out, size_t size);

#endif
