/*
 * Where Codex's own files are looked for. One list of directories serves all kinds:
 * --config, CODEX_CONFIG_DIR, ~/.codex, ~/.config/codex, WORK_DIR/codex, WORK_DIR/.codex.
 *
 * What lies in the workdir may have been put there by anybody who could write to the project,
 * so a link in it that leads out is refused: it would carry a file of the host's into the
 * container.
 */
#ifndef STUB_FIND_H
#define STUB_FIND_H

#include <sys/types.h>

#include "auth.h"
#include "log.h"
#include "plan.h"
#include "arena.h"

struct search {
	struct plan *plan; /* its workdir is known */
	struct arena *arena;
	const char *config_file; /* --config FILE; NULL: none was named */
	struct string_list directories;
};

/* Fills *s from --config (NULL: not given), the environment and HOME. What was named must
 * exist. Returns 0, or -1 with *t filled. Free with find_free(). */
int find_begin(struct search *s, struct plan *p, const char *config, struct error *t);
void find_free(struct search *s);

/* A path that was named: absolute and resolved, or NULL with *t filled. kind is S_IFREG,
 * S_IFDIR, 0: either of them, or FIND_SHARED: a socket as well. what is for the message: "use
 * the init script". Where a link in the workdir leads out of it, the path is refused: it was
 * the project that chose where it ends. */
const char *find_named(
	struct plan *p, const char *what, const char *path, mode_t kind, struct error *t);
#define FIND_SHARED ((mode_t)-1)

/* The first config.toml. *found is NULL where there is none. */
int find_config(struct search *s, const char **found, struct error *t);
/* The first file or directory (kind S_IFREG or S_IFDIR) of that name, likewise. */
int find_first(
	struct search *s, const char *name, mode_t kind, const char **found, struct error *t);

/* What is at a resolved path, as credentials: auth_look() on what workdir_open() opens. */
enum auth_state find_look(
	const struct plan *p, const char *real, struct auth_facts *facts, struct error *t);

/* The first auth.json that can be used: named (--auth_file or CODEX_AUTH_FILE, NULL: neither),
 * then the directories, then home's own. Others are passed over with a warning, but for empty
 * ones, which count as absent, and the one that was named, which is refused. */
int find_auth(struct search *s, const char *named, const char *home, const char **found,
	struct auth_facts *facts, struct error *t);

/* getenv(), but NULL for a variable that is empty. */
const char *find_variable(const char *name);

#endif
