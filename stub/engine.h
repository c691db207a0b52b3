/*
 * The container engine's own program: found in PATH, asked whether it can do the job, and at
 * last executed in our place. Never by way of a shell.
 */
#ifndef STUB_ENGINE_H
#define STUB_ENGINE_H

#include <stdbool.h>

#include "note.h"
#include "pool.h"

/* "docker" or "podman": the one wanted, else the one that is installed, docker first; docker
 * where neither is. */
const char *engine_choose(struct pool *p, const char *wanted);

/* What is known of an engine that can do the job. */
struct engine {
	const char *program; /* its path */
	bool here; /* it runs on this very kernel: files have the numbers there that we see */
};

/* Can the engine run this image under this name? Asks it, and returns 0 with *e filled, or -1
 * with *t filled: the engine isn't installed, isn't running, doesn't have the image
 * (STATUS_NO_SANDBOX), or a container of this name exists (STATUS_REFUSED). */
int engine_check(struct pool *p, const char *engine, const char *image, const char *name,
	struct engine *e, struct trouble *t);

/* Becomes the engine. Returns only when that failed: -1 with *t filled. */
int engine_become(const char *program, const struct words *argv, struct trouble *t);

#endif
