/* Arbitrary bytes as a name: an accepted name is in normal form, and normalises to itself. */
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "init/lib/name.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void check(bool holds)
{
	if (!holds)
		abort();
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	/* Allocated with exactly this size, so that the sanitizer sees an overread. */
	char *text = malloc(size ? size : 1), name[NAME_TEXT], again[NAME_TEXT];
	const char *reason = NULL;
	size_t position = SIZE_MAX, label = 0;

	check(text != NULL);
	memcpy(text, data, size);
	if (!name_normalise(text, size, name, &position, &reason)) {
		check(position <= size && reason && !name[0]);
		free(text);
		return 0;
	}
	check(strlen(name) > 0 && strlen(name) <= LIMIT_NAME_TEXT);
	for (const char *c = name; *c; c++) {
		check((*c >= 'a' && *c <= 'z') || (*c >= '0' && *c <= '9') || *c == '-' ||
			*c == '.' || *c == '_');
		label = *c == '.' ? 0 : label + 1;
		check(label <= LIMIT_LABEL);
	}
	check(name_normalise(name, strlen(name), again, &position, &reason));
	check(strcmp(name, again) == 0);
	free(text);
	return 0;
}
