/* See environment.h. */
#include "environment.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define DEFAULT_PATH "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"

static char **find(const struct environment *e, const char *name, size_t len)
{
	for (unsigned i = 0; i < e->count; i++)
		if (strncmp(e->vars[i], name, len) == 0 && e->vars[i][len] == '=')
			return &e->vars[i];
	return NULL;
}

/* Takes ownership of line, a malloc'ed "NAME=value" or NULL (out of memory). */
static int put(struct environment *e, char *line)
{
	const char *equals = line ? strchr(line, '=') : NULL;
	char **old, **bigger;

	if (!equals) {
		free(line);
		return -1;
	}
	old = find(e, line, (size_t)(equals - line));
	if (old) {
		free(*old);
		*old = line;
		return 0;
	}
	if (e->count + 1 >= e->room) {
		bigger = realloc(e->vars, sizeof(*bigger) * (e->room + 64));
		if (!bigger) {
			free(line);
			return -1;
		}
		e->vars = bigger;
		e->room += 64;
	}
	e->vars[e->count++] = line;
	e->vars[e->count] = NULL;
	return 0;
}

int environment_take(struct environment *e, const char *line)
{
	return put(e, strdup(line));
}

int environment_copy(struct environment *e, char *const *base)
{
	memset(e, 0, sizeof(*e));
	for (; *base; base++)
		/* Entries without '=' aren't variables; execve() accepts them, we don't. */
		if (strchr(*base, '=') && environment_take(e, *base) < 0)
			return -1;
	return 0;
}

int environment_set(struct environment *e, const char *name, const char *value)
{
	size_t size = strlen(name) + strlen(value) + 2;
	char *line = malloc(size);

	if (line)
		snprintf(line, size, "%s=%s", name, value);
	return put(e, line);
}

void environment_unset(struct environment *e, const char *name)
{
	char **found = find(e, name, strlen(name));

	if (!found)
		return;
	free(*found);
	*found = e->vars[--e->count];
	e->vars[e->count] = NULL;
}

void environment_unset_told(struct environment *e)
{
	static const char *const told[] = {"CODEX_INIT_MOUNTS", "CODEX_INIT_LAUNCHER",
		"CODEX_INIT_LAUNCHER_HERE", "CODEX_INIT_RUN", "CODEX_INIT_GIT_DIR",
		"CODEX_INIT_GIT_NAME", "CODEX_INIT_GIT_EMAIL"};

	for (size_t i = 0; i < sizeof(told) / sizeof(told[0]); i++)
		environment_unset(e, told[i]);
}

const char *environment_get(const struct environment *e, const char *name)
{
	size_t len = strlen(name);
	char **found = find(e, name, len);

	return found ? *found + len + 1 : NULL;
}

int environment_sandbox(struct environment *e, const char *home)
{
	const char *path = environment_get(e, "PATH"),
		   *rest = path && *path ? path : DEFAULT_PATH;
	size_t len = strlen(home) + sizeof("/bin:") - 1, size = len + strlen(rest) + 1;
	char *joined = malloc(size);
	int done;

	if (!joined)
		return -1;
	snprintf(joined, size, "%s/bin:%s", home, rest);
	/* The image's PATH may begin with it already. */
	if (strncmp(joined, rest, len) == 0)
		snprintf(joined, size, "%s", rest);
	done = environment_set(e, "PATH", joined);
	free(joined);
	if (done < 0 || environment_set(e, "HOME", home) < 0 ||
		environment_set(e, "CODEX_HOME", home) < 0 ||
		environment_set(e, "USER", "codex") < 0 ||
		environment_set(e, "LOGNAME", "codex") < 0)
		return -1;
	/* npm -g and pip --user also install into the home, whose bin is in PATH. */
	if ((!environment_get(e, "NPM_CONFIG_PREFIX") &&
		    environment_set(e, "NPM_CONFIG_PREFIX", home) < 0) ||
		(!environment_get(e, "PYTHONUSERBASE") &&
			environment_set(e, "PYTHONUSERBASE", home) < 0))
		return -1;
	/* The launcher sets it to the home's path in the mounted workdir; without a launcher
	 * it is the home. */
	if (!environment_get(e, "SANDBOX_ENV_DIR"))
		return environment_set(e, "SANDBOX_ENV_DIR", home);
	return 0;
}

int environment_plain(struct environment *e, const char *engines, const char *home)
{
	const char *now = environment_get(e, "HOME");

	if (!home || (now && strcmp(now, engines) != 0))
		return 0;
	return environment_set(e, "HOME", home);
}

int environment_api_key(struct environment *e)
{
	const char *key = environment_get(e, "OPENAI_API_KEY");

	if (!key || !*key || environment_get(e, "CODEX_API_KEY"))
		return 0;
	return environment_set(e, "CODEX_API_KEY", key);
}

void environment_free(struct environment *e)
{
	for (unsigned i = 0; i < e->count; i++)
		free(e->vars[i]);
	free(e->vars);
	memset(e, 0, sizeof(*e));
}
