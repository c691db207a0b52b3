#include "beneath.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <linux/openat2.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "bounds.h"

bool beneath_contains(const char *root, const char *path)
{
	size_t n = strlen(root);

	if (n == 1) /* "/" */
		return path[0] == '/';
	return strncmp(root, path, n) == 0 && (path[n] == '\0' || path[n] == '/');
}

static int open_how(int fd, const char *relative, int flags, mode_t mode, unsigned resolve)
{
	struct open_how how = {
		.flags = (unsigned)(flags | O_CLOEXEC),
		.mode = mode,
		.resolve = resolve | RESOLVE_BENEATH | RESOLVE_NO_MAGICLINKS,
	};

	return (int)syscall(SYS_openat2, fd, relative, &how, sizeof(how));
}

int beneath_open(int fd, const char *relative, int flags, mode_t mode)
{
	return open_how(fd, relative, flags, mode, RESOLVE_NO_SYMLINKS);
}

enum beneath beneath_look(int fd, const char *root, const char *relative, char real[PATH_MAX])
{
	char path[PATH_MAX];
	struct stat st;
	int found;

	if ((size_t)snprintf(path, sizeof(path), "%s/%s", root, relative) >= sizeof(path))
		return BENEATH_OUTSIDE;
	/* An absolute link into the workdir is none that leads out: so ask where it ends. */
	if (realpath(path, real))
		return beneath_contains(root, real) ? BENEATH_INSIDE : BENEATH_OUTSIDE;
	if (errno != ENOENT && errno != ENOTDIR)
		return BENEATH_OUTSIDE;
	/* Something on the way is missing; the kernel says on which side it would be. */
	found = open_how(fd, relative, O_PATH, 0, 0);
	if (found >= 0) { /* it has appeared just now */
		close(found);
		return BENEATH_OUTSIDE;
	}
	if (errno != ENOENT && errno != ENOTDIR)
		return BENEATH_OUTSIDE;
	found = beneath_open(fd, relative, O_PATH, 0);
	if (found < 0 && errno == ELOOP)
		return BENEATH_NOWHERE;
	if (found >= 0)
		close(found);
	return fstatat(fd, relative, &st, AT_SYMLINK_NOFOLLOW) == 0 ? BENEATH_NOWHERE
								    : BENEATH_ABSENT;
}

/* A walk over one tree. */
struct walk {
	int fd;
	const char *root, *skip;
	bool deep;
	unsigned entries;
	struct trouble *t;
};

static const char tried[] = "look for symbolic links that lead out of the workdir";

static int walk_directory(struct walk *w, const char *relative, unsigned depth);

static int walk_entry(
	struct walk *w, int directory, const char *relative, const char *name, unsigned depth)
{
	char path[PATH_MAX], real[PATH_MAX];
	struct stat st;

	if ((size_t)snprintf(path, sizeof(path), "%s/%s", relative, name) >= sizeof(path))
		return refuse(w->t, tried, relative, "a path in it is too long");
	if (++w->entries > BOUND_LINK_ENTRIES)
		return refuse(w->t, tried, relative,
			"more than %d entries: that is no configuration", BOUND_LINK_ENTRIES);
	if (fstatat(directory, name, &st, AT_SYMLINK_NOFOLLOW) < 0)
		return errno == ENOENT ? 0 : refuse_errno(w->t, tried, path);
	if (S_ISLNK(st.st_mode) &&
		beneath_look(w->fd, w->root, path, real) == BENEATH_OUTSIDE) {
		refuse(w->t, "use the workdir", w->root,
			"%s is a symbolic link that leads out of it", path);
		return refuse_hint(w->t, "remove the link, or put the file itself there");
	}
	if (S_ISDIR(st.st_mode) && w->deep)
		return walk_directory(w, path, depth + 1);
	return 0;
}

static int walk_directory(struct walk *w, const char *relative, unsigned depth)
{
	struct dirent *entry;
	DIR *directory;
	int fd, result = 0;

	if (depth > BOUND_LINK_DEPTH)
		return refuse(w->t, tried, relative, "more than %d directories deep",
			BOUND_LINK_DEPTH);
	fd = open_how(w->fd, relative, O_RDONLY | O_DIRECTORY, 0, 0);
	if (fd < 0)
		return errno == ENOENT ? 0 : refuse_errno(w->t, tried, relative);
	directory = fdopendir(fd);
	if (!directory) {
		refuse_errno(w->t, tried, relative);
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

int beneath_refuse_links(int fd, const char *root, const char *relative, const char *skip,
	bool deep, struct trouble *t)
{
	struct walk w = {.fd = fd, .root = root, .skip = skip, .deep = deep, .t = t};

	return walk_directory(&w, relative, 0);
}
