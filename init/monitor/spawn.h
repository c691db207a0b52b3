/*
 * Starting a program: from fork to exec; failures in the child are reported to the parent.
 */
#ifndef INIT_MONITOR_SPAWN_H
#define INIT_MONITOR_SPAWN_H

#include "monitor.h"

/*
 * Starts p; m->child is its pid once exec has happened. All signals must be blocked. Returns
 * 0, or -1 with *f filled, *exit_status EXIT_SANDBOX or execute()'s, and nothing left running.
 */
int spawn(struct monitor *m, const struct program *p, int *exit_status, struct failure *f);

/* Kills the program that was started, and reaps it. */
void spawn_undo(struct monitor *m);

/* True if any descriptor from 3 on is open. Checks LIMIT_INHERITED of them; true on failure. */
bool spawn_inherited_any(void);

/* Closes those that we were started with: nothing of ours is without close-on-exec. */
void spawn_close_inherited(void);

/* Closes every descriptor from 3 on (or sets close-on-exec). */
void spawn_close_descriptors(bool at_exec);

#endif
