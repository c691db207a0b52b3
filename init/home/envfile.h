/* Parser for the file named by SANDBOX_ENV_FILE. Pure. */
#ifndef INIT_HOME_ENVFILE_H
#define INIT_HOME_ENVFILE_H

#include <stddef.h>

/*
 * Parses NAME=value lines. Empty lines and those that begin with '#' are skipped; everything
 * after the first '=' is the value, unchanged. Returns 0 with a NULL-terminated, malloc'ed
 * array of malloc'ed strings in *vars, or -1 with the offending *line (from 1; 0: out of
 * memory) and a static *reason.
 */
int envfile_parse(
	const char *text, size_t length, char ***vars, unsigned *line, const char **reason);
void envfile_free(char **vars);

#endif
