/*
 * Quoting of paths: a field of an engine's --mount (CSV as parsed by Go's encoding/csv), an
 * argument on a POSIX shell's command line, a TOML string, a container's name. Pure.
 */
#ifndef STUB_QUOTE_H
#define STUB_QUOTE_H

#include <stdbool.h>

#include "arena.h"

/*
 * The length of the UTF-8 sequence at s, 1 to 4, or 0 if it isn't valid according to RFC
 * 3629 (no surrogates, no overlong forms). Doesn't read beyond a NUL; a NUL itself is one
 * byte.
 */
size_t quote_utf8(const unsigned char *s);

/*
 * True if this path can be passed to an engine. Otherwise *why is the reason: a line break
 * (the CSV reader takes one record), a blank at the end (newer engines refuse it), bytes
 * that aren't UTF-8 (they don't survive the engine's JSON).
 */
bool quote_mountable(const char *path, const char **why);

/* An RFC 4180 field: in double quotes if it contains a comma or a double quote, which is
 * doubled. */
const char *quote_csv(struct arena *p, const char *field);

/* A path to be printed: each control character (of C1, too), and each byte that isn't UTF-8, as
 * '?'. A path is a name that others may have chosen: it must not move the cursor. */
const char *quote_shown(struct arena *p, const char *path);

/* Quotes an argument for a POSIX shell: unchanged if no byte is special, otherwise in single
 * quotes. The empty string becomes ''. */
const char *quote_shell(struct arena *p, const char *word);

/* A TOML basic string, with its double quotes. */
const char *quote_toml(struct arena *p, const char *text);

/* Blanks, control characters and '%' as %XX, for codex-init's list of mounts. */
const char *quote_percent(struct arena *p, const char *text);

/*
 * codex_<path in characters that an engine accepts>_<8 hex digits>. The digits are FNV-1a of
 * the whole path and, if not NULL, of home, so that paths that look alike still get
 * different names.
 */
const char *quote_container_name(struct arena *p, const char *path, const char *home);

/* <the last component of the path, in letters, digits, '-', '.' and '_'>-<8 hex digits>, for a
 * file about the project. */
const char *quote_project_name(struct arena *p, const char *path);

/* True if this is the name of an environment variable: a letter or '_', then letters,
 * digits, '_'. */
bool quote_is_variable(const char *name, size_t size);

#endif
