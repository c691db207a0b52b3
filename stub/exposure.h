/* Places that are better not shown to a container, read-only or not, and why. */
#ifndef STUB_EXPOSURE_H
#define STUB_EXPOSURE_H

#include <sys/types.h>

#include "plan.h"

/* What mounting this resolved path read-only would expose, in words that go on from "it would
 * expose "; NULL: nothing that has to be asked about. */
const char *exposure_of(struct plan *p, const char *real, mode_t mode);

#endif
