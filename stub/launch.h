/* The start of a sandbox: from the options to the engine's client, which this process becomes.
 */
#ifndef STUB_LAUNCH_H
#define STUB_LAUNCH_H

#include "cli.h"
#include "log.h"

/*
 * Builds the engine's command line for one sandboxed Codex, creates what must exist beforehand,
 * and executes the engine. Nothing is created before all checks have passed. Returns only 0
 * after --dry-run, or -1 with *t filled.
 */
int launch(const struct cli *c, struct error *t);

#endif
