/* See execute.h. */
#include "execute.h"

#include <errno.h>
#include <limits.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "exit_status.h"

/* PATH if the environment has none: Debian's default for root. */
#define DEFAULT_PATH "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"

static const char *path_of(char *const *envp)
{
	for (; envp && *envp; envp++)
		if (strncmp(*envp, "PATH=", 5) == 0)
			return *envp + 5;
	return DEFAULT_PATH;
}

static int cannot_run(const char *name, const char *file, int why, struct failure *f)
{
	struct stat st;

	fail(f, "run", name, "%s", strerror(why));
	if (why == ENOEXEC)
		fail_hint(f, "it is neither a program for this machine nor does its first "
			     "line name an interpreter (#!/bin/sh)");
	else if (why == ENOENT)
		fail_hint(f, "%s is there, but not the interpreter or loader that it names",
			file);
	else if (why == E2BIG)
		fail_hint(f, "arguments and environment together are too long");
	else if (why == EACCES && stat(file, &st) == 0 && S_ISDIR(st.st_mode))
		fail_hint(f, "%s is a directory", file);
	else if (why == EACCES)
		fail_hint(f,
			"%s isn't executable for user %u: its mode, a directory above it, "
			"or a mount with noexec",
			file, (unsigned int)geteuid());
	return EXIT_CANNOT_RUN;
}

int execute(char *const *argv, char *const *envp, struct failure *f)
{
	const char *name = argv[0], *path = path_of(envp), *end;
	char file[PATH_MAX], met[PATH_MAX] = "";
	int why = 0;

	if (strchr(name, '/')) {
		execve(name, argv, envp);
		why = errno;
		if (why != ENOTDIR && (why != ENOENT || access(name, F_OK) == 0))
			return cannot_run(name, name, why, f);
		fail(f, "run", name, "%s", strerror(why));
		fail_hint(f, "there is no such file in the container");
		return EXIT_NOT_FOUND;
	}
	for (; name[0]; path = end + 1) {
		int n;

		end = strchrnul(path, ':');
		n = snprintf(file, sizeof(file), "%.*s%s%s", (int)(end - path), path,
			end > path ? "/" : "", name);
		if (n > 0 && n < (int)sizeof(file)) {
			int e;

			execve(file, argv, envp);
			e = errno;
			if (e != ENOENT && e != ENOTDIR && e != EACCES)
				return cannot_run(name, file, e, f);
			/* Exists, but can't be run: reported unless a later directory has
			 * it. */
			if (!why && e != ENOTDIR && access(file, F_OK) == 0) {
				why = e;
				memcpy(met, file, sizeof(met));
			}
		}
		if (!*end)
			break;
	}
	if (why)
		return cannot_run(name, met, why, f);
	fail(f, "run", name, "%s", "command not found");
	fail_hint(f, "it is in none of PATH's directories: %s", path_of(envp));
	return EXIT_NOT_FOUND;
}
