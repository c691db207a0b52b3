/*
 * The spellings in which a path travels: a field of an engine's --mount (CSV as Go's
 * encoding/csv reads it), a word of a POSIX shell's command line, a TOML string, a container's
 * name. Pure.
 */
#ifndef STUB_QUOTE_H
#define STUB_QUOTE_H

#include <stdbool.h>

#include "arena.h"

/* The bytes of the UTF-8 sequence at s, 1 to 4, or 0 where there is none, by RFC 3629's table
 * (no surrogates, no overlong forms). Reads nothing beyond a NUL; a NUL itself is one byte. */
size_t quote_utf8(const unsigned char *s);

/* Can an engine be told this path? When not, *why says what is in the way: a line break (the
 * CSV reader takes one record), a blank at the end (newer engines refuse it), bytes that aren't
 * UTF-8 (they don't survive the engine's JSON). */
bool quote_mountable(const char *path, const char **why);

/* RFC 4180 field: in double quotes where it holds a comma or a double quote, which is doubled.
 */
const char *quote_csv(struct arena *p, const char *field);

/* The word as a POSIX shell reads it back: as it is where every byte is harmless, else in
 * single quotes. The empty word is ''. */
const char *quote_shell(struct arena *p, const char *word);

/* A TOML basic string, with its double quotes. */
const char *quote_toml(struct arena *p, const char *text);

/* Blanks, control characters and '%' as %XX: the spelling of codex-init's list of mounts. */
const char *quote_percent(struct arena *p, const char *text);

/* codex_<path in letters an engine takes>_<8 hex digits>: the digits are FNV-1a of the whole
 * path, so two paths that read alike still get two names. home, where it isn't NULL, is a path
 * that counts as well. */
const char *quote_container_name(struct arena *p, const char *path, const char *home);

/* Is this the name of an environment variable: a letter or '_', then letters, digits, '_'? */
bool quote_is_variable(const char *name, size_t size);

#endif
