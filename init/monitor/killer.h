/*
 * A process that ends what the payload leaves behind, on time.
 *
 * Processes that fork without end leave PID 1 a small share of the processor, which it spends
 * on reaping them. With a hundred such chains it was seen to learn of the payload's end seconds
 * late, and each of its next steps took seconds more. A process that has slept gets the
 * processor at once; so this one sleeps until the payload has ended, and makes a handful of
 * system calls.
 */
#ifndef INIT_MONITOR_KILLER_H
#define INIT_MONITOR_KILLER_H

#include "monitor.h"

/*
 * Starts it for the payload, m->child. We must be PID 1. When the payload has ended it sends
 * TERM to everything in the namespace, and after LIMIT_GRACE_MS, or when it is told to, KILL to
 * what runs as uid (the payload's) or as root; PID 1 and the workers live. Without it (a kernel
 * before 5.3, no process to be had) PID 1 does all that itself, if later.
 */
void killer_start(struct monitor *m, uid_t uid);
/* Tells it to be done, and waits until it is: it signals nobody after that. */
void killer_end(struct monitor *m);
/* It was reaped: there is none any more. */
void killer_ended(struct monitor *m);

#endif
