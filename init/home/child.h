/*
 * Work done in a forked child, which can drop root's ids without PID 1 losing them. The
 * result is returned in shared memory.
 */
#ifndef INIT_HOME_CHILD_H
#define INIT_HOME_CHILD_H

#include <stddef.h>
#include <sys/types.h>

#include "../lib/say.h"

/* Runs in the child. Returns 0, or -1 with *f filled. */
typedef int child_work(void *context, void *result, struct failure *f);

/*
 * Forks, runs work(context, ...) in the child and waits for it. result, of size bytes, is
 * copied to the child and back; NULL and 0 if there is none. Returns what work returned; -1
 * with *f filled if the child dies first. Memory, open files and ids of the child are its
 * own.
 */
int child_run(child_work *work, void *context, void *result, size_t size, struct failure *f);

/*
 * As child_run(), without a result, for at most so many milliseconds: then the child is killed,
 * -1 is returned and *f stays as it was. It isn't waited for: one that is stuck in the kernel
 * may never end.
 */
int child_run_for(int milliseconds, child_work *work, void *context, struct failure *f);

/* As child_run(), but as uid:gid without any privilege (privileges_drop()). before, if not
 * NULL, runs first with the caller's ids. */
int child_run_as(uid_t uid, gid_t gid, child_work *before, child_work *work, void *context,
	void *result, size_t size, struct failure *f);

#endif
