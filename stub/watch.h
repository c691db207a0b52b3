/*
 * A container outlives the engine's client: where that is killed, or dies of a closed pipe
 * (`codex-sandbox ... | head`), it would run on with nobody to see what it does. So a process
 * of ours stays, outside of the client's session, waits for its end, and ends the container
 * where it is still there.
 */
#ifndef STUB_WATCH_H
#define STUB_WATCH_H

#include "engine.h"
#include "log.h"
#include "arena.h"

/* Sets ARGV_RUN in our environment, and starts a process that waits for the end of this one,
 * which is to become the engine's client. Returns 0, or -1 with *t filled. Where the kernel has
 * no pidfd_open(2) (before 5.3) there is no such process, and nothing is said. */
int watch_start(const struct engine *e, const char *name, struct arena *p, struct error *t);

#endif
