/*
 * Hosts that Codex contacts on its own, which no setting turns off and no session needs.
 */
#ifndef INIT_POLICY_BACKGROUND_H
#define INIT_POLICY_BACKGROUND_H

#include <stdint.h>

/*
 * What Codex wanted from the name if that many refusals must all be its own, else NULL. For
 * a name that commands use as well, only the number of requests that Codex makes at startup
 * is attributed to it. Static text that follows "Codex's own request for".
 */
const char *background_request(const char *name, uint64_t count);

#endif
