/*
 * A small strict reader of JSON (RFC 8259): enough to say whether a file is one JSON object and
 * to take a value out of it. Pure, bounded in depth, reads nothing beyond size. Strings must be
 * UTF-8 without raw control characters; nothing may follow the value but white space.
 */
#ifndef STUB_JSON_H
#define STUB_JSON_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* Is the text exactly one object? When not, *position is the byte at fault. */
bool json_is_object(const char *text, size_t size, size_t *position);

/*
 * The value at a path of member names, path[0] being a member of the outermost object, the
 * path's end marked by NULL. Names are compared as they are spelt. Of members of the same name
 * the last one counts, as in most readers. Only for text that json_is_object() accepts.
 * json_string: the text between the quotes, in place and with its escapes as written; NULL
 * where there is no string. json_integer: false where there is no integer that fits.
 */
const char *json_string(
	const char *text, size_t size, const char *const *path, size_t *string_size);
bool json_integer(const char *text, size_t size, const char *const *path, int64_t *value);

#endif
