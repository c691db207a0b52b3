/* passwd(5) rewritten: the new line is there once and can be found, and nobody else is lost. */
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "../../init/home/userdb.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static const char line[] = "codex:x:4321:4322:Codex:/codex_home:/bin/sh";
	const char *text = (const char *)data;
	struct userdb_line found;
	size_t length, again, position = 0;
	unsigned ours = 0;
	char *once, *twice;

	once = userdb_put(text, size, "codex", 4321, line, &length);
	if (!once)
		return 0;
	while (userdb_next(once, length, &position, &found))
		if (found.fields > 1 && found.field_length[0] == 5 &&
			memcmp(found.field[0], "codex", 5) == 0)
			ours++;
	if (ours != 1)
		abort();
	if (!userdb_by_id(once, length, 4321, &found) || found.length != strlen(line) ||
		memcmp(found.start, line, found.length) != 0)
		abort();
	/* A second boot changes nothing. */
	twice = userdb_put(once, length, "codex", 4321, line, &again);
	if (twice && (again != length || memcmp(once, twice, length) != 0))
		abort();
	free(once);
	free(twice);
	return 0;
}
