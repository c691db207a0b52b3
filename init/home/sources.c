/* See sources.h. */
#include "sources.h"

#include <dirent.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

static const char operation[] = "read the drop-off";

static int fail_on(
	const struct sources *s, const char *path, const char *why, struct failure *f)
{
	char on[sizeof(f->subject)];

	snprintf(on, sizeof(on), "%s/%s", s->from, path);
	return fail(f, operation, on, "%s", why);
}

/* The directories that are copied recursively. */
static bool is_in_tree(const char *path)
{
	static const char *const trees[] = {"prompts", "skills", "rules"};

	for (size_t i = 0; i < sizeof(trees) / sizeof(trees[0]); i++) {
		size_t n = strlen(trees[i]);

		if (strncmp(path, trees[i], n) == 0 && (path[n] == '\0' || path[n] == '/'))
			return true;
	}
	return false;
}

static void leave_out(struct sources *s, const char *path)
{
	if (s->skipped++ == 0)
		snprintf(s->skipped_path, sizeof(s->skipped_path), "%.*s",
			(int)sizeof(s->skipped_path) - 1, path);
}

static struct source *add(
	struct sources *s, const char *path, unsigned depth, struct failure *f)
{
	struct source *item;

	if (s->count == LIMIT_HOME_FILES) {
		fail(f, operation, s->from, "it holds more than %d files", LIMIT_HOME_FILES);
		return NULL;
	}
	item = &s->list[s->count];
	*item = (struct source){.path = strdup(path), .depth = depth, .fd = -1};
	if (!item->path) {
		fail_errno(f, operation, s->from);
		return NULL;
	}
	s->count++;
	return item;
}

/* At the top level an unsuitable item is an error; below it is skipped. */
static int reject(struct sources *s, struct source *item, const char *why, struct failure *f)
{
	if (item->depth == 0)
		return fail_on(s, item->path, why, f);
	leave_out(s, item->path);
	item->state = SOURCE_NONE;
	return 0;
}

static bool is_left_to_codex(const char *path)
{
	return strcmp(path, "skills/.system") == 0;
}

/* Adds the entries of directory fd, which it closes, to the list. */
static int list(
	struct sources *s, const struct source *item, int fd, bool users, struct failure *f)
{
	const unsigned depth = item->depth + 1;
	const char *path = item->path;
	DIR *dir = fdopendir(fd);
	const struct dirent *entry;
	struct source *new;
	int done = 0;

	if (!dir) {
		close(fd);
		return fail_errno(f, operation, path);
	}
	while (done == 0 && (errno = 0, entry = readdir(dir))) {
		char below[LIMIT_HOME_PATH];
		int n = snprintf(below, sizeof(below), "%s/%s", path, entry->d_name);

		if (strcmp(entry->d_name, ".") == 0 || strcmp(entry->d_name, "..") == 0 ||
			is_left_to_codex(below))
			continue;
		if (s->count == LIMIT_HOME_FILES) {
			leave_out(s, below);
			break;
		}
		if (depth > LIMIT_HOME_DEPTH || n >= (int)sizeof(below))
			leave_out(s, below);
		else if ((new = add(s, below, depth, f)) != NULL)
			new->users = users;
		else
			done = -1;
	}
	if (done == 0 && !entry && errno)
		done = fail_on(s, path, strerror(errno), f);
	closedir(dir);
	return done;
}

static int take(struct sources *s, struct source *item, int fd, struct failure *f)
{
	bool tree = is_in_tree(item->path);
	struct stat st;

	if (fstat(fd, &st) < 0) {
		close(fd);
		return fail_on(s, item->path, strerror(errno), f);
	}
	if (S_ISDIR(st.st_mode) && tree) {
		item->state = SOURCE_DIRECTORY;
		return list(s, item, fd,
			item->users || st.st_uid != geteuid() || (st.st_mode & 022), f);
	}
	/* "prompts" must be a directory, "config.toml" a file. */
	if (!S_ISREG(st.st_mode) || (tree && item->depth == 0)) {
		close(fd);
		return reject(s, item, "it has the wrong type", f);
	}
	if (st.st_size > LIMIT_HOME_BYTES) {
		close(fd);
		return reject(s, item, "it is larger than 4 MiB", f);
	}
	item->state = SOURCE_FILE;
	item->program = st.st_mode & 0111;
	item->fd = fd;
	return 0;
}

/* Opens an item. The entries of a directory are appended to the list. */
static int visit(struct sources *s, struct source *item, bool last, struct failure *f)
{
	int fd;

	if (item->users && !last) {
		item->state = SOURCE_DENIED;
		return 0;
	}
	fd = safe_open(s->root, item->path, O_RDONLY | O_NONBLOCK | O_NOCTTY, 0);
	if (fd >= 0)
		return take(s, item, fd, f);
	switch (errno) {
	case EACCES:
		item->state = SOURCE_DENIED;
		return last ? reject(s, item, "neither root nor the user may read it", f) : 0;
	case ENOENT:
		item->state = SOURCE_NONE;
		return 0;
	case ELOOP:
		return reject(s, item, "it is a symbolic link", f);
	case ENXIO: /* a socket, or a device without a driver */
		return reject(s, item, "it has the wrong type", f);
	case EMFILE:
		fail_on(s, item->path, "too many files for the limit of open files", f);
		return fail_hint(f, "raise it: --ulimit nofile=4096");
	default:
		return fail_on(s, item->path, strerror(errno), f);
	}
}

static int open_root(struct sources *s, bool last, struct failure *f)
{
	static const char *const names[] = {
		"config.toml", "AGENTS.md", "init.sh", "prompts", "skills", "rules"};

	s->root = open(s->from, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	if (s->root < 0)
		return errno == EACCES && !last ? 0 : fail_errno(f, operation, s->from);
	for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++)
		if (!add(s, names[i], 0, f))
			return -1;
	return 0;
}

int sources_gather(struct sources *s, bool last, struct failure *f)
{
	if (s->root < 0 && open_root(s, last, f) < 0)
		return -1;
	/* The list grows while directories are visited; add() bounds it. */
	for (size_t i = 0; i < s->count; i++) {
		struct source *item = &s->list[i];

		if ((item->state == SOURCE_NEW || item->state == SOURCE_DENIED) &&
			visit(s, item, last, f) < 0)
			return -1;
	}
	return 0;
}
