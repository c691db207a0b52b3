/*
 * The boot: stages in a fixed order, each all or nothing. From the stage `wall` on nothing
 * leaves but what the policy allows; a stage that fails ends the container before anything
 * unprivileged has run.
 */
#ifndef INIT_BOOT_BOOT_H
#define INIT_BOOT_BOOT_H

#include "../lib/exit_status.h"
#include "../monitor/monitor.h"
#include "options.h"

/* Boots, runs the command to its end, and returns the exit status. */
int boot_run(struct options *o, struct monitor *m);

/* --check: compiles the policy, prints it or explains what it says of one target, changes
 * nothing. Returns the exit status: of --explain 0 allowed, 1 refused. */
int boot_check(struct options *o);

#endif
