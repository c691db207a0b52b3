/*
 * A container outlives the engine's client: if that is killed, or gets SIGPIPE
 * (`codex-sandbox ... | head`), the container would continue unseen. So a process of ours
 * remains outside of the client's session, waits for the client to exit, and ends the
 * container if it still exists.
 */
#ifndef STUB_REAPER_H
#define STUB_REAPER_H

#include "engine.h"
#include "log.h"
#include "arena.h"

/*
 * Sets ARGV_RUN in our environment, and starts a process that waits for the end of this one,
 * which is to become the engine's client. Returns 0, or -1 with *t filled. If the kernel has
 * no pidfd_open(2) (before 5.3), does nothing and returns 0.
 */
int reaper_start(const struct engine *e, const char *name, struct arena *p, struct error *t);

/* For a process that waits in the same way: leaves the session, and closes what was
 * inherited from the client. */
void reaper_close_inherited(void);
/* Waits until the process of a pidfd has ended. */
void reaper_wait_for(int pidfd);

#endif
