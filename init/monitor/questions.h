/*
 * The questions that stand: names that no rule decides, for which the gate holds connections.
 * Pure. One that is over is remembered for a while: what comes too late decides the next try.
 */
#ifndef INIT_MONITOR_QUESTIONS_H
#define INIT_MONITOR_QUESTIONS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "../lib/name.h"

struct question {
	uint32_t number; /* from 1 on; 0: free */
	bool stands;
	uint16_t port;
	int64_t until; /* clock_ms() */
	char name[NAME_TEXT];
};

struct questions {
	uint32_t last; /* the number of the latest */
	struct question place[LIMIT_ASKED];
};

/*
 * The question about a name and port that stands until then: a new one, or the one that stands
 * already, with the new time. Returns NULL if there is no room. It is valid until the next
 * call.
 */
struct question *questions_put(
	struct questions *q, const char *name, uint16_t port, int64_t until, int64_t now);
/* The one that stands about this, or NULL. */
struct question *questions_about(struct questions *q, const char *name, uint16_t port);
/* By its number, whether it stands or not; NULL: unknown, or forgotten. */
const struct question *questions_find(const struct questions *q, uint32_t number);

#endif
