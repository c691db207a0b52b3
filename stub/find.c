#include "find.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "beneath.h"
#include "workdir.h"

const char *find_variable(const char *name)
{
	const char *value = getenv(name);

	return value && *value ? value : NULL;
}

static bool is_kind(mode_t mode, mode_t kind)
{
	if (kind == FIND_SHARED && S_ISSOCK(mode))
		return true;
	return kind && kind != FIND_SHARED ? (mode & S_IFMT) == kind
					   : S_ISREG(mode) || S_ISDIR(mode);
}

static const char *kind_name(mode_t kind)
{
	return kind == S_IFREG   ? "a regular file"
	       : kind == S_IFDIR ? "a directory"
				 : "a file or a directory";
}

static int refuse_stray(const char *what, const char *path, const char *real, struct error *t)
{
	refuse(t, what, path, "a symbolic link in the workdir leads out of it, to %s", real);
	return refuse_hint(
		t, "name the target itself if that is what you mean, or remove the link");
}

const char *find_named(
	struct plan *p, const char *what, const char *path, mode_t kind, struct error *t)
{
	/* Before the workdir is known, nothing is in it. */
	const char *root = p->workdir ? p->workdir : "/";
	char real[PATH_MAX];
	struct stat st;
	bool strayed;

	if (beneath_resolve(root, path, real, &strayed) < 0 || lstat(real, &st) < 0) {
		refuse_errno(t, what, path);
		return NULL;
	}
	if (strayed) {
		refuse_stray(what, path, real, t);
		return NULL;
	}
	if (!is_kind(st.st_mode, kind)) {
		refuse(t, what, path, "not %s", kind_name(kind));
		return NULL;
	}
	return arena_copy(&p->arena, real);
}

int find_begin(struct search *s, struct plan *p, const char *config, struct error *t)
{
	const char *variable = find_variable("CODEX_CONFIG_DIR"), *home = find_variable("HOME");
	struct arena *arena = &p->arena;
	struct stat st;

	*s = (struct search){.plan = p, .arena = arena};
	if (config) {
		config = find_named(p, "use --config", config, 0, t);
		if (!config)
			return -1;
		if (stat(config, &st) == 0 && S_ISDIR(st.st_mode))
			string_list_add(&s->directories, config);
		else
			s->config_file = config;
	}
	if (variable) {
		variable = find_named(p, "use CODEX_CONFIG_DIR", variable, S_IFDIR, t);
		if (!variable)
			return -1;
		string_list_add(&s->directories, variable);
	}
	if (home && home[0] == '/') {
		string_list_add(&s->directories, arena_format(arena, "%s/.codex", home));
		string_list_add(&s->directories, arena_format(arena, "%s/.config/codex", home));
	}
	string_list_add(&s->directories, arena_format(arena, "%s/codex", p->workdir));
	string_list_add(&s->directories, arena_format(arena, "%s/.codex", p->workdir));
	return 0;
}

void find_free(struct search *s)
{
	string_list_free(&s->directories);
}

/* Looks for directory/name. Returns 1 with its resolved path in *found, 0 if there is none,
 * -1 if it must not be used. */
static int candidate(struct search *s, const char *directory, const char *name,
	const char **found, struct error *t)
{
	const char *path = arena_format(s->arena, "%s/%s", directory, name);
	char real[PATH_MAX];
	bool strayed;

	if (beneath_resolve(s->plan->workdir, path, real, &strayed) < 0) {
		if (errno != ENOENT && errno != ENOTDIR)
			log_warning("%s is left out: %s", path, strerror(errno));
		return 0;
	}
	if (strayed) {
		refuse(t, "use the workdir", s->plan->workdir,
			"%s leads out of it through a symbolic link", path);
		return refuse_hint(t, "remove the link, or put the file itself there");
	}
	*found = arena_copy(s->arena, real);
	return 1;
}

int find_first(
	struct search *s, const char *name, mode_t kind, const char **found, struct error *t)
{
	*found = NULL;
	for (size_t i = 0; i < s->directories.count; i++) {
		const char *path = NULL;
		struct stat st;
		int there = candidate(s, s->directories.word[i], name, &path, t);

		if (there < 0)
			return -1;
		if (!there || lstat(path, &st) < 0)
			continue;
		if (is_kind(st.st_mode, kind)) {
			*found = path;
			return 0;
		}
		log_warning("%s is left out: not %s", path, kind_name(kind));
	}
	return 0;
}

int find_config(struct search *s, const char **found, struct error *t)
{
	*found = s->config_file;
	return *found ? 0 : find_first(s, "config.toml", S_IFREG, found, t);
}

enum auth_state find_look(
	const struct plan *p, const char *real, struct auth_facts *facts, struct error *t)
{
	/* O_NONBLOCK: opening a FIFO must not wait for a writer. */
	int fd = workdir_open(p, real, O_RDONLY | O_NOCTTY | O_NONBLOCK);
	enum auth_state state;

	*facts = (struct auth_facts){0};
	if (fd < 0 && (errno == ENOENT || errno == ENOTDIR))
		return AUTH_ABSENT;
	if (fd < 0)
		return refuse_errno(t, "use the credentials", real), AUTH_BAD;
	state = auth_look(fd, real, facts, t);
	close(fd);
	return state;
}

static int take_named_auth(struct search *s, const char *named, const char **found,
	struct auth_facts *facts, struct error *t)
{
	const char *path = find_named(s->plan, "use the credentials", named, S_IFREG, t);

	*found = path;
	if (!path)
		return -1;
	switch (find_look(s->plan, path, facts, t)) {
	case AUTH_GOOD:
		return 0;
	case AUTH_ABSENT:
		return refuse(t, "use the credentials", named, "the file is empty");
	case AUTH_BAD:
		break;
	}
	return -1;
}

/* It wasn't asked for by name, so the next one may do. */
static void pass_over(const char *path, const struct error *t)
{
	log_warning("the credentials in %s are skipped: %s", path, t->reason);
	if (t->hint[0])
		log_hint("%s", t->hint);
}

int find_auth(struct search *s, const char *named, const char *home, const char **found,
	struct auth_facts *facts, struct error *t)
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
		/* Codex can write there, and must not choose what we mount. */
		if (directory == home &&
			strcmp(*found, arena_format(s->arena, "%s/auth.json", home)) != 0)
			return refuse(t, "use Codex's home", home,
				"auth.json is a symbolic link, to %s", *found);
		state = find_look(s->plan, *found, facts, t);
		if (state == AUTH_GOOD)
			return 0;
		if (state == AUTH_BAD)
			pass_over(*found, t);
	}
	*found = NULL;
	return 0;
}
