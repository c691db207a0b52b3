/*
 * The environment of hook and payload: codex-init's own, with Codex's home, the user's name
 * and a PATH that begins with the home's bin, and what the hook handed over.
 */
#ifndef INIT_HOME_ENVIRONMENT_H
#define INIT_HOME_ENVIRONMENT_H

struct environment {
	char **vars; /* NULL-terminated; owned, with its strings */
	unsigned count, room;
};

/* Copies base ("NAME=value", NULL-terminated). Returns 0, or -1 when out of memory. */
int environment_copy(struct environment *e, char *const *base);
/* Sets one variable, replacing an earlier one. Returns 0, or -1 when out of memory. */
int environment_set(struct environment *e, const char *name, const char *value);
/* Takes a whole "NAME=value" line, as environment_set() does. */
int environment_take(struct environment *e, const char *line);
void environment_unset(struct environment *e, const char *name);
/* The value, or NULL. */
const char *environment_get(const struct environment *e, const char *name);
/* Sets what the sandbox promises: HOME, CODEX_HOME, SANDBOX_ENV_DIR (kept when it is given),
 * USER, LOGNAME and PATH. */
int environment_sandbox(struct environment *e, const char *home);
/* Where Codex has no login and no key of its own: Codex takes a key from CODEX_API_KEY alone,
 * and OPENAI_API_KEY is the name under which people have it. A user's login is never
 * overridden: whoever passes a key for their own program isn't to be billed by Codex. */
int environment_api_key(struct environment *e);
void environment_free(struct environment *e);

#endif
