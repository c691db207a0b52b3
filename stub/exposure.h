/* Places that shouldn't be mounted into a container, not even read-only, and why. */
#ifndef STUB_EXPOSURE_H
#define STUB_EXPOSURE_H

#include <sys/types.h>

#include "plan.h"

/* What mounting this resolved path read-only would expose, as a phrase that follows "it
 * would expose "; NULL if there is no need to ask. */
const char *exposure_of(struct plan *p, const char *real, mode_t mode);

#endif
