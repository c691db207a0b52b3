/* Command lines for the tests of the launcher's parser and commands. */
#ifndef TESTS_UNIT_STUB_CLI_FIXTURE_H
#define TESTS_UNIT_STUB_CLI_FIXTURE_H

#include <stdint.h>
#include <string.h>

#include "../../stub/cli.h"

static struct error error;

/* Parses a NULL-terminated list of arguments. */
static int parse(struct cli *c, const char *const *arguments)
{
	static char *argv[32];
	int argc = 0;

	argv[argc++] = (char *)(uintptr_t) "codex-sandbox";
	for (; *arguments; arguments++)
		argv[argc++] = (char *)(uintptr_t)*arguments;
	argv[argc] = NULL;
	memset(&error, 0, sizeof(error));
	return cli_parse(c, argc, argv, &error);
}

#endif
