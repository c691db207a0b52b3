/* The names that a project's sessions have asked for, as far as their events were kept. */
#ifndef STUB_NAMES_H
#define STUB_NAMES_H

#include <stdint.h>

#include "plan.h"

/* Host names, each once, in the order in which they were first asked for. */
struct names {
	struct arena arena;
	struct string_list list;
	const char **table; /* where to find one */
	uint64_t secret[2]; /* by which */
};

/* Those that were asked for in the sessions before the last one, as far as they were kept: as
 * the last start found them, or, where it left no such file, from the events. */
int names_of_earlier(struct plan *p, struct names *n, struct error *t);
/* The same where that is only said by the way: what can't be read leaves none. */
void names_known(struct plan *p, struct names *n);
/* Those of the last session, or of the one that runs; after names_known(). */
void names_of_last(struct plan *p, struct names *n);
bool names_have(const struct names *n, const char *name);
void names_free(struct names *n);

#endif
