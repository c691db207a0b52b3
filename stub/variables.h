/*
 * --env-file: variables for the container from a file, in the syntax of the engines' own
 * option. It is parsed by the launcher because a file of a project's may have been written
 * by anybody: variables that affect the sandbox itself are left out. The values are passed
 * to the engine's client in a memory file, so that they appear on no command line and aren't
 * part of the client's own environment.
 */
#ifndef STUB_VARIABLES_H
#define STUB_VARIABLES_H

#include <stdbool.h>
#include <stddef.h>

#include "cli.h"
#include "plan.h"

struct variable {
	const char *name, *value; /* value: NULL if the line is only a name */
	size_t name_size, value_size;
};

/*
 * Parses the line at the beginning of text, which is not empty. *v has no name if the line
 * is empty or a comment. Returns its size including the newline, or 0 with *why set if it is
 * invalid. Pure.
 */
size_t variables_line(const char *text, size_t size, struct variable *v, const char **why);

/* True for a name that no file may set: one of codex-init's, a proxy's, the home's. Pure. */
bool variables_is_owned(const char *name, size_t size);

/* Reads the given files into the request's file_env, as NAME=VALUE; names alone get their
 * value from our environment, if any. Returns 0, or -1 with *t filled. */
int variables_take(struct plan *p, const struct cli *c, struct error *t);

/* Creates the memory file, which remains open across exec(), and sets the request's
 * env_file. Does nothing if there are no variables. Returns 0, or -1 with *t filled. */
int variables_hand_over(struct plan *p, struct error *t);

#endif
