/*
 * Which names an address was opened for. A flow that the wall has approved goes on without its
 * pin, and the kernel knows addresses only: so that a rule denied later can end it, PID 1
 * remembers. Private to this room.
 */
#ifndef INIT_WALL_BONDS_H
#define INIT_WALL_BONDS_H

#include "../policy/policy.h"
#include "wall.h"

struct bonds; /* opaque; NULL is an empty one */

/* Notes that the address is opened for the name. The oldest of LIMIT_BONDS gives way. */
void bonds_note(struct bonds **b, const char *name, const struct address *a);

/*
 * Shuts in the wall what was denied after the start: the networks, and each address and port
 * that was opened for names that have lost the port, unless another name's or a rule for
 * networks opens it: the wall can't tell these apart. Returns 0, or -1 with *f filled.
 */
int bonds_cut(struct bonds **b, const struct policy *p, struct wall *w, struct failure *f);
/* Is something at this address shut by bonds_cut()? Where it is opened anew for a name, that
 * has to be called once more. */
bool bonds_is_cut(const struct bonds *b, const struct address *a);
/* How many have given way. */
uint64_t bonds_forgotten(const struct bonds *b);
void bonds_free(struct bonds *b);

#endif
