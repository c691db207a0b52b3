/*
 * Codex's home: copies the drop-off's files into CODEX_HOME, as the payload's user, without
 * following symlinks, atomically; and adds the user to the user database.
 */
#ifndef INIT_HOME_HOME_H
#define INIT_HOME_HOME_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

#include "../lib/say.h"
#include "layers.h"

struct home_request {
	const char *from; /* the read-only drop-off, or NULL */
	const char *home; /* CODEX_HOME */
	const char *etc;  /* the directory of an administrator's files for Codex: layers.h */
	uid_t uid;
	gid_t gid;
	const char *placeholder; /* the broker has the credential: placeholder.h; or NULL */
};

struct home_result {
	bool hook;     /* HOME/init.sh exists and is marked executable */
	bool login;    /* HOME/auth.json exists, and is neither empty nor a placeholder */
	bool key;      /* ... and is a file with an API key in it */
	bool provider; /* config.toml sets model_provider, which may not be OpenAI */
	char login_link[128]; /* the target of HOME/auth.json if it is a link, or "" */
	struct layers layers;
	uint32_t advice;   /* settings in HOME/config.toml that don't work in the container:
			      advice.h */
	char warning[256]; /* a message for the user, or "" */
};

/*
 * Runs in a child with the payload's uid (sources that only root can read are opened before
 * the drop). Copies config.toml and AGENTS.md unless the home has them, and each file of
 * prompts/, skills/ and rules/ that the home lacks; init.sh replaces the home's init.sh and
 * is made executable. Every path is opened beneath its root without following symlinks
 * (openat2(2), RESOLVE_BENEATH | RESOLVE_NO_SYMLINKS), written under a temporary name,
 * synced and renamed. If the home isn't the user's, or a symlink or special file is in the
 * way: -1 with *f filled, and nothing left behind.
 */
int home_prepare(const struct home_request *r, struct home_result *out, struct failure *f);

/*
 * After a session at whose start HOME/auth.json was a link to `link`: if Codex has replaced
 * the link by a file, the file is moved to the link's target; if Codex has removed the link,
 * its target is removed. All as the user. Returns 0, or -1 with *f filled.
 */
int home_keep_login(
	const char *home, const char *link, uid_t uid, gid_t gid, struct failure *f);

/*
 * Makes sure that the home exists and is the user's: creates it if it is missing, or
 * replaces it if it is empty and somebody else's (root can, without any capability: see
 * own.c). Returns 0, or -1 with *f filled.
 */
int home_own(const char *home, uid_t uid, gid_t gid, struct failure *f);

/*
 * Gives uid and gid the name codex in /etc/passwd and /etc/group, with home as its
 * directory. A read-only /etc isn't a failure: *warning says so. Returns 0, or -1 with *f
 * filled.
 */
int users_write(const char *etc, uid_t uid, gid_t gid, const char *home, char *warning,
	size_t warning_size, struct failure *f);

/* Stores the home directory of uid in etc's passwd in out. False if there is none. */
bool users_home(const char *etc, uid_t uid, char *out, size_t size);

/* Stores the shell of codex, else of uid, else of root in etc's passwd in out. False if none is
 * named. */
bool users_shell(const char *etc, uid_t uid, char *out, size_t size);

/* Finds uid and gid for `NAME` or `UID[:GID]` (NAME in etc's passwd). Returns 0, or -1 with
 * *f filled. */
int users_find(const char *etc, const char *text, uid_t *uid, gid_t *gid, struct failure *f);

/*
 * The NAME=value lines of the file named by SANDBOX_ENV_FILE: created empty for the user by
 * envfile_create() (path in out), read after the init script as the user by envfile_read(),
 * which removes it. Lines are checked (NAME: letters, digits, _, no leading digit; no NUL);
 * an invalid line is a failure that mentions its number. *vars is a NULL-terminated array,
 * to be freed with its strings by the caller.
 */
int envfile_create(char *out, size_t size, uid_t uid, gid_t gid, struct failure *f);
int envfile_read(const char *path, uid_t uid, gid_t gid, char ***vars, struct failure *f);

#endif
