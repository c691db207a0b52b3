/*
 * What `codex-egress status` shows: the state of the sandbox, for people.
 */
#ifndef INIT_MONITOR_REPORT_H
#define INIT_MONITOR_REPORT_H

#include <stdio.h>

#include "../gate/gate_ipc.h"
#include "../nft/wall.h"
#include "events.h"
#include "status.h"

#define REPORT_WORKERS 4

struct report_worker {
	const char *name;
	pid_t pid; /* 0: it is down */
	unsigned restarts;
};

/* What there is to tell; all of it is somebody else's and only read. */
struct report {
	const struct status *status;
	const struct policy *policy;
	const struct events *events;
	struct wall *wall;
	const struct wall_config *config;
	const struct gate_counters *gate; /* NULL: there is no gate */
	long long uptime;                 /* seconds */
	struct report_worker workers[REPORT_WORKERS];
	size_t workers_count;
};

/* Writes the report; its sets are read from the kernel now. What can't be read is told in the
 * text. */
void report_status(const struct report *r, FILE *to);

/* Counts as events what the wall has refused by address, with the reasons that the policy and
 * the wall's own config know. Returns 0, or -1 with *f filled. */
int report_refusals(
	struct events *e, struct wall *w, const struct wall_config *c, struct failure *f);

#endif
