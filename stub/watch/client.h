/*
 * `ENGINE exec -i CONTAINER codex-egress watch` (or follow), with pipes: the lines of the
 * sandbox's decisions, and what is answered. The engine's client gets a session of its own, so
 * that neither the keys of the terminal nor its end reach it.
 */
#ifndef STUB_WATCH_CLIENT_H
#define STUB_WATCH_CLIENT_H

#include <stdbool.h>
#include <sys/types.h>

#include "../bounds.h"
#include "../engine.h"
#include "lines.h"

struct client {
	pid_t child; /* 0: there is none */
	int in, out, complaints;
	struct lines lines;
	char complaint[BOUND_COMPLAINT]; /* the first line of its standard error */
	size_t complaint_size;
};

/* Starts it for the container with this id; `by` is who answers, NULL if nobody does: then no
 * question waits for us. Returns 0, or -1 with errno set. */
int client_start(struct client *c, const struct engine *e, const char *id, const char *by);
/* Sends a line (without its line feed). False if it can't be taken at once. */
bool client_send(struct client *c, const char *line);
/* Reads from `out` into c->lines, after poll(2) has found something there. Returns false at the
 * end. */
bool client_read(struct client *c);
/* Reads from `complaints` in the same way; closes it at its end. */
void client_complain(struct client *c);
/* Ends it, if it has to be, and closes the pipes. Returns its exit status, or -1 if it was
 * killed. */
int client_end(struct client *c);

#endif
