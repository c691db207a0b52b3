/*
 * A container outlives the engine's client: if that is killed, or gets SIGPIPE
 * (`codex-sandbox ... | head`), the container would continue unseen. So a process of ours
 * remains outside of the client's session, waits for the client to exit, and ends the
 * container if it still exists.
 */
#ifndef STUB_REAPER_H
#define STUB_REAPER_H

#include <stdbool.h>

#include "arena.h"
#include "ask.h"
#include "engine.h"
#include "log.h"

/* What a process that remains knows. */
struct reaper {
	const struct engine *engine;
	const char *name;   /* of the container; by then it may be the next session's */
	const char *format; /* of the engine's answer that tells whether it is ours */
	int pidfd; /* of the client; -1: the kernel has no pidfd_open(2) (before 5.3) */
	int lock;  /* closed once the client has ended (lock.h); -1: there is none */
};

/* Sets ARGV_RUN in our environment, and fills *r about this process, which is to become the
 * engine's client; r->lock is the caller's to fill. Returns 0, or -1 with *t filled. */
int reaper_prepare(struct reaper *r, const struct engine *e, const char *name, struct arena *p,
	struct error *t);

/* Starts the process that waits for the end of this one. Does nothing without a pidfd. Returns
 * 0, or -1 with *t filled. */
int reaper_start(const struct reaper *r, struct error *t);

/* Asks the engine for this run's container. True if it is there: a->line is its id. */
bool reaper_find(const struct reaper *r, struct ask *a);

/* For a process that waits in the same way: leaves the session, and closes what was
 * inherited from the client. */
void reaper_close_inherited(void);
/* Waits until the process of a pidfd has ended. */
void reaper_wait_for(int pidfd);

#endif
