/*
 * --env-file: variables for the container from a file, as the engines' own option reads one.
 * Here it is read by the launcher, since a file of a project's may have been written by
 * anybody: what decides about the sandbox itself is left out. The values reach the engine's
 * client by a file in memory, so they are on no command line, and can't be the client's own
 * environment.
 */
#ifndef STUB_VARIABLES_H
#define STUB_VARIABLES_H

#include <stdbool.h>
#include <stddef.h>

#include "cli.h"
#include "plan.h"

struct variable {
	const char *name, *value; /* value: NULL where the line is a name alone */
	size_t name_size, value_size;
};

/* Reads the line at the beginning of text, which is not empty. *v has no name where the line is
 * empty or a comment. Returns its size with its end, or 0 with *why: it can't be read. Pure. */
size_t variables_line(const char *text, size_t size, struct variable *v, const char **why);

/* Is this a name that no file may set: one of codex-init's, a proxy's, the home's? Pure. */
bool variables_is_owned(const char *name, size_t size);

/* Reads the files that were named into the request's file_env, as NAME=VALUE; names alone get
 * the value of our environment, where they have one. Returns 0, or -1 with *t filled. */
int variables_take(struct plan *p, const struct cli *c, struct error *t);

/* Makes the file in memory, which stays open over exec(), and sets the request's env_file. Does
 * nothing where there are no variables. Returns 0, or -1 with *t filled. */
int variables_hand_over(struct plan *p, struct error *t);

#endif
