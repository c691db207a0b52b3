/* A project whose sessions are over or under way: what was kept of them on this machine. */
#ifndef STUB_COMMANDS_PROJECT_H
#define STUB_COMMANDS_PROJECT_H

#include "../plan.h"
#include "commands.h"

/* Fills *p with the place of the workdir (NULL: --work_dir, else the current directory), and of
 * its events (state_find()). Returns 0, or -1 with *t filled. Call plan_free() in both cases.
 */
int project_find(struct plan *p, struct call *call, const char *workdir, struct error *t);

/* Host names, each once, in the order in which they were first asked for. */
struct names {
	struct arena arena;
	struct string_list list;
	const char **table; /* where to find one */
};

/* Those that were asked for in the sessions before the last one, as far as they were kept. */
int names_of_earlier(struct plan *p, struct names *n, struct error *t);
/* The same where that is only said by the way: what can't be read leaves none. */
void names_known(struct plan *p, struct names *n);
/* Those of the last session, or of the one that runs; after names_known(). */
void names_of_last(struct plan *p, struct names *n);
bool names_have(const struct names *n, const char *name);
void names_free(struct names *n);

#endif
