/*
 * A process that ends what the payload leaves behind, on time.
 *
 * Processes that fork endlessly leave PID 1 a small share of the CPU, which it spends
 * reaping them. With a hundred such chains it noticed the payload's end seconds late, and
 * each following step took seconds more. A process that has slept is scheduled at once; so
 * this one sleeps until the payload has ended, and makes a handful of system calls.
 */
#ifndef INIT_MONITOR_KILLER_H
#define INIT_MONITOR_KILLER_H

#include "monitor.h"

/*
 * Starts the killer for the payload, m->child. We must be PID 1. When the payload has ended
 * it sends TERM to everything in the namespace, and after LIMIT_GRACE_MS, or on
 * killer_end(), KILL to processes of uid (the payload's) and of root, except PID 1 and the
 * workers. Without it (a kernel before 5.3, fork failed) PID 1 does all that itself, if
 * later.
 */
void killer_start(struct monitor *m, uid_t uid);
/* Ends the killer and waits for it; it signals nobody after that. */
void killer_end(struct monitor *m);
/* Call when it has been reaped. */
void killer_ended(struct monitor *m);

#endif
