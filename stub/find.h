/*
 * Where Codex's own files are looked for. One list of directories serves all kinds:
 * --config, CODEX_CONFIG_DIR, ~/.codex, ~/.config/codex, WORK_DIR/codex, WORK_DIR/.codex.
 *
 * What is in the workdir may have been put there by anybody who could write to the project,
 * so a link in it that leads out is refused: it would bring a file of the host into the
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
	struct plan *plan; /* its workdir is set */
	struct arena *arena;
	const char *config_file; /* --config FILE; NULL: none */
	struct string_list directories;
};

/* Fills *s from --config (NULL: not given), the environment and HOME. What was given
 * explicitly must exist. Returns 0, or -1 with *t filled. Free with find_free(). */
int find_begin(struct search *s, struct plan *p, const char *config, struct error *t);
void find_free(struct search *s);

/*
 * A path that was given explicitly: absolute and resolved, or NULL with *t filled. kind is
 * S_IFREG, S_IFDIR, 0: either, or FIND_SHARED: a socket as well. what is for the message:
 * "use the init script". Refused if a link in the workdir leads out of it, because then the
 * project has chosen the target.
 */
const char *find_named(
	struct plan *p, const char *what, const char *path, mode_t kind, struct error *t);
#define FIND_SHARED ((mode_t)-1)

/* The first config.toml. *found is NULL if there is none. */
int find_config(struct search *s, const char **found, struct error *t);
/* Likewise the first file or directory (kind S_IFREG or S_IFDIR) of that name. */
int find_first(
	struct search *s, const char *name, mode_t kind, const char **found, struct error *t);

/* auth_look() on what workdir_open() opens at a resolved path. */
enum auth_state find_look(
	const struct plan *p, const char *real, struct auth_facts *facts, struct error *t);

/*
 * The first auth.json that can be used: named (--auth_file or CODEX_AUTH_FILE, NULL:
 * neither), then the directories, then home's own. Empty ones count as absent. Others that
 * can't be used are skipped with a warning; named is refused.
 */
int find_auth(struct search *s, const char *named, const char *home, const char **found,
	struct auth_facts *facts, struct error *t);

/* getenv(), but NULL if the variable is empty. */
const char *find_variable(const char *name);

#endif
