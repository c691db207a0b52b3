/* See userdb.h. */
#include "userdb.h"

#include <stdlib.h>
#include <string.h>

bool userdb_id(const char *text, size_t size, uint32_t *id)
{
	uint64_t n = 0;

	if (size == 0 || size > 10)
		return false;
	for (size_t i = 0; i < size; i++) {
		if (text[i] < '0' || text[i] > '9')
			return false;
		n = n * 10 + (uint64_t)(text[i] - '0');
	}
	if (n >= UINT32_MAX)
		return false;
	*id = (uint32_t)n;
	return true;
}

bool userdb_next(const char *text, size_t length, size_t *position, struct userdb_line *out)
{
	const char *p = text + *position, *end;

	if (*position >= length)
		return false;
	*out = (struct userdb_line){.start = p};
	end = memchr(p, '\n', length - *position);
	*position = end ? (size_t)(end - text) + 1 : length;
	if (!end)
		end = text + length;
	out->length = (size_t)(end - p);
	while (out->fields < USERDB_FIELDS) {
		const char *colon = memchr(p, ':', (size_t)(end - p));

		out->field[out->fields] = p;
		out->field_length[out->fields++] = (size_t)((colon ? colon : end) - p);
		if (!colon)
			break;
		p = colon + 1;
	}
	out->has_id = out->fields >= 3 && out->field_length[0] > 0 &&
		      userdb_id(out->field[2], out->field_length[2], &out->id);
	return true;
}

static bool is_name(const struct userdb_line *line, const char *name)
{
	return line->fields > 1 && line->field_length[0] == strlen(name) &&
	       memcmp(line->field[0], name, line->field_length[0]) == 0;
}

bool userdb_by_name(const char *text, size_t length, const char *name, struct userdb_line *out)
{
	size_t position = 0;

	while (userdb_next(text, length, &position, out))
		if (is_name(out, name))
			return true;
	return false;
}

bool userdb_by_id(const char *text, size_t length, uint32_t id, struct userdb_line *out)
{
	size_t position = 0;

	while (userdb_next(text, length, &position, out))
		if (out->has_id && out->id == id)
			return true;
	return false;
}

static char *append(char *to, const char *text, size_t length)
{
	memcpy(to, text, length);
	to[length] = '\n';
	return to + length + 1;
}

char *userdb_put(const char *text, size_t length, const char *name, uint32_t id,
	const char *line, size_t *new_length)
{
	/* Room for a missing final newline, and for the new line with its own. */
	char *out = malloc(length + strlen(line) + 2), *to = out;
	struct userdb_line each;
	size_t position = 0;
	bool placed = false;

	if (!out)
		return NULL;
	while (userdb_next(text, length, &position, &each)) {
		bool ours = is_name(&each, name);

		if (!placed && (ours || (each.has_id && each.id == id))) {
			to = append(to, line, strlen(line));
			placed = true;
		}
		if (!ours)
			to = append(to, each.start, each.length);
	}
	if (!placed)
		to = append(to, line, strlen(line));
	*new_length = (size_t)(to - out);
	return out;
}
