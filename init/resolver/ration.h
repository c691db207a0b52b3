/*
 * How many questions may leave for a rule, or a name, in any minute. Each carries a little to
 * whoever answers for the name: the part below a wildcard, and when it was asked.
 *
 * Counted in slots of five seconds. Any sixty seconds lie within thirteen of them, so these
 * never hold more than is allowed. The counts are in memory that outlives the resolver's
 * process: one that is started again has no new ration.
 */
#ifndef INIT_RESOLVER_RATION_H
#define INIT_RESOLVER_RATION_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define RATION_SLOTS   13
#define RATION_SLOT_MS 5000

struct ration {
	int64_t slot; /* the newest of the slots that are counted */
	uint8_t used[RATION_SLOTS];
};

/* Shared memory for so many, all of it unused; NULL with errno: there is none. */
struct ration *ration_new(size_t count);

/* May one more question leave now (milliseconds, never less than at the last call)? `most`, at
 * most 255, is how many may in any minute. ration_take() counts it where it may. */
bool ration_left(const struct ration *r, int64_t now, unsigned most);
bool ration_take(struct ration *r, int64_t now, unsigned most);

#endif
