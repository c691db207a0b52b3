/*
 * The life of the resolver as PID 1 sees it: started, listened to, started again when it ends.
 * While it is down nothing opens: the payload's DNS is redirected to a socket that nobody
 * reads, and pins run out.
 */
#ifndef INIT_DNS_KEEPER_H
#define INIT_DNS_KEEPER_H

#include "../proc/monitor.h"
#include "../wall/pins.h"
#include "resolver.h"

/* Restarts in a row, each after twice the delay of the one before; then it stays down. */
#define KEEPER_RESTARTS 8
#define KEEPER_DELAY_MS 50
/* A worker that lived this long begins a new row. */
#define KEEPER_STEADY_SECONDS 60

struct keeper {
	struct resolver_config config;
	struct pins pins;
	struct monitor *monitor;
	/* what the resolver said of names at boot; for the warnings */
	void (*unresolved)(void *context, const struct resolver_message *m);
	void *context;
	bool settled; /* the boot's names are done with, or the worker ended before that */
	pid_t pid;    /* 0: not running */
	int channel;  /* -1: none */
	int timer;    /* -1: none */
	unsigned restarts;
	long long started; /* CLOCK_MONOTONIC, seconds */
};

/* Starts the worker for the boot; answers are served inside monitor_wait(). */
int keeper_start(struct keeper *k, struct failure *f);
/* To be called for every ended worker pid; ignores those that aren't its own. */
void keeper_ended(struct keeper *k, pid_t pid, int status);

#endif
