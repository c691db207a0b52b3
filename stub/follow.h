/*
 * A ChatGPT login of which the sandbox's broker has the access token: Codex on this machine
 * renews it, in the file that it was read from. A process that remains beside the engine's
 * client watches that file, and gives the broker the new token. The refresh token stays here.
 */
#ifndef STUB_FOLLOW_H
#define STUB_FOLLOW_H

#include "plan.h"
#include "reaper.h"

/* Starts it, if the plan has a file to follow. Returns 0, or -1 with *t filled. */
int follow_start(const struct plan *p, const struct reaper *r, struct error *t);

#endif
