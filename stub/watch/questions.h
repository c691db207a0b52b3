/*
 * The questions that wait for an answer, in the order in which they were asked. Pure; times
 * are milliseconds of a clock that only goes forward.
 */
#ifndef STUB_WATCH_QUESTIONS_H
#define STUB_WATCH_QUESTIONS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "message.h"

struct question {
	uint64_t id;
	char name[NAME_TEXT], rule[MESSAGE_RULE], who[BOUND_WATCH_STRING];
	uint16_t port;
	bool is_new;
	int64_t asked, deadline;
	bool notified; /* to the command of --notify */
};

/* Zero-initialised, there are none. question[0] is the one to be answered next. */
struct questions {
	struct question question[BOUND_WATCH_QUESTIONS];
	size_t count;
};

/* Adds a MESSAGE_QUESTION. If one with this id waits already, it is asked again, and waits
 * longer. False if there are too many. */
bool questions_add(struct questions *q, const struct message *m, int64_t now);
/* The question with this id, or NULL. */
struct question *questions_find(struct questions *q, uint64_t id);
/* Removes it, if it is there; *copy, if not NULL, becomes it. */
bool questions_remove(struct questions *q, uint64_t id, struct question *copy);
/* Removes one whose time is over, and returns true with *out filled; false if there is none. */
bool questions_expire(struct questions *q, int64_t now, struct question *out);

#endif
