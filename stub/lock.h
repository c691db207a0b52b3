/*
 * One start at a time for each container's name. engine_check() can't see a container that
 * another start is about to create; both would then move the same files of the last session
 * aside, one of them from under the other's engine.
 *
 *	~/.local/state/codex-sandbox/CONTAINER/lock
 */
#ifndef STUB_LOCK_H
#define STUB_LOCK_H

#include "engine.h"
#include "plan.h"

/*
 * Takes the lock (flock(2)): p->lock is its descriptor, or -1 where there is no such directory
 * or file system for it. It isn't kept over the exec; the processes that remain beside the
 * engine's client (reaper.h) have it, and end with that client. Waits a moment for those of a
 * session that has just ended. Returns 0; 1 if it had to wait, so that what was found before is
 * to be looked at again; or -1 with *t filled if another start has it.
 */
int lock_take(struct plan *p, const struct engine *e, struct error *t);

#endif
