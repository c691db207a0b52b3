/*
 * The keys of a TOML document (https://toml.io, 1.0), without its values' meaning: enough to
 * see which settings a config.toml makes. Pure; reads nothing beyond size; nothing is
 * allocated.
 */
#ifndef INIT_HOME_TOML_H
#define INIT_HOME_TOML_H

#include <stdbool.h>
#include <stddef.h>

/*
 * Called for each table ([a.b], value NULL) and each key with its value, those of inline tables
 * included. path: the key with the tables it is in, joined by '.'; a '.' within a quoted part
 * is
 * '_', as is what isn't printable ASCII; a path that is too long is cut. value: the text
 * between the quotes of a string, with escapes as written; of anything else, its text.
 */
typedef void toml_visit(void *context, const char *path, const char *value, size_t value_size);

/* Returns true, or false where the text stops being TOML, or nests deeper than
 * LIMIT_TOML_DEPTH: what comes behind is not visited. */
bool toml_scan(const char *text, size_t size, toml_visit *visit, void *context);

#endif
