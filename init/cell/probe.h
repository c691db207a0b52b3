/*
 * Tests the cell: a child with the payload's ids and filter attempts to get out. The worker
 * must be running, and nothing of the user's may have run.
 */
#ifndef INIT_CELL_PROBE_H
#define INIT_CELL_PROBE_H

#include <stdint.h>
#include <sys/types.h>

#include "cell.h"

/* Returns 0 if all attempts fail and the gate, at 127.0.0.1:gate, can be reached; or -1 with
 * *f filled. */
int cell_probe(
	struct cell *c, int channel, uid_t uid, gid_t gid, uint16_t gate, struct failure *f);

#endif
