#include "git_worktrees.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/inotify.h>
#include <unistd.h>

#include "../lib/file.h"
#include "safe.h"

#define PLACE  "worktrees"
#define CONFIG "config.worktree"

static const char common[] = "../..\n";

/* Opens a directory as far as git needs it, also one that the payload has closed. Returns -1 if
 * there is none of that name, with *other set if there is something else; and with EACCES if
 * the payload has just closed it, or the one around it, again. */
static int enter(int at, const char *name, bool *other)
{
	struct stat st;

	*other = false;
	if (fstatat(at, name, &st, AT_SYMLINK_NOFOLLOW) < 0)
		return -1;
	*other = !S_ISDIR(st.st_mode);
	errno = ENOTDIR;
	if (*other)
		return -1;
	if ((st.st_mode & 0700) != 0700)
		fchmodat(at, name, (st.st_mode & 07777) | 0700, 0);
	return openat(at, name, O_PATH | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
}

/* By its path in /proc, since it has no other that the payload couldn't change. Watches are
 * counted up; those of directories that were moved away stay. */
static void watch(struct git_worktrees *w, int directory)
{
	char path[64];
	int added;

	if (w->watches >= LIMIT_GIT_WATCHES)
		return;
	snprintf(path, sizeof(path), "/proc/self/fd/%d", directory);
	added = inotify_add_watch(w->events, path,
		IN_CREATE | IN_CLOSE_WRITE | IN_MODIFY | IN_MOVED_TO | IN_MOVED_FROM |
			IN_DELETE);
	if (added > w->watches)
		w->watches = added;
}

/* ---- One of them ------------------------------------------------------------------------- */

static void stat_config(int directory, struct stat *st)
{
	if (fstatat(directory, CONFIG, st, AT_SYMLINK_NOFOLLOW) < 0)
		*st = (struct stat){0};
}

/* The time of change can't be set without privilege. */
static bool is_config(const struct stat *a, const struct stat *b)
{
	return a->st_dev == b->st_dev && a->st_ino == b->st_ino && a->st_size == b->st_size &&
	       memcmp(&a->st_ctim, &b->st_ctim, sizeof(a->st_ctim)) == 0;
}

/* Without a commondir it is nobody's, as when git is about to make or remove it; but for
 * objects/, with which it is a repository. git ends where one is empty. */
static bool is_plain(int directory)
{
	char text[sizeof(common)];
	struct stat st;
	int fd;
	ssize_t n;

	if (fstatat(directory, "commondir", &st, AT_SYMLINK_NOFOLLOW) < 0)
		return errno != EACCES &&
		       fstatat(directory, "objects", &st, AT_SYMLINK_NOFOLLOW) < 0;
	fd = S_ISREG(st.st_mode) ? openat(directory, "commondir",
					   O_RDONLY | O_NOFOLLOW | O_NONBLOCK | O_CLOEXEC)
				 : -1;
	n = file_take(fd, text, sizeof(text));
	return n == 0 || (n == (ssize_t)strlen(common) && memcmp(text, common, (size_t)n) == 0);
}

static void put_common(int directory)
{
	char name[SAFE_TEMPORARY] = "";
	int fd = safe_create(directory, name, 0644);
	const bool written = fd >= 0 && file_write(fd, common, strlen(common)) == 0;

	if (fd >= 0)
		close(fd);
	if (written && renameat(directory, name, directory, "commondir") == 0)
		return;
	/* It is no file, or there is no room: without HEAD git obeys nothing there. */
	unlinkat(directory, name, 0);
	unlinkat(directory, "HEAD", 0);
}

static unsigned undone(struct git_report *r, const char *name, const char *file)
{
	char text[LIMIT_GITCONFIG_KEY];

	snprintf(text, sizeof(text), PLACE "/%s%s", name, file);
	git_report_add(r, GIT_PUT_BACK, text);
	return 1;
}

static unsigned look_at(struct git_worktrees *w, const struct git_worktree *t, int worktrees,
	struct git_report *r)
{
	unsigned times = 0;
	struct stat now;
	bool other;
	int fd = enter(worktrees, t->name, &other), error = errno;

	if (other && unlinkat(worktrees, t->name, 0) == 0)
		return undone(r, t->name, "");
	if (fd < 0)
		return error == EACCES;
	watch(w, fd);
	stat_config(fd, &now);
	if (!is_config(&now, &t->config)) {
		if (unlinkat(fd, CONFIG, 0) == 0)
			times += undone(r, t->name, "/" CONFIG);
		else if (errno == EACCES)
			times++;
	}
	if (t->plain && !is_plain(fd)) {
		put_common(fd);
		times += undone(r, t->name, "/commondir");
	}
	close(fd);
	return times;
}

/* ---- All --------------------------------------------------------------------------------- */

void git_worktrees_begin(struct git_worktrees *w, int git, int events)
{
	int fd = openat(git, PLACE, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
	DIR *directory = fd < 0 ? NULL : fdopendir(fd);
	struct dirent *entry;

	*w = (struct git_worktrees){.events = events};
	if (directory)
		watch(w, fd);
	while (directory && w->count < LIMIT_GIT_WORKTREES && (entry = readdir(directory))) {
		struct git_worktree *t = &w->list[w->count];
		int at = entry->d_name[0] == '.'
				 ? -1
				 : openat(fd, entry->d_name,
					   O_PATH | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);

		if (at < 0)
			continue;
		watch(w, at);
		snprintf(t->name, sizeof(t->name), "%s", entry->d_name);
		t->plain = is_plain(at);
		stat_config(at, &t->config);
		close(at);
		w->count++;
	}
	if (directory)
		closedir(directory);
	else if (fd >= 0)
		close(fd);
}

unsigned git_worktrees_look(struct git_worktrees *w, int git, struct git_report *r)
{
	unsigned times = 0;
	bool other;
	int fd, error;

	if (w->count == 0)
		return 0;
	fd = enter(git, PLACE, &other);
	error = errno;
	if (other && unlinkat(git, PLACE, 0) == 0)
		return undone(r, "", "");
	if (fd < 0)
		return error == EACCES;
	watch(w, fd);
	for (unsigned i = 0; i < w->count; i++)
		times += look_at(w, &w->list[i], fd, r);
	close(fd);
	return times;
}
