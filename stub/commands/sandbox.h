/*
 * A sandbox that runs: found by its workdir as the start names its container, and only if it is
 * the caller's own, by the label that the start gives it; and commands in it, without a shell.
 */
#ifndef STUB_COMMANDS_SANDBOX_H
#define STUB_COMMANDS_SANDBOX_H

#include "../engine.h"
#include "../plan.h"
#include "commands.h"

struct sandbox {
	struct plan plan; /* by plan_place(); the request has the container's name */
	struct engine engine;
	struct string_list names; /* the container that is looked for, or those */
	const char *id;      /* the container's, so that no later one of its name is meant */
	const char *wall;    /* what enforces the rules, as the start has it */
	const char *workdir; /* absolute and resolved */
	bool none;           /* there is none, not even another's */
};

/*
 * Finds the sandbox of `workdir` (NULL: of --work_dir, or of the current directory or the
 * nearest one around it that has one), with the engine of --engine, or with docker and then
 * podman. Returns 0, or -1 with *t filled: there is none, or it is another user's
 * (STATUS_REFUSED), or the engine can't be asked (STATUS_NO_SANDBOX). Call sandbox_free() in
 * both cases.
 */
int sandbox_find(struct sandbox *s, struct call *call, const char *workdir, struct error *t);
void sandbox_free(struct sandbox *s);

/*
 * The same, for what runs in the container: refused as well where its command may have replaced
 * what would be run (STATUS_REFUSED), since that would be outside of the cell.
 */
int sandbox_find_inside(
	struct sandbox *s, struct call *call, const char *workdir, struct error *t);

/* Becomes `ENGINE words...`, words ending with NULL. Returns only on failure: -1 with *t
 * filled. */
int sandbox_become(struct sandbox *s, const char *const *words, struct error *t);
/* Runs the same with our input and output. Returns its exit status, or -1 with *t filled. */
int sandbox_run(struct sandbox *s, const char *const *words, struct error *t);

/* Who gives a rule, for the events: the user's name, 63 printable characters at most. */
const char *sandbox_caller(struct sandbox *s);

#endif
