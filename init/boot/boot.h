/*
 * The boot: stages in a fixed order, each all or nothing. From the stage `wall` on, nothing
 * gets out but what the policy allows; if a stage fails, the container ends before anything
 * unprivileged has run.
 */
#ifndef INIT_BOOT_BOOT_H
#define INIT_BOOT_BOOT_H

#include "../lib/exit_status.h"
#include "../monitor/monitor.h"
#include "options.h"

/* Boots, runs the command, and returns the exit status. */
int boot_run(struct options *o, struct monitor *m);

/* --check: compiles the policy and prints it, or explains its decision about one target;
 * changes nothing. Returns the exit status; with --explain 0 if allowed, 1 if refused. */
int boot_check(struct options *o);

#endif
