/*
 * Which names an address was opened for. A flow that the wall has approved goes on without its
 * pin, and the kernel knows addresses only: so that a rule denied later can end it, PID 1
 * remembers.
 */
#ifndef INIT_MONITOR_PIN_INDEX_H
#define INIT_MONITOR_PIN_INDEX_H

#include "../nft/wall.h"
#include "../policy/policy.h"

struct pin_index; /* opaque */

/* Empty ones, or NULL. */
struct pin_index *pin_index_new(void);

/*
 * Notes that the address is opened for the name. The oldest of LIMIT_PIN_INDEX gives way. True:
 * that is new, and something at the address is shut; then pin_index_cut() has to be called once
 * more.
 */
bool pin_index_note(struct pin_index *b, const char *name, const struct address *a);

/*
 * Shuts in the wall what was denied after the start: the networks, and each address and port
 * that was opened for names that have lost the port, unless another name's or a rule for
 * networks opens it: the wall can't tell these apart. Returns 0, or -1 with *f filled.
 */
int pin_index_cut(
	struct pin_index *b, const struct policy *p, struct wall *w, struct failure *f);
/* How many have given way. */
uint64_t pin_index_forgotten(const struct pin_index *b);
void pin_index_free(struct pin_index *b);

#endif
