/*
 * The events of each session, on the host: codex-init appends each line to a file as it
 *happens, mounted like the closing report's (report.h) below a directory of the container that
 *only root may enter.
 *
 *	~/.local/state/codex-sandbox/CONTAINER/events.jsonl
 *
 * Those of the sessions before are events.1.jsonl (the last one) to events.9.jsonl.
 */
#ifndef STUB_TRAIL_H
#define STUB_TRAIL_H

#include "plan.h"

/* Adds the mounts to the plan: of this file, and of one with the names that those sessions
 * asked for (names_of_earlier()), by which codex-init marks a new one at the end. Call it
 * behind report_plan(), which warns where there can be no such file. Changes nothing. */
void trail_plan(struct plan *p);

/* Renames the files of earlier sessions and creates both. On failure warns, and removes the
 * mount from the plan. */
void trail_prepare(struct plan *p);

#endif
