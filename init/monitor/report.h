/*
 * The output of `codex-egress status`: the state of the sandbox.
 */
#ifndef INIT_MONITOR_REPORT_H
#define INIT_MONITOR_REPORT_H

#include <stdio.h>

#include "../gate/gate_ipc.h"
#include "../nft/wall.h"
#include "events.h"
#include "pin_index.h"
#include "status.h"

#define REPORT_WORKERS 5

struct report_worker {
	const char *name;
	pid_t pid; /* 0: not running */
	unsigned restarts;
};

/* The data of a report; nothing is owned. */
struct report {
	const struct status *status;
	const struct policy *policy;
	const struct events *events;
	struct wall *wall;
	const struct wall_config *config;
	const struct pin_index *names;    /* for which addresses were opened; NULL: unknown */
	const struct gate_counters *gate; /* NULL: no gate */
	long long uptime;                 /* seconds */
	struct report_worker workers[REPORT_WORKERS];
	size_t workers_count;
};

/* Writes the report, reading sets from the kernel. What can't be read is mentioned in the
 * text. */
void report_status(const struct report *r, FILE *to);

/* Writes the rules in force, runtime rules first; as many as fit into room bytes. */
void report_rules(const struct policy *p, size_t room, FILE *to);

/* Counts as events what the wall has refused by address, with reasons from the policy and
 * the wall's config. An address that was opened for a name on other ports counts as that name;
 * names may be NULL. Returns 0, or -1 with *f filled. */
int report_refusals(struct events *e, struct wall *w, const struct wall_config *c,
	const struct pin_index *names, struct failure *f);

#endif
