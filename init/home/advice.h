/*
 * Settings in a config.toml written for the host that break or do nothing in the container,
 * unless the image's managed settings override them. Pure.
 *
 * The text of config.toml is read with the user's rights; only a set of bits reaches PID 1,
 * and what is printed are texts from our table.
 */
#ifndef INIT_HOME_ADVICE_H
#define INIT_HOME_ADVICE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* The settings found, a bit for each row of the table in advice.c. held: settings for
 * Codex's own sandbox don't count, since the image's settings override them (layers.h). */
uint32_t advice_find(const char *text, size_t size, bool held);

/* Writes one line about them, or "" if there is nothing to say. Bits without a row are
 * ignored. */
void advice_line(uint32_t found, char *out, size_t size);

/* A hint about a setting that has been renamed, or NULL. */
const char *advice_hint(uint32_t found);

/*
 * Changes approval_policy = "untrusted", with which Codex no longer starts, to "never",
 * which the container enforces anyway. The text keeps its length.
 */
void advice_mend(char *text, size_t size);

#endif
