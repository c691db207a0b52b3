/*
 * The closing report, on the host: at the end codex-init reports what was refused, and which
 * files that programs on the host take instructions from have changed. On the terminal, the
 * payload could hide that or scroll it away. So it is also written to a file outside the
 * workdir, mounted below a directory of the container that only root may enter:
 *
 *	~/.local/state/codex-sandbox/reports/CONTAINER.txt	(state.h)
 *
 * The previous session's report is renamed to CONTAINER.DATE-TIME.txt; the newest of these
 * are kept.
 */
#ifndef STUB_REPORT_H
#define STUB_REPORT_H

#include "plan.h"

/*
 * Adds the mount to the plan. If there can be no such file (no HOME, or one that is in the
 * workdir or not writable, ...), warns and continues without. Changes nothing. Call it when
 * all other mounts are known.
 */
void report_plan(struct plan *p);

/* Creates the file, renames the previous one, and on a terminal says where it is. On failure
 * warns, and removes the mount from the plan. */
void report_prepare(struct plan *p);

#endif
