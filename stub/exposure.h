/* Places that shouldn't be mounted into a container, not even read-only, and why. */
#ifndef STUB_EXPOSURE_H
#define STUB_EXPOSURE_H

#include <stdbool.h>
#include <sys/types.h>

#include "plan.h"

/* What mounting this resolved path read-only would expose, as a phrase that follows "it
 * would expose "; NULL if there is no need to ask. */
const char *exposure_of(struct plan *p, const char *real, mode_t mode);

/* Whether a resolved directory is one that the machine consists of: programs everywhere obey
 * what is changed in it, and to give it to a user would break the machine. */
bool exposure_machine(const char *real);

#endif
