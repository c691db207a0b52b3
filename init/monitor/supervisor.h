/*
 * Supervision of a worker process by PID 1: start, messages, restart when it ends. While it
 * is down, what it serves is closed; nothing opens.
 */
#ifndef INIT_MONITOR_SUPERVISOR_H
#define INIT_MONITOR_SUPERVISOR_H

#include <stdint.h>

#include "monitor.h"

/* Consecutive restarts, each after twice the previous delay; then it stays down. */
#define SUPERVISOR_RESTARTS 8
#define SUPERVISOR_DELAY_MS 50
/* After this uptime the count starts again. */
#define SUPERVISOR_STEADY_MS 60000
/* The longest message of a worker. */
#define SUPERVISOR_MESSAGE (16 * 1024)

/* The supervisor's callbacks; each gets the supervisor's context. */
struct supervisor_worker {
	const char *name; /* "resolver" */
	/* Forks it; first: during boot. Returns the pid with *channel set to our end of its
	 * SOCK_SEQPACKET pair, or -1 with *f filled. */
	pid_t (*start)(void *context, bool first, int *channel, struct failure *f);
	/*
	 * Handles one message of size octets, truncated to SUPERVISOR_MESSAGE. Returns 0, or
	 * -1 if it violates the protocol: the worker is then killed.
	 */
	int (*take)(void *context, const void *message, size_t size);
	/* The available messages have been handled: does what is better done for all of
	 * them, and replies by supervisor_reply(). May be NULL. */
	void (*taken)(void *context);
	/* Reports what happened to it, for events. dead: it isn't running now. */
	void (*tell)(void *context, const char *reason, bool dead);
	unsigned lives; /* how often it can be started at most; 0: no such limit */
};

struct supervisor {
	const struct supervisor_worker *worker;
	void *context;
	struct monitor *monitor;
	/* private, but may be read */
	pid_t pid;   /* 0: not running */
	int channel; /* -1: none */
	int timer;   /* -1: none */
	bool down;   /* it ended too often and isn't restarted */
	unsigned restarts, starts;
	int64_t started; /* clock_ms() */
};

/* Starts the worker for the boot; it is served in monitor_wait() and monitor_run(). Returns
 * 0, or -1 with *f filled. */
int supervisor_start(struct supervisor *k, struct failure *f);
/* Sends a message to the worker, if it is running and reads. Returns whether it was sent. */
bool supervisor_reply(struct supervisor *k, const void *message, size_t size);
/* Handles messages of this worker only, until *done, or its channel is closed, or the time
 * is up. Returns *done. */
bool supervisor_wait(struct supervisor *k, const bool *done, int milliseconds);
/* Call for every worker pid that ended; ignores those of others. */
void supervisor_ended(struct supervisor *k, pid_t pid, int status);
/* At the end: asks the worker to send its last report and exit. */
void supervisor_finish(struct supervisor *k);
/* After supervisor_finish(): handles its messages until it has exited or the time is up. */
void supervisor_settle(struct supervisor *k, int milliseconds);

#endif
