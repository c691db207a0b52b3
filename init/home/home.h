/*
 * Codex's home: the drop-off's files copied into CODEX_HOME, as the payload's user, never
 * through a symlink, atomically; and the user database's line for that user.
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
	const char *from; /* the read-only drop-off, or NULL: nothing to copy */
	const char *home; /* CODEX_HOME */
	const char *etc;  /* where an administrator's files for Codex are: layers.h */
	uid_t uid;
	gid_t gid;
};

struct home_result {
	bool config_copied;
	bool hook;            /* HOME/init.sh is there and executable by the user */
	bool login;           /* HOME/auth.json is there and not empty */
	bool provider;        /* its config.toml chooses who is asked: perhaps not OpenAI */
	char login_link[128]; /* where it leads, when it is a link, or "" */
	unsigned copied;      /* besides config.toml and init.sh */
	struct layers layers;
	uint32_t advice;   /* what of HOME/config.toml doesn't fit in the container: advice.h */
	char warning[256]; /* something the user should know, or "" */
};

/*
 * In a child with the payload's uid (sources that only root can read are opened before the
 * drop): config.toml and AGENTS.md are copied when the home has none; each file of prompts/,
 * skills/ and rules/ that the home lacks is copied; init.sh replaces the home's init.sh and is
 * made executable. Every
 * path is opened beneath its root without following symlinks (openat2(2), RESOLVE_BENEATH |
 * RESOLVE_NO_SYMLINKS), written to a temporary name, synced and renamed. A home that is not the
 * user's, a symlink or an odd file in the way: -1 with a reason, and nothing half done.
 */
int home_prepare(const struct home_request *r, struct home_result *out, struct failure *f);

/*
 * After the session, where HOME/auth.json was a link to `link` at its beginning: a file that
 * Codex has put in the link's place is moved to where the link led; where Codex has removed the
 * link, what it led to is removed. All as the user.
 */
int home_keep_login(
	const char *home, const char *link, uid_t uid, gid_t gid, struct failure *f);

/* Makes sure that a home exists and is the user's: creates it when it is missing or empty and
 * somebody else's (root may, without any capability: see users.c). */
int home_own(const char *home, uid_t uid, gid_t gid, struct failure *f);

/* Gives uid and gid the name codex in /etc/passwd and /etc/group, home as its directory. A
 * read-only /etc is no failure: *warning says so. */
int users_write(const char *etc, uid_t uid, gid_t gid, const char *home, char *warning,
	size_t warning_size, struct failure *f);

/* The uid and gid of a `NAME` or `UID[:GID]` (NAME from etc's passwd). Returns 0 or -1. */
int users_find(const char *etc, const char *text, uid_t *uid, gid_t *gid, struct failure *f);

/*
 * The NAME=value lines of the file that SANDBOX_ENV_FILE names: created empty for the user
 * by envfile_create() (path in out), read back after the hook as the user by envfile_read(),
 * which removes it. Lines are checked (NAME: letters, digits, _, not first a digit; no NUL);
 * a bad line is a failure that quotes its number. *vars is a NULL-terminated array, to be freed
 * with its strings by the caller.
 */
int envfile_create(char *out, size_t size, uid_t uid, gid_t gid, struct failure *f);
int envfile_read(const char *path, uid_t uid, gid_t gid, char ***vars, struct failure *f);

#endif
