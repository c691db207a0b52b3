/* Becoming another program. */
#ifndef INIT_LIB_EXECUTE_H
#define INIT_LIB_EXECUTE_H

#include "say.h"

/*
 * Executes argv[0] with envp, searched as by execvp(3) but in the PATH of envp, and without a
 * shell for files that lack a #! line. Returns only if that failed, EXIT_CANNOT_RUN or
 * EXIT_NOT_FOUND, with *f filled.
 */
int execute(char *const *argv, char *const *envp, struct failure *f);

#endif
