/* The launcher's list of mounts: what is accepted is absolute, bounded and complete. */
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "../../init/home/mountcheck.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	char *list = malloc(size + 1);
	const char *rest;
	struct mountcheck_entry e;
	unsigned n = 0;
	bool valid;

	if (!list)
		return 0;
	memcpy(list, data, size);
	list[size] = '\0';
	valid = mountcheck_valid(list);
	rest = mountcheck_entries(list);
	while (n <= LIMIT_MOUNTS && (rest = mountcheck_next(rest, &e))) {
		n++;
		if (e.path[0] != '/' || strlen(e.path) >= sizeof(e.path))
			abort();
		if (!*rest)
			break;
	}
	if (valid != (rest && !*rest && n <= LIMIT_MOUNTS))
		abort();
	free(list);
	return 0;
}
