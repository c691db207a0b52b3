/* See output.h. */
#include "output.h"

#include <stdio.h>
#include <string.h>

void output_clean(char *text, size_t len)
{
	for (; len > 0; len--, text++)
		if (*text != '\n' && (*text < ' ' || *text > '~'))
			*text = '?';
}

int output_error(int status, const char *on, const char *why)
{
	char quoted[128];

	snprintf(quoted, sizeof(quoted), "%s", on);
	output_clean(quoted, strlen(quoted));
	fprintf(stderr, "codex-egress: %s: %s\n", quoted, why);
	return status;
}
