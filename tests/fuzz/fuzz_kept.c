/* Files of options: every line comes out within the text, and the same text comes out of what
 * came out. */
#include <assert.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "stub/cli.h"
#include "stub/kept_text.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static struct error error;
	struct kept_text k;
	struct cli c = {.program = "codex-sandbox"};
	char *text = malloc(size + 1);
	unsigned last = 0;

	if (!text)
		return 0;
	memcpy(text, data, size);
	kept_text_begin(&k, text, size);
	while (kept_text_next(&k) > 0) {
		assert(k.line > last && *k.name && !strpbrk(k.name, " \t\n\r"));
		assert(k.name >= text && k.value + strlen(k.value) <= text + size);
		assert(!strpbrk(k.value, "\n\r") && *k.value != ' ' && *k.value != '\t');
		last = k.line;
		cli_keep(&c, k.name, k.value, "FILE:1", &error);
	}
	assert(!k.why || k.line > 0);
	cli_free(&c);
	free(text);
	return 0;
}
