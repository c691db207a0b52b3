/* config.toml: whatever it contains, what is visited is within it, and keys are printable. */
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "../../init/home/advice.h"
#include "../../init/home/layers.h"
#include "../../init/home/toml.h"
#include "../../init/lib/limits.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

struct text {
	const char *from, *to;
};

static void check(void *context, const char *path, const char *value, size_t value_size)
{
	const struct text *t = context;

	if (strlen(path) >= LIMIT_TOML_PATH)
		abort();
	for (; *path; path++)
		if (*path <= ' ' || *path > '~')
			abort();
	if (value && (value < t->from || value > t->to || value_size > (size_t)(t->to - value)))
		abort();
}

/* Allocated with exactly that size for the sanitizers; the replacement is complete. */
static void mend(const char *from, size_t size)
{
	char *text = malloc(size), *again = malloc(size);

	if (!text || !again)
		abort();
	memcpy(text, from, size);
	advice_mend(text, size);
	memcpy(again, text, size);
	advice_mend(again, size);
	if (memcmp(text, again, size) != 0)
		abort();
	free(text);
	free(again);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct text t = {(const char *)data, (const char *)data + size};
	char line[1000];

	toml_scan(t.from, size, check, &t);
	advice_line(advice_find(t.from, size, false), line, sizeof(line));
	if (strchr(line, '\n'))
		abort();
	layers_permit(t.from, size);
	mend(t.from, size);
	return 0;
}
