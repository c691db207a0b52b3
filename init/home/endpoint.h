/*
 * Where Codex sends OpenAI's requests: a key in /etc/codex/managed_config.toml, the layer that
 * neither the user's config.toml nor -c overrides. Codex reads it at its start.
 */
#ifndef INIT_HOME_ENDPOINT_H
#define INIT_HOME_ENDPOINT_H

#include <stdbool.h>
#include <stdint.h>

#include "../lib/say.h"

/* Whether it can be written: dir is the image's (layers.h), writable, and an organisation's
 * file isn't in the way. */
bool endpoint_settable(const char *dir);

/* Writes the key for 127.0.0.1:port; port 0: removes it. The rest of a file of the image's
 * stays. Returns 0, or -1 with *f filled. */
int endpoint_write(const char *dir, uint16_t port, struct failure *f);

#endif
