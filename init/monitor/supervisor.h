/*
 * The life of a worker process as PID 1 sees it: started, listened to, started again when it
 * ends. What a worker serves is shut while it is down; nothing opens.
 */
#ifndef INIT_MONITOR_SUPERVISOR_H
#define INIT_MONITOR_SUPERVISOR_H

#include <stdint.h>

#include "monitor.h"

/* Restarts in a row, each after twice the delay of the one before; then it stays down. */
#define SUPERVISOR_RESTARTS 8
#define SUPERVISOR_DELAY_MS 50
/* A worker that lived this long begins a new row. */
#define SUPERVISOR_STEADY_MS 60000
/* The longest datagram of a worker. */
#define SUPERVISOR_MESSAGE (16 * 1024)

/* What a supervisor has to know of its worker. Every function gets the supervisor's context. */
struct supervisor_worker {
	const char *name; /* "resolver" */
	/* Forks it; first: for the boot. Returns the pid with *channel set to our end of its
	 * SOCK_SEQPACKET pair, or -1 with *f filled. */
	pid_t (*start)(void *context, bool first, int *channel, struct failure *f);
	/*
	 * Takes one datagram of size octets, cut at SUPERVISOR_MESSAGE. Returns 0, or -1 when
	 * it breaks the protocol: the worker is ended then.
	 */
	int (*take)(void *context, const void *message, size_t size);
	/* The datagrams at hand are taken: does with them what is better done together, and
	 * answers by supervisor_reply(). NULL: there is no such thing. */
	void (*taken)(void *context);
	/* Tells what became of it, for the events. dead: it isn't running now. */
	void (*tell)(void *context, const char *reason, bool dead);
};

struct supervisor {
	const struct supervisor_worker *worker;
	void *context;
	struct monitor *monitor;
	/* private, but to be read */
	pid_t pid;   /* 0: not running */
	int channel; /* -1: none */
	int timer;   /* -1: none */
	bool down;   /* it ended too often and isn't started again */
	unsigned restarts, starts;
	int64_t started; /* clock_ms() */
};

/* Starts the worker for the boot; it is served inside monitor_wait() and monitor_run(). */
int supervisor_start(struct supervisor *k, struct failure *f);
/* Sends a datagram to the worker, if it is there and reads. */
void supervisor_reply(struct supervisor *k, const void *message, size_t size);
/* Takes what this worker says, and serves nobody else, until *done is true or its channel
 * closes or the time is up. Returns *done. */
bool supervisor_wait(struct supervisor *k, const bool *done, int milliseconds);
/* To be called for every ended worker pid; ignores those that aren't its own. */
void supervisor_ended(struct supervisor *k, pid_t pid, int status);
/* At the very end: asks the worker to tell what it has held back, and to end. */
void supervisor_finish(struct supervisor *k);
/* After that: takes what it tells, until it has ended or the time is up. */
void supervisor_settle(struct supervisor *k, int milliseconds);

#endif
