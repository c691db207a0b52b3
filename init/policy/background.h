/*
 * The hosts that Codex asks of its own accord, which no setting turns off and no session needs.
 */
#ifndef INIT_POLICY_BACKGROUND_H
#define INIT_POLICY_BACKGROUND_H

#include <stdint.h>

/*
 * What Codex wanted of the name, when that many refusals are Codex's alone; else NULL. A name
 * that commands ask for as well is Codex's as often as Codex asks at its start, and no more.
 * Static text, to follow "Codex's own request for".
 */
const char *background_request(const char *name, uint64_t count);

#endif
