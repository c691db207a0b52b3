/*
 * What a config.toml that was written for the host says that breaks, or does nothing, in the
 * container, where the image's managed settings don't override it. Pure.
 *
 * The text of a config.toml is read with the user's rights; what crosses to PID 1 is a set of
 * bits, and what is printed are the words of the table here.
 */
#ifndef INIT_HOME_ADVICE_H
#define INIT_HOME_ADVICE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* The settings found, a bit for each row of the table in advice.c. held: what the config says
 * of Codex's own sandbox doesn't count, since Codex is held to the image's settings (layers.h).
 */
uint32_t advice_find(const char *text, size_t size, bool held);

/* One line about them, or "" where there is nothing to say. Bits without a row are ignored. */
void advice_line(uint32_t found, char *out, size_t size);

/* The hint about a setting that has another name today, or NULL. */
const char *advice_hint(uint32_t found);

/*
 * Has approval_policy = "untrusted", at which Codex no longer starts, say "never", to which
 * Codex is held in the container anyway. The text keeps its length.
 */
void advice_mend(char *text, size_t size);

#endif
