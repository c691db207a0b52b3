/* See mounts.h. */
#include "mounts.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* Blanks and backslashes are escaped as \ooo, octal. */
static void decode(char *text)
{
	char *to = text;

	for (; *text; text++) {
		if (text[0] == '\\' && text[1] >= '0' && text[1] <= '3' && text[2] >= '0' &&
			text[2] <= '7' && text[3] >= '0' && text[3] <= '7') {
			*to++ = (char)((text[1] - '0') << 6 | (text[2] - '0') << 3 |
				       (text[3] - '0'));
			text += 3;
		} else {
			*to++ = *text;
		}
	}
	*to = '\0';
}

static bool has_option(const char *options, const char *name)
{
	const size_t size = strlen(name), end = strcspn(options, " ");

	for (size_t at = 0; at < end;) {
		size_t n = strcspn(options + at, ", ");

		if (n == size && memcmp(options + at, name, size) == 0)
			return true;
		at += n + 1;
	}
	return false;
}

/* "device place type options ...", separated by single blanks; ro or rw comes first. */
bool mounts_read(char *line, struct mounts_entry *e)
{
	char *place = strchr(line, ' '), *end, *type, *options;

	end = place ? strchr(++place, ' ') : NULL;
	type = end ? end + 1 : NULL;
	options = type ? strchr(type, ' ') : NULL;
	if (!options)
		return false;
	*end = '\0';
	options++;
	e->readonly =
		strncmp(options, "ro", 2) == 0 && (options[2] == ',' || options[2] == ' ');
	e->idmapped = has_option(options, "idmapped");
	decode(place);
	e->place = place;
	return true;
}

int mounts_each(void (*see)(void *context, const struct mounts_entry *e), void *context)
{
	FILE *mounts = fopen("/proc/self/mounts", "re");
	struct mounts_entry e;
	char *line = NULL;
	size_t size = 0;
	bool failed;

	if (!mounts)
		return -1;
	while (getline(&line, &size, mounts) >= 0)
		if (mounts_read(line, &e))
			see(context, &e);
	failed = ferror(mounts);
	free(line);
	fclose(mounts);
	return failed ? -1 : 0;
}
