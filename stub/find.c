#include "find.h"

#include <errno.h>
#include <limits.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "beneath.h"

const char *find_variable(const char *name)
{
	const char *value = getenv(name);

	return value && *value ? value : NULL;
}

static bool is_kind(mode_t mode, mode_t kind)
{
	return kind ? (mode & S_IFMT) == kind : S_ISREG(mode) || S_ISDIR(mode);
}

static const char *kind_name(mode_t kind)
{
	return kind == S_IFREG   ? "a regular file"
	       : kind == S_IFDIR ? "a directory"
				 : "a file or a directory";
}

const char *find_named(
	struct pool *pool, const char *what, const char *path, mode_t kind, struct trouble *t)
{
	char real[PATH_MAX];
	struct stat st;

	if (!realpath(path, real) || stat(real, &st) < 0) {
		refuse_errno(t, what, path);
		return NULL;
	}
	if (!is_kind(st.st_mode, kind)) {
		refuse(t, what, path, "not %s", kind_name(kind));
		return NULL;
	}
	return pool_copy(pool, real);
}

int find_begin(struct search *s, struct pool *pool, const char *workdir, const char *config,
	struct trouble *t)
{
	const char *variable = find_variable("CODEX_CONFIG_DIR"), *home = find_variable("HOME");
	struct stat st;

	*s = (struct search){.pool = pool, .workdir = workdir};
	if (config) {
		config = find_named(pool, "use --config", config, 0, t);
		if (!config)
			return -1;
		if (stat(config, &st) == 0 && S_ISDIR(st.st_mode))
			words_add(&s->directories, config);
		else
			s->config_file = config;
	}
	if (variable) {
		variable = find_named(pool, "use CODEX_CONFIG_DIR", variable, S_IFDIR, t);
		if (!variable)
			return -1;
		words_add(&s->directories, variable);
	}
	if (home && home[0] == '/') {
		words_add(&s->directories, pool_format(pool, "%s/.codex", home));
		words_add(&s->directories, pool_format(pool, "%s/.config/codex", home));
	}
	words_add(&s->directories, pool_format(pool, "%s/codex", workdir));
	words_add(&s->directories, pool_format(pool, "%s/.codex", workdir));
	return 0;
}

void find_free(struct search *s)
{
	words_free(&s->directories);
}

/* Does the directory belong to the project, by its path or by where it leads? */
static bool in_project(const struct search *s, const char *directory)
{
	char real[PATH_MAX];

	return beneath_contains(s->workdir, directory) ||
	       (realpath(directory, real) && beneath_contains(s->workdir, real));
}

/* Is there directory/name? 1: yes, *found is its resolved path; 0: no; -1: it must not be used.
 */
static int candidate(struct search *s, const char *directory, const char *name,
	const char **found, struct trouble *t)
{
	const char *path = pool_format(s->pool, "%s/%s", directory, name);
	char real[PATH_MAX];

	if (!realpath(path, real)) {
		if (errno != ENOENT && errno != ENOTDIR)
			note_warning("%s is left out: %s", path, strerror(errno));
		return 0;
	}
	if (in_project(s, directory) && !beneath_contains(s->workdir, real)) {
		refuse(t, "use the workdir", s->workdir,
			"%s leads out of it through a symbolic link", path);
		refuse_hint(t, "remove the link, or put the file itself there");
		return -1;
	}
	*found = pool_copy(s->pool, real);
	return 1;
}

int find_first(
	struct search *s, const char *name, mode_t kind, const char **found, struct trouble *t)
{
	*found = NULL;
	for (size_t i = 0; i < s->directories.count; i++) {
		const char *path = NULL;
		struct stat st;
		int there = candidate(s, s->directories.word[i], name, &path, t);

		if (there < 0)
			return -1;
		if (!there || stat(path, &st) < 0)
			continue;
		if (is_kind(st.st_mode, kind)) {
			*found = path;
			return 0;
		}
		note_warning("%s is left out: not %s", path, kind_name(kind));
	}
	return 0;
}

int find_config(struct search *s, const char **found, struct trouble *t)
{
	*found = s->config_file;
	return *found ? 0 : find_first(s, "config.toml", S_IFREG, found, t);
}

static int take_named_auth(struct search *s, const char *named, const char **found,
	struct auth_facts *facts, struct trouble *t)
{
	*found = find_named(s->pool, "use the credentials", named, S_IFREG, t);
	if (!*found)
		return -1;
	switch (auth_look(*found, facts, t)) {
	case AUTH_GOOD:
		return 0;
	case AUTH_ABSENT:
		return refuse(t, "use the credentials", named, "the file is empty");
	case AUTH_BAD:
		break;
	}
	return -1;
}

int find_auth(struct search *s, const char *named, const char *home, const char **found,
	struct auth_facts *facts, struct trouble *t)
{
	*facts = (struct auth_facts){0};
	if (named)
		return take_named_auth(s, named, found, facts, t);
	for (size_t i = 0; i <= s->directories.count; i++) {
		const char *directory =
			i < s->directories.count ? s->directories.word[i] : home;
		int there = candidate(s, directory, "auth.json", found, t);
		enum auth_state state;

		if (there < 0)
			return -1;
		if (!there)
			continue;
		state = auth_look(*found, facts, t);
		if (state == AUTH_GOOD)
			return 0;
		if (state == AUTH_BAD)
			return -1;
	}
	*found = NULL;
	return 0;
}
