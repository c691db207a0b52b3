#include "beneath.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <linux/openat2.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "../init/lib/file.h"
#include "bounds.h"

bool beneath_contains(const char *root, const char *path)
{
	size_t n = strlen(root);

	if (n == 1) /* "/" */
		return path[0] == '/';
	return strncmp(root, path, n) == 0 && (path[n] == '\0' || path[n] == '/');
}

int beneath_open(int fd, const char *relative, int flags, mode_t mode)
{
	return file_open(fd, relative, flags, mode, RESOLVE_BENEATH | RESOLVE_NO_SYMLINKS);
}

int beneath_open_resolved(const char *path, int flags)
{
	return file_open(AT_FDCWD, path, flags, 0, RESOLVE_NO_SYMLINKS);
}

/* Removes the last component of an absolute path. */
static void remove_last(char *path)
{
	char *slash = strrchr(path, '/');

	if (slash)
		*slash = '\0';
}

/* Puts a link's target in front of the rest of the path. */
static int follow(const char *link, char rest[PATH_MAX], bool more, const char *left)
{
	char target[PATH_MAX], joined[PATH_MAX];
	ssize_t n = readlink(link, target, sizeof(target) - 1);

	if (n < 0) {
		if (errno == EINVAL) /* replaced in between by something that isn't a link */
			errno = ELOOP;
		return -1;
	}
	target[n] = '\0';
	if (snprintf(joined, sizeof(joined), "%s%s%s", target, more ? "/" : "", left) >=
		PATH_MAX) {
		errno = ENAMETOOLONG;
		return -1;
	}
	strcpy(rest, joined);
	return 0;
}

/* A path being resolved: `real` is done, `rest` is to come. */
struct path_walk {
	const char *root;
	char *real;
	char rest[PATH_MAX];
	unsigned links;
	bool by_link_in_root;
	beneath_step *step; /* or NULL */
	void *context;
};

/* Resolves one component, of size bytes at the beginning of `rest`. */
static int take_component(struct path_walk *w, size_t size)
{
	char name[NAME_MAX + 1], left[PATH_MAX];
	size_t n = strlen(w->real);
	bool more = w->rest[size] == '/';
	struct stat st;

	if (size > NAME_MAX || n + size + 2 > PATH_MAX) {
		errno = ENAMETOOLONG;
		return -1;
	}
	memcpy(name, w->rest, size);
	name[size] = '\0';
	strcpy(left, w->rest + size + more);
	strcpy(w->rest, left);
	if (strcmp(name, ".") == 0 || size == 0)
		return 0;
	if (strcmp(name, "..") == 0)
		return remove_last(w->real), 0;
	sprintf(w->real + n, "/%s", name);
	if (lstat(w->real, &st) < 0)
		return -1;
	if (w->step && w->step(w->context, w->real, &st) < 0)
		return -1;
	if (!S_ISLNK(st.st_mode)) {
		if (!more || S_ISDIR(st.st_mode))
			return 0;
		errno = ENOTDIR;
		return -1;
	}
	if (++w->links > BOUND_LINKS) {
		errno = ELOOP;
		return -1;
	}
	if (follow(w->real, w->rest, more, left) < 0)
		return -1;
	remove_last(w->real);
	if (beneath_contains(w->root, w->real[0] ? w->real : "/"))
		w->by_link_in_root = true;
	if (w->rest[0] == '/')
		w->real[0] = '\0';
	return 0;
}

static int resolve_rest(struct path_walk *w)
{
	while (w->rest[0])
		if (take_component(w, strcspn(w->rest, "/")) < 0)
			return -1;
	return 0;
}

int beneath_resolve(const char *root, const char *path, char real[PATH_MAX], bool *strayed)
{
	struct path_walk w = {.root = root, .real = real};

	*strayed = false;
	if (!*path) {
		errno = ENOENT;
		return -1;
	}
	if (strlen(path) >= sizeof(w.rest)) {
		errno = ENAMETOOLONG;
		return -1;
	}
	strcpy(w.rest, path);
	real[0] = '\0';
	if (*path != '/' && !getcwd(real, PATH_MAX))
		return -1;
	if (strcmp(real, "/") == 0)
		real[0] = '\0';
	if (resolve_rest(&w) < 0)
		return -1;
	if (!real[0])
		strcpy(real, "/");
	*strayed = w.by_link_in_root && !beneath_contains(root, real);
	return 0;
}

int beneath_trace(const char *path, beneath_step *step, void *context)
{
	char real[PATH_MAX] = "";
	struct path_walk w = {.root = "/", .real = real, .step = step, .context = context};
	struct stat st;

	if (*path != '/' || strlen(path) >= sizeof(w.rest)) {
		errno = *path == '/' ? ENAMETOOLONG : EINVAL;
		return -1;
	}
	strcpy(w.rest, path);
	return lstat("/", &st) == 0 && step(context, "/", &st) == 0 ? resolve_rest(&w) : -1;
}

/* A component is missing. The kernel says whether it would be inside. Returns false if it has
 * appeared in between. */
static bool look_for_missing(int fd, const char *relative, enum beneath *where)
{
	int found = file_open(fd, relative, O_PATH, 0, RESOLVE_BENEATH);
	struct stat st;

	if (found >= 0) {
		close(found);
		return false;
	}
	*where = BENEATH_OUTSIDE;
	if (errno != ENOENT && errno != ENOTDIR)
		return true;
	found = beneath_open(fd, relative, O_PATH, 0);
	if (found >= 0)
		close(found);
	*where = BENEATH_NOWHERE;
	if (found >= 0 || errno == ELOOP)
		return found < 0;
	if (fstatat(fd, relative, &st, AT_SYMLINK_NOFOLLOW) == 0)
		return S_ISLNK(st.st_mode);
	*where = BENEATH_ABSENT;
	return true;
}

enum beneath beneath_look(int fd, const char *root, const char *relative, char real[PATH_MAX])
{
	enum beneath where;
	char path[PATH_MAX];

	if ((size_t)snprintf(path, sizeof(path), "%s/%s", root, relative) >= sizeof(path))
		return BENEATH_OUTSIDE;
	/* Another start may be creating it. Whoever removes and creates it all the time gets
	 * the answer that stops us. */
	for (unsigned i = 0; i < BOUND_LOOKS; i++) {
		/* The kernel rejects absolute links, though one may lead back into the workdir.
		 */
		if (realpath(path, real))
			return beneath_contains(root, real) ? BENEATH_INSIDE : BENEATH_OUTSIDE;
		if (errno != ENOENT && errno != ENOTDIR)
			return errno == EACCES ? BENEATH_CLOSED : BENEATH_OUTSIDE;
		if (look_for_missing(fd, relative, &where))
			return where;
	}
	return BENEATH_OUTSIDE;
}

/* A traversal of one tree. */
struct tree_walk {
	int fd;
	const char *skip;
	bool deep;
	beneath_visit *visit;
	void *context;
	unsigned entries;
	struct error *t;
};

static const char operation[] = "examine the workdir";

static int walk_directory(struct tree_walk *w, const char *relative, unsigned depth);

static int walk_entry(struct tree_walk *w, int directory, const char *relative,
	const char *name, unsigned depth)
{
	char path[PATH_MAX];
	struct stat st;

	if ((size_t)snprintf(path, sizeof(path), "%s/%s", relative, name) >= sizeof(path))
		return refuse(w->t, operation, relative, "a path in it is too long");
	if (++w->entries > BOUND_LINK_ENTRIES)
		return refuse(w->t, operation, relative,
			"more than %d entries: too many for a configuration",
			BOUND_LINK_ENTRIES);
	if (fstatat(directory, name, &st, AT_SYMLINK_NOFOLLOW) < 0)
		return errno == ENOENT ? 0 : refuse_errno(w->t, operation, path);
	if (w->visit(w->context, path, &st, w->t) < 0)
		return -1;
	return S_ISDIR(st.st_mode) && w->deep ? walk_directory(w, path, depth + 1) : 0;
}

static int walk_directory(struct tree_walk *w, const char *relative, unsigned depth)
{
	struct dirent *entry;
	DIR *directory;
	int fd, result = 0;

	if (depth > BOUND_LINK_DEPTH)
		return refuse(w->t, operation, relative, "more than %d directories deep",
			BOUND_LINK_DEPTH);
	fd = beneath_open(w->fd, relative, O_RDONLY | O_DIRECTORY, 0);
	if (fd < 0)
		return errno == ENOENT ? 0 : refuse_errno(w->t, operation, relative);
	directory = fdopendir(fd);
	if (!directory) {
		refuse_errno(w->t, operation, relative);
		close(fd);
		return -1;
	}
	while (result == 0 && (entry = readdir(directory))) {
		const char *name = entry->d_name;

		if (strcmp(name, ".") == 0 || strcmp(name, "..") == 0)
			continue;
		if (depth == 0 && w->skip && strcmp(name, w->skip) == 0)
			continue;
		result = walk_entry(w, dirfd(directory), relative, name, depth);
	}
	closedir(directory);
	return result;
}

int beneath_walk(int fd, const char *relative, const char *skip, bool deep,
	beneath_visit *visit, void *context, struct error *t)
{
	struct tree_walk w = {fd, skip, deep, visit, context, 0, t};

	return walk_directory(&w, relative, 0);
}

/* Context of refuse_link(). */
struct checked_tree {
	int fd;
	const char *root;
};

static int refuse_link(void *context, const char *path, const struct stat *st, struct error *t)
{
	const struct checked_tree *tree = context;
	char real[PATH_MAX];

	enum beneath where;

	if (!S_ISLNK(st->st_mode))
		return 0;
	where = beneath_look(tree->fd, tree->root, path, real);
	if (where == BENEATH_CLOSED)
		return refuse(
			t, operation, path, "a symbolic link whose target can't be examined");
	if (where != BENEATH_OUTSIDE)
		return 0;
	refuse(t, "use the workdir", tree->root, "%s is a symbolic link that leads out of it",
		path);
	return refuse_hint(t, "remove the link, or put the file itself there");
}

int beneath_refuse_links(int fd, const char *root, const char *relative, const char *skip,
	bool deep, struct error *t)
{
	struct checked_tree tree = {fd, root};

	return beneath_walk(fd, relative, skip, deep, refuse_link, &tree, t);
}
