/*
 * A parser for the keys of a TOML document (https://toml.io, 1.0), without interpreting
 * values: enough to see which settings a config.toml has. Pure; reads nothing beyond size;
 * allocates nothing.
 */
#ifndef INIT_HOME_TOML_H
#define INIT_HOME_TOML_H

#include <stdbool.h>
#include <stddef.h>

/*
 * Called for each table ([a.b], value NULL) and each key with its value, including those of
 * inline tables. path: the key with its tables, joined by '.'; a '.' within a quoted part
 * becomes '_', as does what isn't printable ASCII; truncated if too long. value: the text
 * between the quotes of a string, escapes unchanged; the literal text of anything else.
 */
typedef void toml_visit(void *context, const char *path, const char *value, size_t value_size);

/* Returns true, or false if the text isn't valid TOML, or nested deeper than
 * LIMIT_TOML_DEPTH: what follows isn't visited. */
bool toml_scan(const char *text, size_t size, toml_visit *visit, void *context);

#endif
