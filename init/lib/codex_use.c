/* See codex_use.h. */
#include "codex_use.h"

#include <stdbool.h>
#include <stddef.h>
#include <string.h>

static bool is_one_of(const char *word, const char *const *list)
{
	while (*list && strcmp(word, *list) != 0)
		list++;
	return *list;
}

static enum codex_use login_use(char *const *argv)
{
	static const char *const otherwise[] = {"status", "--device-auth", "--with-api-key",
		"--with-access-token", "-h", "--help", NULL};

	for (; *argv; argv++)
		if (is_one_of(*argv, otherwise))
			return CODEX_ASIDE;
	return CODEX_LOGIN;
}

char *const *codex_use_command(char *const *word)
{
	static const char *const settings[] = {"-c", "--config", NULL};

	for (; word[0]; word++)
		if (word[1] && is_one_of(word[0], settings))
			word++;
		else if (strncmp(word[0], "--config=", 9) != 0 &&
			 (strncmp(word[0], "-c", 2) != 0 || !word[0][2]))
			break;
	return word;
}

enum codex_use codex_use(char *const *argv)
{
	static const char *const aside[] = {"logout", "features", "doctor", "debug",
		"completion", "mcp", "help", "-h", "--help", "-V", "--version", NULL};
	static const char *const sessions[] = {"resume", "fork", NULL};
	const char *slash = strrchr(argv[0], '/');

	if (strcmp(slash ? slash + 1 : argv[0], "codex") != 0)
		return CODEX_NOT;
	argv = codex_use_command(argv + 1);
	if (argv[0] && strcmp(argv[0], "login") == 0)
		return login_use(argv + 1);
	if (argv[0] && is_one_of(argv[0], aside))
		return CODEX_ASIDE;
	/* An argument with a blank in it is a prompt. */
	if (!argv[0] || argv[0][0] == '-' || is_one_of(argv[0], sessions) ||
		strchr(argv[0], ' '))
		return CODEX_SESSION;
	return CODEX_WORK;
}
