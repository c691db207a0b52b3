/*
 * A small strict JSON parser (RFC 8259): enough to check that a file is one JSON object and
 * to extract a value. Pure, bounded in depth, doesn't read beyond size. Strings must be
 * UTF-8 without raw control characters; only white space may follow the value.
 */
#ifndef STUB_JSON_H
#define STUB_JSON_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* True if the text is exactly one object. Otherwise *position is the offset of the offending
 * byte. */
bool json_is_object(const char *text, size_t size, size_t *position);

/*
 * The value at a path of member names, path[0] being a member of the outermost object,
 * terminated by NULL. Names are compared without decoding escapes. Of members with the same
 * name the last one counts, as in most parsers. Only for text that json_is_object() accepts.
 *
 * json_string: the text between the quotes, in place and with its escapes as written; NULL
 * if there is no such string. json_integer: false if there is no such integer, or it doesn't
 * fit.
 */
const char *json_string(
	const char *text, size_t size, const char *const *path, size_t *string_size);
bool json_integer(const char *text, size_t size, const char *const *path, int64_t *value);

#endif
