/*
 * The container engine's own program: found in PATH (programs.h), asked whether it can do the
 * job, and at last executed in our place. Never by way of a shell.
 */
#ifndef STUB_ENGINE_H
#define STUB_ENGINE_H

#include <stdbool.h>

#include "log.h"
#include "plan.h"

/* What is known of an engine. */
struct engine {
	const char *name;    /* "docker" or "podman" */
	const char *program; /* its path; NULL: there is none that may be run */
	bool passed_over;    /* there are others that may not (programs.h) */
};

/* Fills *e: the engine that is wanted (NULL: no matter), else the one that is
 * installed, docker first; docker where neither is. */
void engine_find(struct engine *e, struct plan *p, const char *wanted);

/* Can the engine do what p requests? Asks it, and returns 0, or -1 with *t
 * filled: the engine isn't installed, isn't running, doesn't have the image
 * (STATUS_NO_SANDBOX), a container of this name exists, or it would obey what the sandbox can
 * write (STATUS_REFUSED). */
int engine_check(struct engine *e, struct plan *p, struct error *t);

/* Becomes the engine. Returns only when that failed: -1 with *t filled. */
int engine_become(const char *program, const struct string_list *argv, struct error *t);

#endif
