/*
 * The terminal of `codex-sandbox watch`: keys one at a time, rows that scroll, and a last row
 * that stays. Whatever ends the program, the terminal is left as it was found.
 */
#ifndef STUB_WATCH_SCREEN_H
#define STUB_WATCH_SCREEN_H

#include <stdbool.h>
#include <termios.h>

#include "../log.h"
#include "view.h"

struct screen {
	bool keys;  /* standard input is a terminal: keys are read */
	bool drawn; /* standard output is one that can redraw its last row */
	struct view view;
	struct termios before;
	bool raw;            /* the terminal isn't as it was */
	int signals;         /* a signalfd(2), to be polled */
	char last[VIEW_ROW]; /* what stands in the last row */
	bool gone;           /* nobody reads our output any more */
};

/* What a signal means, see screen_signal(). */
enum screen_event { SCREEN_NOTHING, SCREEN_RESIZED, SCREEN_QUIT };

/* Prepares terminal and signals. One screen a process. Returns 0, or -1 with *t filled. */
int screen_open(struct screen *s, struct error *t);
/* Puts everything back. */
void screen_close(struct screen *s);

/* Prints a row above the last one. */
void screen_print(struct screen *s, const char *row);
/* Replaces the last row, where there is one. */
void screen_status(struct screen *s, const char *row);
/* Removes the last row. */
void screen_clear(struct screen *s);
/* A question has come: rings the bell of a terminal, and forgets keys typed before it. */
void screen_alert(struct screen *s);

/* Reads a signal. Stops the process, if that is what it is for, and goes on when the process is
 * continued. After SCREEN_QUIT, *number is the signal. */
enum screen_event screen_signal(struct screen *s, int *number);

#endif
