/* See exceptions.h. */
#include "exceptions.h"

#include <string.h>

#include "../lib/address.h"
#include "../lib/name.h"

/* 10.0.0.0/8, 10.1.2.3, [fd00::1]:443, fd00::/8. The prefix length isn't checked: nothing
 * depends on it. */
static bool is_network(const char *text, size_t len)
{
	const char *slash = memchr(text, '/', len);
	struct address a;

	return text[0] == '[' || address_parse(text, slash ? (size_t)(slash - text) : len, &a);
}

static bool add_entry(struct exceptions *e, const char *text, size_t len)
{
	const char *colon = memrchr(text, ':', len), *reason;
	char name[NAME_TEXT];
	size_t position, size;

	if (is_network(text, len))
		return true;
	if (colon && is_network(text, (size_t)(colon - text)))
		return true;
	if (colon)
		len = (size_t)(colon - text);
	if (len == 1 && *text == '*') {
		e->all = true;
		return true;
	}
	if (len > 2 && text[0] == '*' && text[1] == '.')
		text++, len--;
	if (len > 1 && text[0] == '.')
		text++, len--;
	if (!name_normalise(text, len, name, &position, &reason))
		return false;
	size = strlen(name) + 1;
	if (exceptions_have(e, name))
		return true;
	if (size > sizeof(e->names) - e->used)
		return false;
	memcpy(e->names + e->used, name, size);
	e->used += size;
	return true;
}

int exceptions_add(struct exceptions *e, const char *list, const char **bad)
{
	int status = 0;

	for (size_t n; *list; list += n) {
		n = strcspn(list, ", \t\n");
		if (n > 0 && !add_entry(e, list, n) && status == 0) {
			*bad = list;
			status = -1;
		}
		n += list[n] != '\0';
	}
	return status;
}

bool exceptions_have(const struct exceptions *e, const char *name)
{
	for (size_t i = 0; i < e->used; i += strlen(e->names + i) + 1)
		if (strcmp(e->names + i, name) == 0 || name_below(name, e->names + i))
			return true;
	return e->all;
}
