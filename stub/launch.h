/* The start of a sandbox: from the options to the engine's client, which this process becomes.
 */
#ifndef STUB_LAUNCH_H
#define STUB_LAUNCH_H

#include "cli.h"
#include "log.h"
#include "plan.h"
#include "reaper.h"

/* A process that remains beside the engine's client, of which the start knows no more. Both
 * return 0, or -1 with *t filled. */
struct companion {
	/* Looks whether there can be one, before anything is created. */
	int (*plan)(void *state, struct plan *p, const struct cli *c, struct error *t);
	int (*start)(void *state, const struct reaper *r, struct error *t);
	void *state;
};

/*
 * Builds the engine's command line for one sandboxed Codex, creates what must exist beforehand,
 * and executes the engine. Nothing is created before all checks have passed. Returns only 0
 * after --dry-run, or -1 with *t filled.
 */
int launch(const struct cli *c, const struct companion *other, struct error *t);

#endif
