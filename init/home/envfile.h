/* The text of the file that SANDBOX_ENV_FILE names. Pure. */
#ifndef INIT_HOME_ENVFILE_H
#define INIT_HOME_ENVFILE_H

#include <stddef.h>

/*
 * Reads NAME=value lines; empty ones and those beginning with '#' are passed over, everything
 * behind the first '=' is the value as it stands. Returns 0 with a NULL-terminated, malloc'ed
 * array of malloc'ed strings in *vars, or -1 with the *line at fault (from 1; 0: no memory) and
 * a static *reason.
 */
int envfile_parse(
	const char *text, size_t length, char ***vars, unsigned *line, const char **reason);
void envfile_free(char **vars);

#endif
