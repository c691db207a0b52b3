/*
 * A piece of work done in a forked child, so that it can give up root's ids without PID 1
 * losing them. What it found comes back through memory that both share.
 */
#ifndef INIT_HOME_CHILD_H
#define INIT_HOME_CHILD_H

#include <stddef.h>
#include <sys/types.h>

#include "../lib/say.h"

/* Runs in the child. Returns 0, or -1 with *f filled. */
typedef int child_work(void *context, void *result, struct failure *f);

/*
 * Forks, runs work(context, ...) in the child and waits for it. result, of size bytes, is what
 * the child left there (it starts as a copy of *result); NULL with size 0 where there is none.
 * Returns what work returned; a child that dies first is a failure. The child's memory, open
 * files and ids are its own.
 */
int child_run(child_work *work, void *context, void *result, size_t size, struct failure *f);

/* As child_run(), as uid:gid with no privilege left (privileges_drop()). Where before is not
 * NULL it runs first, still with the caller's ids. */
int child_run_as(uid_t uid, gid_t gid, child_work *before, child_work *work, void *context,
	void *result, size_t size, struct failure *f);

#endif
