/* A file of variables, line by line: every byte is consumed once, and a name or value is
 * within its line. */
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "stub/quote.h"
#include "stub/variables.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void check(bool holds)
{
	if (!holds)
		abort();
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	char *text = malloc(size ? size : 1);
	struct variable v;
	const char *why = NULL;
	size_t n;

	check(text != NULL);
	memcpy(text, data, size);
	for (size_t at = 0; at < size; at += n) {
		const char *line = text + at;

		n = variables_line(line, size - at, &v, &why);
		check(n <= size - at);
		if (n == 0) {
			check(why != NULL);
			break;
		}
		check(!memchr(line, '\n', n - 1));
		if (!v.name)
			continue;
		check(v.name >= line && v.name + v.name_size <= line + n);
		check(quote_is_variable(v.name, v.name_size));
		if (v.value)
			check(v.value > v.name && v.value + v.value_size <= line + n);
		variables_is_owned(v.name, v.name_size);
	}
	free(text);
	return 0;
}
