/*
 * Rate limit on upstream queries for a rule, or a name, in any minute. Each query carries a
 * little information to whoever answers for the name: the part below a wildcard, and its
 * time.
 *
 * Counted in slots of five seconds. Any sixty seconds lie within thirteen slots, so these
 * never hold more than is allowed. The counts are in memory that outlives the resolver
 * process, so a restart doesn't reset them.
 */
#ifndef INIT_RESOLVER_RATION_H
#define INIT_RESOLVER_RATION_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define RATION_SLOTS   13
#define RATION_SLOT_MS 5000

struct ration {
	int64_t slot; /* the newest slot counted */
	uint8_t used[RATION_SLOTS];
};

/* Shared memory for `count` of them, zeroed; NULL with errno. */
struct ration *ration_new(size_t count);

/* Whether one more query may be sent now (milliseconds, never less than in the last call).
 * `most`, at most 255, is the limit in any minute. ration_take() also counts it. */
bool ration_left(const struct ration *r, int64_t now, unsigned most);
bool ration_take(struct ration *r, int64_t now, unsigned most);

#endif
