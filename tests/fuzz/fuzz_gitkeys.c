/* An arbitrary git configuration: entries are in order within the text, keys and values are
 * strings, and what is quoted is read back unchanged. */
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "init/lib/gitconfig.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void check(bool holds)
{
	if (!holds)
		abort();
}

static void read_back(const char *value)
{
	static char text[2 * LIMIT_GITCONFIG_VALUE + 16];
	static struct gitconfig_entry e;
	struct gitconfig c;
	size_t n = (size_t)sprintf(text, "[a]b="), quoted;

	quoted = gitconfig_quote(value, text + n, sizeof(text) - n);
	if (!quoted)
		return;
	gitconfig_begin(&c, text, n + quoted);
	check(gitconfig_next(&c, &e) == 1 && strcmp(e.key, "a.b") == 0 && !e.bare);
	check(strcmp(e.value, value) == 0 && gitconfig_next(&c, &e) == 0);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static struct gitconfig_entry e;
	struct gitconfig c;
	size_t last = 0;

	gitconfig_begin(&c, (const char *)data, size);
	while (gitconfig_next(&c, &e) == 1) {
		check(e.begin >= last && e.end > e.begin && e.end <= size);
		last = e.end;
		check(strlen(e.key) < sizeof(e.key) && strlen(e.value) < sizeof(e.value));
		read_back(e.value);
	}
	return 0;
}
