/*
 * Index of the names an address was opened for. A connection that the wall has approved
 * outlives its pin, and the kernel knows only addresses: so PID 1 keeps this, in order that
 * a runtime rule can end such connections.
 */
#ifndef INIT_MONITOR_PIN_INDEX_H
#define INIT_MONITOR_PIN_INDEX_H

#include "../nft/wall.h"
#include "../policy/policy.h"

struct pin_index; /* opaque */

/* Returns an empty index, or NULL if out of memory. */
struct pin_index *pin_index_new(void);

/*
 * Records that the address is opened for the name, replacing the oldest of LIMIT_PIN_INDEX
 * entries. Returns true if the entry is new and something at the address is closed; then
 * pin_index_cut() must be called again.
 */
bool pin_index_note(struct pin_index *index, const char *name, const struct address *a);

/*
 * Closes in the wall what is no longer allowed: each address and port that was opened for
 * names that have lost the port, unless another name or a network rule opens it, which the
 * wall can't tell apart. With networks, also applies the network rules. Returns 0, or -1 with
 * *f filled.
 */
int pin_index_cut(struct pin_index *index, const struct policy *p, bool networks,
	struct wall *w, struct failure *f);
/*
 * Calls each() for every name and address, starting where the last walk with this cursor (0 at
 * first) stopped, until it returns false or all were visited.
 */
void pin_index_walk(const struct pin_index *index, size_t *cursor,
	bool (*each)(void *context, const char *name, const struct address *a), void *context);
/* The number of entries replaced. */
uint64_t pin_index_forgotten(const struct pin_index *index);
void pin_index_free(struct pin_index *index);

#endif
