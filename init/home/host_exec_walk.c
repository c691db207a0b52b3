/* Uses openat2(2) and two queues. See host_exec_walk.h. */
#include "host_exec_walk.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <linux/openat2.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "../lib/file.h"
#include "../lib/clock.h"
#include "../lib/limits.h"

/* A directory to scan. */
struct step {
	struct step *next;
	enum host_exec_name is;
	bool link; /* reached by a link, which may be followed within the root */
	char path[];
};

struct queue {
	struct step *first, **last;
};

struct project_walk {
	int root;
	const char *host, *below, *prefix, *skip;
	host_exec_visit *visit;
	void *context;
	struct queue host_exec, ordinary;
	unsigned directories, entries;
	int64_t end; /* clock_ms() */
	bool complete, stop;
};

/* A link is followed only if its name is on the list, and never out of the root. */
static int open_beneath(const struct project_walk *w, const char *path, int flags, bool link)
{
	return file_open(
		w->root, path, flags, 0, RESOLVE_BENEATH | (link ? 0 : RESOLVE_NO_SYMLINKS));
}

static void enqueue(struct project_walk *w, const char *path, enum host_exec_name is, bool link)
{
	struct queue *q = is == HOST_EXEC_NO ? &w->ordinary : &w->host_exec;
	size_t size = strlen(path) + 1;
	struct step *s = malloc(sizeof(*s) + size);

	if (!s) {
		w->complete = false;
		return;
	}
	*s = (struct step){.is = is, .link = link};
	memcpy(s->path, path, size);
	*q->last = s;
	q->last = &s->next;
}

/* Reports a file or link. A link to a directory is scanned as well. */
static void report_entry(
	struct project_walk *w, const char *path, const struct stat *st, enum host_exec_name is)
{
	char whole[LIMIT_HOST_EXEC_PATH];
	struct stat target = {0};
	int fd;

	if (S_ISLNK(st->st_mode)) {
		fd = open_beneath(w, path, O_PATH, true);
		if (fd >= 0) {
			fstat(fd, &target);
			close(fd);
		}
		/* Not within a tree: circular links would never end. */
		if (target.st_ino && S_ISDIR(target.st_mode) && is != HOST_EXEC_NO)
			enqueue(w, path, is, true);
	}
	if (snprintf(whole, sizeof(whole), "%s%s", w->prefix, path) >= (int)sizeof(whole)) {
		w->complete = false;
		return;
	}
	if (strcmp(whole, w->skip) != 0 && !w->visit(w->context, whole, st, &target)) {
		w->complete = false;
		w->stop = true;
	}
}

static bool ends_with(const char *text, const char *end)
{
	size_t n = strlen(text), m = strlen(end);

	return n >= m && strcmp(text + n - m, end) == 0;
}

/* Files that no tool uses: git doesn't run *.sample, and editors leave the others behind. */
static bool is_noise(const char *name)
{
	return ends_with(name, ".sample") || ends_with(name, "~") || ends_with(name, ".swp");
}

/* The sandbox's own home in the project, from which the host executes nothing. */
static bool is_ours(const char *path)
{
	return strcasecmp(path, ".codex/.environment") == 0;
}

static enum host_exec_name classify(const struct step *s, const char *name, bool git)
{
	enum host_exec_name is = HOST_EXEC_NO;
	const char *slash = strrchr(s->path, '/');

	if (s->is == HOST_EXEC_TREE)
		return HOST_EXEC_TREE;
	if (s->is == HOST_EXEC_SOME || s->is == HOST_EXEC_SOME_TOO)
		is = host_exec_name_in(slash ? slash + 1 : s->path, name);
	if (s->is == HOST_EXEC_SOME)
		return is;
	if (is == HOST_EXEC_NO && git)
		is = host_exec_name_in_git(name);
	if (is == HOST_EXEC_NO && s->is != HOST_EXEC_GIT)
		is = host_exec_name_in_project(name);
	return is;
}

/*
 * Whether a directory that couldn't be opened, or examined, makes the scan incomplete: not
 * if it has vanished, was replaced by something else or is outside the root, nor if it
 * belongs to somebody else and the payload can't write to it either.
 */
static bool is_harmless(const struct project_walk *w, const char *path)
{
	struct stat st;

	if (errno == EACCES)
		return fstatat(w->root, path, &st, AT_SYMLINK_NOFOLLOW) == 0 &&
		       st.st_uid != getuid() && syscall(SYS_faccessat, w->root, path, W_OK) < 0;
	return errno == ENOENT || errno == ENOTDIR || errno == ELOOP || errno == EXDEV;
}

static void take_entry(
	struct project_walk *w, int dir, const struct step *s, const struct dirent *e, bool git)
{
	enum host_exec_name is = classify(s, e->d_name, git);
	char path[LIMIT_HOST_EXEC_PATH];
	bool top = s->path[0] == '.' && s->path[1] == '\0';
	struct stat st;

	if (is == HOST_EXEC_NO && (s->is == HOST_EXEC_GIT || s->is == HOST_EXEC_SOME ||
					  (e->d_type != DT_DIR && e->d_type != DT_UNKNOWN)))
		return;
	if (snprintf(path, sizeof(path), "%s%s%s", top ? "" : s->path, top ? "" : "/",
		    e->d_name) >= (int)sizeof(path)) {
		w->complete = false;
		return;
	}
	if (is_ours(path) || (s->is == HOST_EXEC_TREE && is_noise(path)))
		return;
	/* A directory that can be listed but not entered: EACCES. */
	if (fstatat(dir, e->d_name, &st, AT_SYMLINK_NOFOLLOW) < 0) {
		w->complete &= is_harmless(w, s->path);
		return;
	}
	if (S_ISDIR(st.st_mode))
		enqueue(w, path,
			is == HOST_EXEC_DESCEND || is == HOST_EXEC_FILE ? HOST_EXEC_NO : is,
			s->link);
	else if (is != HOST_EXEC_NO && is != HOST_EXEC_DESCEND)
		report_entry(w, path, &st, s->is == HOST_EXEC_TREE ? HOST_EXEC_NO : is);
}

static bool holds(int dir, const char *name)
{
	struct stat st;

	return fstatat(dir, name, &st, AT_SYMLINK_NOFOLLOW) == 0;
}

/*
 * True if git would take this directory for a repository, whatever its name: as
 * is_git_directory() in its setup.c. A link may lead to something on the host that isn't
 * here.
 */
static bool is_git(const struct step *s, int dir)
{
	if (s->is == HOST_EXEC_GIT)
		return true;
	return (s->is == HOST_EXEC_NO || s->is == HOST_EXEC_SOME_TOO) && holds(dir, "HEAD") &&
	       (holds(dir, "commondir") || (holds(dir, "objects") && holds(dir, "refs")));
}

/* Removes ".", ".." and redundant slashes. Returns false if the path leads out. */
static bool normalise(char *path)
{
	char *out = path;

	for (const char *p = path; *p;) {
		size_t n = strcspn(p, "/");
		bool more = p[n] == '/';

		if (n == 2 && p[0] == '.' && p[1] == '.') {
			if (out == path)
				return false;
			while (out > path && *--out != '/')
				;
		} else if (n > 1 || (n == 1 && *p != '.')) {
			if (out > path)
				*out++ = '/';
			memmove(out, p, n);
			out += n;
		}
		p += n + more;
	}
	*out = '\0';
	return true;
}

/*
 * Queues a hooks directory at path beneath the root; unless that is the project itself, a
 * parent of the git directory, or the git directory itself, which would add a flood of
 * files.
 */
static void enqueue_hooks(
	struct project_walk *w, const struct step *git, const char *path, unsigned *left)
{
	char normalised[LIMIT_HOST_EXEC_PATH];
	size_t n;

	snprintf(normalised, sizeof(normalised), "%s", path);
	if (!normalise(normalised))
		return;
	n = strlen(normalised);
	if (n == 0 || (strncmp(git->path, normalised, n) == 0 &&
			      (git->path[n] == '/' || git->path[n] == '\0')))
		return;
	if (*left == 0)
		w->complete = false;
	else
		enqueue(w, path, HOST_EXEC_TREE, true);
	*left -= *left > 0;
}

/*
 * core.hooksPath, if it is within the project: relative to the top of the work tree, which
 * contains ".git", or to the git directory if it is bare; or an absolute path on the host.
 * Only a plain line is recognised; a setting that is disguised is itself a change of config,
 * which is reported. git uses the last one, but sections aren't parsed here: so the first
 * few are scanned, each of which may be a large directory, and if there are more the scan is
 * reported as incomplete.
 */
static void find_hooks(struct project_walk *w, const struct step *s, int dir)
{
	static char text[LIMIT_HOST_EXEC_CONFIG + 1];
	char path[LIMIT_HOST_EXEC_PATH];
	const size_t host = strlen(w->host);
	const char *slash = strrchr(s->path, '/'), *name = slash ? slash + 1 : s->path;
	ssize_t n =
		file_take(openat(dir, "config", O_RDONLY | O_NOFOLLOW | O_NONBLOCK | O_CLOEXEC),
			text, sizeof(text) - 1);
	unsigned left = LIMIT_HOST_EXEC_HOOKS;

	text[n > 0 ? n : 0] = '\0';
	for (char *line = text; line; line = strchr(line, '\n')) {
		int top = strcasecmp(name, ".git") == 0 ? (int)(name - s->path)
							: (int)strlen(s->path);

		line += strspn(line, " \t\n");
		if (strncasecmp(line, "hookspath", 9) != 0)
			continue;
		line += 9 + strspn(line + 9, " \t=\"");
		if (strncmp(line, w->host, host) == 0 && line[host] == '/') {
			line += host + 1;
			top = 0;
		} else if (strncmp(line, w->below, strlen(w->below)) == 0) {
			line += strlen(w->below);
		} else {
			continue;
		}
		n = (ssize_t)strcspn(line, "\"\r\n#;");
		while (n > 0 && (line[n - 1] == ' ' || line[n - 1] == '\t'))
			n--;
		if (n == 0 || line[0] == '/')
			continue;
		if (snprintf(path, sizeof(path), "%.*s%s%.*s", top, s->path,
			    top > 0 && s->path[top - 1] != '/' ? "/" : "", (int)n,
			    line) < (int)sizeof(path))
			enqueue_hooks(w, s, path, &left);
		else
			w->complete = false;
	}
}

static void scan_directory(struct project_walk *w, const struct step *s)
{
	int fd = open_beneath(w, s->path, O_RDONLY | O_DIRECTORY, s->link);
	DIR *dir = fd < 0 ? NULL : fdopendir(fd);
	const struct dirent *e;
	bool git;

	if (!dir) {
		w->complete &= is_harmless(w, s->path);
		if (fd >= 0)
			close(fd);
		return;
	}
	git = is_git(s, fd);
	if (git)
		find_hooks(w, s, fd);
	while (!w->stop && (e = readdir(dir))) {
		if (strcmp(e->d_name, ".") == 0 || strcmp(e->d_name, "..") == 0)
			continue;
		if (++w->entries > LIMIT_HOST_EXEC_ENTRIES) {
			w->complete = false;
			w->stop = true;
			break;
		}
		take_entry(w, fd, s, e, git);
	}
	closedir(dir);
}

/* Names on the list come first, so that a flood of other directories can't hide them. */
static struct step *next_step(struct project_walk *w)
{
	struct queue *q = w->host_exec.first ? &w->host_exec : &w->ordinary;
	struct step *s = q->first;

	if (!s)
		return NULL;
	q->first = s->next;
	if (!q->first)
		q->last = &q->first;
	return s;
}

bool host_exec_walk(const struct host_exec_place *place, host_exec_visit *visit, void *context)
{
	static const struct step dot_git = {.path = ".git"};
	struct project_walk w = {.root = place->root,
		.host = place->host,
		.below = place->below,
		.prefix = place->prefix,
		.skip = place->skip,
		.visit = visit,
		.context = context,
		.complete = true};
	struct step *s;

	w.end = clock_ms() + LIMIT_HOST_EXEC_MS;
	w.host_exec.last = &w.host_exec.first;
	w.ordinary.last = &w.ordinary.first;
	enqueue(&w, ".", place->git ? HOST_EXEC_GIT : HOST_EXEC_NO, false);
	if (place->elsewhere >= 0)
		find_hooks(&w, &dot_git, place->elsewhere);
	w.below = "";
	while ((s = next_step(&w))) {
		if (!w.stop &&
			(++w.directories > LIMIT_HOST_EXEC_DIRECTORIES || clock_ms() > w.end)) {
			w.complete = false;
			w.stop = true;
		}
		if (!w.stop)
			scan_directory(&w, s);
		free(s);
	}
	return w.complete;
}
