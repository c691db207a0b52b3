/*
 * The closing report, on the host: codex-init tells at the end what was refused, and what has
 * changed that the host obeys. What it writes to the terminal could be hidden, or scrolled
 *away, by what the payload wrote there. So a file outside the workdir is mounted for it, below
 *a directory of the container that only root may enter:
 *
 *	~/.local/state/codex-sandbox/reports/CONTAINER.txt
 *
 * The report of the session before is CONTAINER.DATE-TIME.txt then; of such, the newest are
 *kept.
 */
#ifndef STUB_REPORT_H
#define STUB_REPORT_H

#include "plan.h"

/* Adds the mount to the plan. Where there can be no such file (no HOME, one in the workdir or
 * not to be written, ...) it warns and goes on without. Changes nothing. To be called when all
 * other mounts are known. */
void report_plan(struct plan *p);

/* Creates the file, moves the one before aside, and says where it is, to a person at a
 * terminal. Where that fails it warns, and takes the mount out of the plan. */
void report_prepare(struct plan *p);

#endif
