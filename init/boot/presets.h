/* Presets: files of rules by name, in the image or, for --check on a host, next to
 * codex-init. */
#ifndef INIT_BOOT_PRESETS_H
#define INIT_BOOT_PRESETS_H

#include <stddef.h>
#include <stdint.h>

#include "../lib/say.h"

#define PRESETS_DIR "/etc/codex/presets.d/"

/* A policy_preset_reader: reads the preset of that name into text. Returns its size, or -1. */
long presets_read(void *context, const char *preset, char *text, size_t size);

/* Adds a hint that lists the presets and suggests the one that was probably meant. Returns
 * -1. */
int presets_hint(struct failure *f, const char *wanted);

/* The name of a preset that allows this name on this port, or NULL. Valid until the next call.
 */
const char *presets_covering(const char *name, uint16_t port);

#endif
