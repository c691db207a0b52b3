#include "repository.h"

#include <fcntl.h>
#include <limits.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "../init/lib/file.h"
#include "../init/lib/gitconfig.h"
#include "beneath.h"
#include "find.h"
#include "plan.h"
#include "quote.h"

static int open_directory(const char *path)
{
	return beneath_open_resolved(path, O_RDONLY | O_DIRECTORY);
}

/* The contents of a small regular file, without its final newline; NULL if it isn't one. */
static char *read_small(struct plan *p, int directory, const char *name, size_t size)
{
	int fd = beneath_open(directory, name, O_RDONLY | O_NONBLOCK | O_NOCTTY, 0);
	char *text = arena_bytes(&p->arena, size + 1);
	struct stat st;
	ssize_t n = -1;

	if (fd < 0)
		return NULL;
	if (fstat(fd, &st) == 0 && S_ISREG(st.st_mode) && st.st_size <= (off_t)size)
		n = file_read(fd, text, size);
	close(fd);
	if (n < 0)
		return NULL;
	while (n > 0 && (text[n - 1] == '\n' || text[n - 1] == '\r'))
		n--;
	text[n] = '\0';
	return strlen(text) == (size_t)n ? text : NULL;
}

const char *repository_line(struct plan *p, int directory, const char *name)
{
	const char *text = read_small(p, directory, name, BOUND_GIT_POINTER);

	return text && *text && !strchr(text, '\n') ? text : NULL;
}

/* Removes ".", ".." and redundant slashes from an absolute path. */
static char *normalise(struct arena *arena, const char *path)
{
	char *out = arena_bytes(arena, strlen(path) + 2), *end = out;

	while (*path) {
		size_t n = strcspn(path, "/");

		if (n == 2 && memcmp(path, "..", 2) == 0) {
			while (end > out && *--end != '/')
				;
		} else if (n > 0 && !(n == 1 && *path == '.')) {
			*end++ = '/';
			memcpy(end, path, n);
			end += n;
		}
		path += n + (path[n] == '/');
	}
	if (end == out)
		*end++ = '/';
	*end = '\0';
	return out;
}

const char *repository_place(
	struct plan *p, const char *from, const char *pointer, const char **real)
{
	bool absolute = *pointer == '/';
	char *path = normalise(&p->arena,
		absolute ? pointer : arena_format(&p->arena, "%s/%s", from, pointer));
	char resolved[PATH_MAX];

	*real = realpath(path, resolved) && strcmp(resolved, path) == 0 ? path : NULL;
	return absolute ? path : arena_format(&p->arena, "/app%s", path);
}

static void close_it(struct repository *r, const char *why)
{
	r->kind = REPOSITORY_CLOSED;
	r->why = why;
}

static bool there(int directory, const char *name)
{
	struct stat st;

	return fstatat(directory, name, &st, AT_SYMLINK_NOFOLLOW) == 0;
}

/* Whether git would take it for a repository, and it belongs to the workdir's owner. Returns
 * the reason if not, or NULL. */
static const char *check_repository(struct plan *p, const char *path, bool common)
{
	int fd = open_directory(path);
	const char *why = NULL;
	struct stat st;

	if (fd < 0 || fstat(fd, &st) < 0)
		why = "its git directory can't be opened";
	else if (st.st_uid != p->workdir_uid)
		why = "its git directory belongs to somebody else";
	else if (!there(fd, "HEAD") ||
		 (common && (!there(fd, "objects") || !there(fd, "refs"))))
		why = "its file .git leads to something that isn't a git directory";
	if (fd >= 0)
		close(fd);
	return why;
}

/* ---- The two kinds that point back --------------------------------------------------- */

static const char does_not_point_back[] =
	"its file .git leads to a git directory that doesn't point back";

static void take_worktree(struct plan *p, struct repository *r, int git, const char *common)
{
	const char *pointer = repository_line(p, git, "gitdir"), *real = NULL;
	const char *name = strrchr(r->git, '/');
	size_t n;

	repository_place(p, r->git, common, &r->common);
	if (pointer)
		repository_place(p, r->git, pointer, &real);
	if (!r->common || !real ||
		strcmp(real, arena_format(&p->arena, "%s/.git", r->top)) != 0)
		return close_it(r, does_not_point_back);
	n = strlen(r->common);
	if (strcmp(r->git, arena_format(&p->arena, "%s/worktrees%s", r->common, name)) != 0)
		return close_it(r, does_not_point_back);
	/* The place of the worktree's own directory is known: remove "/worktrees/NAME". */
	r->place = arena_format(
		&p->arena, "%.*s", (int)(strlen(r->place) - (strlen(r->git) - n)), r->place);
	r->why = check_repository(p, r->common, true);
	r->kind = r->why ? REPOSITORY_CLOSED : REPOSITORY_WORKTREE;
}

/* core.worktree in the config of an open git directory; NULL: none. */
static const char *worktree_setting(struct plan *p, int git)
{
	const char *text = read_small(p, git, "config", BOUND_GIT_BYTES), *found = NULL;
	struct gitconfig_entry e;
	struct gitconfig c;

	if (!text)
		return NULL;
	gitconfig_begin(&c, text, strlen(text));
	while (gitconfig_next(&c, &e) == 1)
		if (strcmp(e.key, "core.worktree") == 0)
			found = arena_copy(&p->arena, e.value);
	return found;
}

static void find_at(struct plan *p, struct repository *r, const char *top, unsigned depth);

/* The superproject is a directory around the workdir, with the git directory beneath its
 * modules/. */
static bool is_module(struct plan *p, const struct repository *r, unsigned depth)
{
	const char *above = r->top, *slash;

	while ((slash = strrchr(above, '/')) != NULL && slash > above) {
		struct repository super = {0};

		above = arena_format(&p->arena, "%.*s", (int)(slash - above), above);
		find_at(p, &super, above, depth + 1);
		if (super.kind != REPOSITORY_NONE && super.kind != REPOSITORY_CLOSED &&
			beneath_contains(
				arena_format(&p->arena, "%s/modules", super.git), r->git))
			return true;
	}
	return false;
}

static void take_submodule(struct plan *p, struct repository *r, int git, unsigned depth)
{
	const char *back = worktree_setting(p, git), *real = NULL;

	if (back && *back)
		repository_place(p, r->git, back, &real);
	if (!real || strcmp(real, r->top) != 0 || !is_module(p, r, depth))
		return close_it(r, does_not_point_back);
	r->common = r->git;
	r->why = check_repository(p, r->common, true);
	r->kind = r->why ? REPOSITORY_CLOSED : REPOSITORY_SUBMODULE;
}

/* ---- Finding it ---------------------------------------------------------------------- */

static void follow(struct plan *p, struct repository *r, int top, unsigned depth)
{
	static const char word[] = "gitdir: ";
	const char *line = repository_line(p, top, ".git"), *common, *why;
	int git;

	if (!line || strncmp(line, word, strlen(word)) != 0)
		return close_it(r, "its file .git isn't in git's format");
	r->place = repository_place(p, r->top, line + strlen(word), &r->git);
	if (!r->git)
		return close_it(
			r, "its file .git leads to nothing, or through a symbolic link");
	/* What is in the workdir is there already, and protected like the rest of it. */
	if (beneath_contains(p->workdir, r->git)) {
		if (line[strlen(word)] == '/')
			return close_it(r, "its file .git has an absolute path into the "
					   "workdir, which is elsewhere in the container");
		r->kind = REPOSITORY_NONE;
		return;
	}
	why = check_repository(p, r->git, false);
	if (why)
		return close_it(r, why);
	git = open_directory(r->git);
	common = repository_line(p, git, "commondir");
	if (common)
		take_worktree(p, r, git, common);
	else
		take_submodule(p, r, git, depth);
	close(git);
}

/* A directory .git around the workdir. git ignores one that isn't a repository. */
static void search_parents(struct plan *p, struct repository *r)
{
	int fd = open_directory(r->git);
	bool passed_by = fd < 0 || !there(fd, "HEAD");

	if (fd >= 0)
		close(fd);
	if (passed_by)
		*r = (struct repository){.top = r->top};
	else if ((r->why = check_repository(p, r->git, true)))
		r->kind = REPOSITORY_CLOSED;
}

/* git doesn't cross file systems either. */
static bool is_elsewhere(const struct plan *p, const char *top)
{
	struct stat here, above;

	return fstat(p->workdir_fd, &here) < 0 || stat(top, &above) < 0 ||
	       here.st_dev != above.st_dev;
}

static void find_at(struct plan *p, struct repository *r, const char *top, unsigned depth)
{
	int fd = depth > BOUND_GIT_DEPTH ? -1 : open_directory(top);
	struct stat st, dot_git;

	*r = (struct repository){.top = top};
	if (fd < 0 || fstat(fd, &st) < 0 ||
		fstatat(fd, ".git", &dot_git, AT_SYMLINK_NOFOLLOW) < 0) {
		r->kind = REPOSITORY_NONE;
	} else if (S_ISREG(dot_git.st_mode) && dot_git.st_uid == p->workdir_uid) {
		follow(p, r, fd, depth);
	} else if (S_ISDIR(dot_git.st_mode)) {
		r->git = r->common = arena_format(&p->arena, "%s/.git", top);
		r->place = arena_format(&p->arena, "/app%s", r->common);
		r->kind = REPOSITORY_DIRECTORY;
		if (strcmp(top, p->workdir) != 0)
			search_parents(p, r);
	} else {
		close_it(r, S_ISREG(dot_git.st_mode) ? "its file .git belongs to somebody else"
						     : "its .git is a link");
	}
	if (fd >= 0)
		close(fd);
}

bool repository_is_taken(const char *place)
{
	static const char *const taken[] = {"/codex_home", "/codex_auth", "/run", "/proc",
		"/sys", "/dev", "/etc/codex", "/lib", "/lib64", "/usr/lib", "/sbin", "/bin"};

	for (size_t i = 0; i < sizeof(taken) / sizeof(taken[0]); i++)
		if (beneath_contains(taken[i], place) || beneath_contains(place, taken[i]))
			return true;
	return false;
}

static bool holds_home(const char *top)
{
	const char *home = find_variable("HOME");
	char real[PATH_MAX];

	return home && realpath(home, real) && beneath_contains(top, real);
}

void repository_find(struct plan *p, struct repository *r)
{
	const char *top = p->workdir, *why, *slash;

	find_at(p, r, top, 0);
	while (r->kind == REPOSITORY_NONE && !r->git && (slash = strrchr(top, '/')) > top) {
		top = arena_format(&p->arena, "%.*s", (int)(slash - top), top);
		if (is_elsewhere(p, top))
			break;
		find_at(p, r, top, 0);
	}
	if (r->kind == REPOSITORY_NONE || r->kind == REPOSITORY_CLOSED)
		return;
	if (!quote_mountable(r->common, &why) || !quote_mountable(r->place, &why))
		close_it(r, why);
	else if (strcmp(top, p->workdir) != 0 && holds_home(top))
		close_it(r, "it is a repository of your whole home directory");
	else if (repository_is_taken(r->place))
		close_it(r, "the container has a directory of its own where git would look");
}
