#include "terminfo.h"

#include <limits.h>
#include <stdbool.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

/* An entry is in a directory named after its first letter or, on some systems (macOS,
 * musl's), after the letter's number. */
static bool has_entry(const char *root, const char *term)
{
	static const char *const places[] = {"/etc/terminfo", "/lib/terminfo",
		"/usr/lib/terminfo", "/usr/share/terminfo", "/usr/share/lib/terminfo"};
	char path[PATH_MAX];

	for (size_t i = 0; i < sizeof(places) / sizeof(places[0]); i++)
		for (int number = 0; number <= 1; number++) {
			int n = snprintf(path, sizeof(path),
				number ? "%s%s/%02x/%s" : "%s%s/%c/%s", root, places[i],
				(unsigned char)term[0], term);

			if (n > 0 && n < (int)sizeof(path) && access(path, F_OK) == 0)
				return true;
		}
	return false;
}

const char *terminfo_replacement(const char *root, const char *term)
{
	static const char *const known[] = {"xterm-256color", "xterm", "vt100"};

	if (!term || !*term || strchr(term, '/') || has_entry(root, term))
		return NULL;
	for (size_t i = 0; i < sizeof(known) / sizeof(known[0]); i++)
		if (has_entry(root, known[i]))
			return known[i];
	return NULL;
}
