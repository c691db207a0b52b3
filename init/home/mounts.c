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

/* "device place type options ...", separated by single blanks; the first option is ro or rw. */
bool mounts_read(char *line, char **place, bool *readonly)
{
	char *end, *type, *options;

	*place = strchr(line, ' ');
	end = *place ? strchr(++*place, ' ') : NULL;
	type = end ? end + 1 : NULL;
	options = type ? strchr(type, ' ') : NULL;
	if (!options)
		return false;
	*end = '\0';
	options++;
	*readonly = strncmp(options, "ro", 2) == 0 && (options[2] == ',' || options[2] == ' ');
	decode(*place);
	return true;
}

int mounts_each(void (*see)(void *context, const char *place, bool readonly), void *context)
{
	FILE *mounts = fopen("/proc/self/mounts", "re");
	char *line = NULL, *place;
	size_t size = 0;
	bool readonly, failed;

	if (!mounts)
		return -1;
	while (getline(&line, &size, mounts) >= 0)
		if (mounts_read(line, &place, &readonly))
			see(context, place, readonly);
	failed = ferror(mounts);
	free(line);
	fclose(mounts);
	return failed ? -1 : 0;
}
