/*
 * The events that were kept of a project's sessions (trail.h), read back: each line is held to
 * be what anybody might have written, since a file on this machine can be edited.
 */
#ifndef STUB_TRAIL_READ_H
#define STUB_TRAIL_READ_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "plan.h"

/* A line, with the texts that it has, as written and printable, "" for none. */
struct trail_event {
	const char *line; /* not terminated */
	size_t size;
	char time[32], event[24], name[256], address[48], reason[256], rule[256], by[64];
	char request[256];               /* to the broker */
	char program[256], command[256]; /* of who asked; command is its command line */
	int64_t port, count, pid;        /* 0: none */
};

/* What is taken of a line: everything, or only event, name and by as codex-init writes them, in
 * a fraction of the time: for what was asked for in ten sessions. */
enum trail_part { TRAIL_ALL, TRAIL_NAMES };

/* Called for each event, oldest first. */
typedef void trail_visit(void *context, const struct trail_event *e);

/*
 * Reads the events of one session of the plan's project: 0 is the last one, and so on. Lines
 * that are no events are left out. Returns 1; 0 if there is no such file; -1 with *t filled.
 * state_find() must have succeeded.
 */
int trail_read(struct plan *p, unsigned session, enum trail_part part, trail_visit *visit,
	void *context, struct error *t);

/* The file that a start makes of the names in the sessions before it (trail.h), a line for
 * each; and visits them. Returns the same. */
#define TRAIL_KNOWN "known"
typedef void trail_visit_name(void *context, const char *name);
int trail_read_known(struct plan *p, trail_visit_name *visit, void *context, struct error *t);

/* Takes the line apart. False if it isn't an event. Pure. */
bool trail_parse(const char *line, size_t size, struct trail_event *out);

#endif
