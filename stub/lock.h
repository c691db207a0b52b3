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
 * Takes the lock (fcntl(2), F_SETLK) for as long as this process lives, the engine's client
 * that it becomes included: such a lock survives execve(2), and children don't have it. Call it
 * behind engine_check(). Returns 0, also where there is no such directory or file system for
 * it; or -1 with *t filled if another start has it.
 */
int lock_take(struct plan *p, const struct engine *e, struct error *t);

#endif
