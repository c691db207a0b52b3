/*
 * The container engine's client: found in PATH (programs.h), checked, and finally executed
 * in our place. Never through a shell.
 */
#ifndef STUB_ENGINE_H
#define STUB_ENGINE_H

#include <stdbool.h>

#include "log.h"
#include "plan.h"

/* What is known about an engine. */
struct engine {
	const char *name;    /* "docker" or "podman" */
	const char *program; /* its path; NULL: there is none that may be run */
	bool passed_over;    /* there are others that may not be run (programs.h) */
};

/* Fills *e: the wanted engine or, if wanted is NULL, the one that is installed, docker
 * first; docker if neither is. */
void engine_find(struct engine *e, struct plan *p, const char *wanted);

/* Before the engine is run: fails if there is none, or if the sandbox could write its settings,
 * and cleans our environment (programs.h). Returns 0, or -1 with *t filled. */
int engine_prepare(const struct engine *e, struct plan *p, struct error *t);

/* Returns 0 if the engine answers us, or -1 with *t filled (STATUS_NO_SANDBOX). */
int engine_answers(const struct engine *e, struct error *t);

/*
 * True if what runs in a container of this engine may be root of it, outside the user who runs
 * the engine: rootless Docker (or one that doesn't say). The image is its own then, and what
 * `exec` starts there, outside of the cell, could be its own as well.
 */
bool engine_shares_root(const struct engine *e);

/*
 * Asks the engine whether it can do what p requests. Returns 0, or -1 with *t filled: the
 * engine isn't installed, isn't running or doesn't have the image (STATUS_NO_SANDBOX), a
 * container of this name exists, or its settings are within reach of the sandbox
 * (STATUS_REFUSED).
 */
int engine_check(struct engine *e, struct plan *p, struct error *t);

/* A container of this name exists, in this state ("running" and the engine's other words). It
 * may be somebody else's, so it is left alone. Returns -1 with *t filled (STATUS_REFUSED). */
int engine_refuse_second(
	const struct plan *p, const char *engine, const char *state, struct error *t);

/* Executes the engine. Returns only on failure: -1 with *t filled. */
int engine_become(const char *program, const struct string_list *argv, struct error *t);

#endif
