/*
 * The environment of init script and payload: codex-init's own, with Codex's home, the
 * user's name, a PATH that begins with the home's bin, and what the init script passes.
 */
#ifndef INIT_HOME_ENVIRONMENT_H
#define INIT_HOME_ENVIRONMENT_H

struct environment {
	char **vars; /* NULL-terminated; owned, with its strings */
	unsigned count, room;
};

/* Copies base ("NAME=value", NULL-terminated). Returns 0, or -1 if out of memory. */
int environment_copy(struct environment *e, char *const *base);
/* Sets a variable, replacing an earlier one. Returns 0, or -1 if out of memory. */
int environment_set(struct environment *e, const char *name, const char *value);
/* Sets a variable given as a "NAME=value" line; returns as above. */
int environment_take(struct environment *e, const char *line);
void environment_unset(struct environment *e, const char *name);
/* Unsets what the launcher tells codex-init and nobody else. */
void environment_unset_told(struct environment *e);
/* The value, or NULL. */
const char *environment_get(const struct environment *e, const char *name);
/* Sets what the sandbox guarantees: HOME, CODEX_HOME, SANDBOX_ENV_DIR (unless set), USER,
 * LOGNAME and PATH, and, unless set, NPM_CONFIG_PREFIX and PYTHONUSERBASE. Returns 0, or -1 if
 * out of memory. */
int environment_sandbox(struct environment *e, const char *home);
/*
 * For when Codex has neither a login nor a key: Codex only reads CODEX_API_KEY, while users
 * have their key in OPENAI_API_KEY. A login is never overridden: a user who passes a key for
 * a program must not be billed for Codex. Returns 0, or -1 if out of memory.
 */
int environment_api_key(struct environment *e);
/*
 * If Codex's home isn't set up, HOME remains unchanged, unless it is `engines`: the home of
 * the user that the engine started us as, which the engine sets. Then it becomes `home`, the
 * home of the user that the command runs as, or is removed if that is NULL.
 */
int environment_plain(struct environment *e, const char *engines, const char *home);
void environment_free(struct environment *e);

#endif
