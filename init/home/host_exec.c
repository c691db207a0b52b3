/*
 * Two scans of the project, and the differences between them.
 *
 * Each runs in a child, as the payload's user. The first passes its list to PID 1 before
 * anything of the user's runs; the second inherits that list by fork(2) and returns only the
 * differences, in a struct of fixed size.
 */
#include "host_exec.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#include "../lib/limits.h"
#include "child.h"
#include "host_exec_walk.h"

static const char operation[] = "look for files that the host obeys";

/* The identity of a file; without padding, so that two can be compared as bytes. */
struct file_id {
	struct timespec modified, changed, end_changed; /* end: of a link's target */
	uint64_t inode, size;
	uint32_t mode;
	uint32_t path; /* offset in the text of struct file_list; not compared */
};

/* The result of a scan, without pointers: it crosses from child to parent. */
struct file_list {
	uint32_t count, used;
	bool complete;
	struct file_id ids[LIMIT_HOST_EXEC_FILES];
	char text[LIMIT_HOST_EXEC_TEXT];
};

struct host_exec {
	const char *workdir;
	const char *name;    /* for the report; NULL: "the project" */
	const char *git;     /* its git directory if that is elsewhere, or NULL */
	char skip[PATH_MAX]; /* a config that is guarded (git_guard.h), as it is visited; or ""
			      */
	uid_t uid;
	gid_t gid;
	time_t begun;
	struct file_list before;
};

enum difference { IS_NEW, HAS_CHANGED, IS_GONE };

/* The differences. */
struct change_report {
	uint32_t count; /* including those not listed */
	bool complete;
	struct {
		uint8_t how;
		char path[LIMIT_HOST_EXEC_PATH];
	} listed[LIMIT_HOST_EXEC_REPORTED];
};

static struct file_id id_of(const struct stat *st, const struct stat *target)
{
	return (struct file_id){.modified = st->st_mtim,
		.changed = st->st_ctim,
		.end_changed = target->st_ctim,
		.inode = st->st_ino,
		.size = (uint64_t)st->st_size,
		.mode = st->st_mode};
}

static bool same(const struct file_id *a, const struct file_id *b)
{
	return memcmp(a, b, offsetof(struct file_id, path)) == 0;
}

static int open_place(const char *path, struct failure *f)
{
	int fd = open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);

	return fd < 0 ? fail_errno(f, operation, path) : fd;
}

/* The launcher mounts the project at /appPATH. */
static const char *host_path(const char *workdir)
{
	return strncmp(workdir, "/app/", 5) == 0 ? workdir + 4 : workdir;
}

/* The workdir's path in the work tree of REPOSITORY/.git, with a trailing slash; "" if it is
 * the top. */
static const char *below(const struct host_exec *o)
{
	const char *slash = o->git ? strrchr(o->git, '/') : NULL;
	const size_t n = slash ? (size_t)(slash + 1 - o->git) : 0;
	static char path[PATH_MAX];

	if (n == 0 || strcmp(slash, "/.git") != 0 || strncmp(o->git, o->workdir, n) != 0)
		return "";
	snprintf(path, sizeof(path), "%s/", o->workdir + n);
	return path;
}

/* Scans the project and its git directory. Returns 0 with *complete, or -1. */
static int scan(const struct host_exec *o, host_exec_visit *visit, void *context,
	bool *complete, struct failure *f)
{
	char prefix[PATH_MAX];
	struct host_exec_place project = {.root = open_place(o->workdir, f),
		.host = host_path(o->workdir),
		.prefix = "",
		.skip = o->skip,
		.below = below(o),
		.elsewhere = -1};
	struct host_exec_place git = {.host = project.host,
		.prefix = prefix,
		.skip = o->skip,
		.git = true,
		.below = "",
		.elsewhere = -1};

	if (project.root < 0)
		return -1;
	if (o->git) {
		git.root = project.elsewhere = open_place(o->git, f);
		if (git.root < 0)
			return -1;
		snprintf(prefix, sizeof(prefix), "%s/", host_path(o->git));
		*complete = host_exec_walk(&git, visit, context);
	} else {
		*complete = true;
	}
	*complete &= host_exec_walk(&project, visit, context);
	return 0;
}

/* A scan may find a path twice, for instance if core.hooksPath names .githooks. */
static const struct file_id *find(const struct file_list *l, const char *path)
{
	for (uint32_t i = 0; i < l->count; i++)
		if (strcmp(l->text + l->ids[i].path, path) == 0)
			return &l->ids[i];
	return NULL;
}

/* ---- The first scan ------------------------------------------------------------------ */

static bool add_file(
	void *context, const char *path, const struct stat *st, const struct stat *target)
{
	struct file_list *l = context;
	size_t size = strlen(path) + 1;

	if (find(l, path))
		return true;
	if (l->count == LIMIT_HOST_EXEC_FILES || size > sizeof(l->text) - l->used)
		return false;
	l->ids[l->count] = id_of(st, target);
	l->ids[l->count++].path = l->used;
	memcpy(l->text + l->used, path, size);
	l->used += (uint32_t)size;
	return true;
}

static int first_scan(void *context, void *result, struct failure *f)
{
	struct file_list *l = result;

	return scan(context, add_file, l, &l->complete, f);
}

/* The child was unprivileged and isolated, but an inconsistent list would have us read out of
 * bounds. */
static bool is_valid(const struct file_list *l)
{
	if (l->count > LIMIT_HOST_EXEC_FILES || l->used > sizeof(l->text) ||
		(l->used && l->text[l->used - 1] != '\0'))
		return false;
	for (uint32_t i = 0; i < l->count; i++)
		if (l->ids[i].path >= l->used)
			return false;
	return true;
}

static void skip_config(struct host_exec *o, const char *guarded)
{
	const size_t n = strlen(o->workdir);
	const char *path = host_path(guarded);

	if (strncmp(guarded, o->workdir, n) == 0 && guarded[n] == '/')
		path = guarded + n + 1;
	snprintf(o->skip, sizeof(o->skip), "%s/config", path);
}

int host_exec_begin(struct host_exec **out, const char *workdir, const char *git,
	const char *guarded, uid_t uid, gid_t gid, struct failure *f)
{
	struct host_exec *o = calloc(1, sizeof(*o));
	int done;

	*out = NULL;
	if (!o)
		return fail_errno(f, operation, workdir);
	o->begun = time(NULL);
	o->uid = uid;
	o->gid = gid;
	o->workdir = workdir;
	o->git = git;
	if (guarded)
		skip_config(o, guarded);
	done = child_run_as(uid, gid, NULL, first_scan, o, &o->before, sizeof(o->before), f);
	if (done == 0 && !is_valid(&o->before))
		done = fail(f, operation, workdir, "the list is malformed");
	if (done == 0)
		*out = o;
	else
		free(o);
	return done;
}

/* ---- The second scan ----------------------------------------------------------------- */

struct file_comparison {
	const struct host_exec *o;
	struct change_report *r;
	bool seen[LIMIT_HOST_EXEC_FILES];
};

static void add_change(struct change_report *r, enum difference how, const char *path)
{
	for (uint32_t i = 0; i < r->count && i < LIMIT_HOST_EXEC_REPORTED; i++)
		if (strcmp(r->listed[i].path, path) == 0)
			return;
	if (r->count < LIMIT_HOST_EXEC_REPORTED) {
		r->listed[r->count].how = (uint8_t)how;
		snprintf(r->listed[r->count].path, sizeof(r->listed[0].path), "%s", path);
	}
	r->count++;
}

static bool compare(
	void *context, const char *path, const struct stat *st, const struct stat *target)
{
	struct file_comparison *c = context;
	const struct file_list *l = &c->o->before;
	const struct file_id now = id_of(st, target), *before = find(l, path);

	if (before) {
		bool *seen = &c->seen[before - l->ids];

		if (!*seen && !same(before, &now))
			add_change(c->r, HAS_CHANGED, path);
		*seen = true;
		return true;
	}
	/* If the first scan was incomplete, a file that it didn't see may be old. */
	if (l->complete || now.changed.tv_sec >= c->o->begun)
		add_change(c->r, IS_NEW, path);
	return c->r->count < LIMIT_HOST_EXEC_FILES;
}

static int second_scan(void *context, void *result, struct failure *f)
{
	struct file_comparison c = {.o = context, .r = result};
	const struct file_list *l = &c.o->before;

	if (scan(c.o, compare, &c, &c.r->complete, f) < 0)
		return -1;
	for (uint32_t i = 0; c.r->complete && i < l->count; i++)
		if (!c.seen[i])
			add_change(c.r, IS_GONE, l->text + l->ids[i].path);
	return 0;
}

void host_exec_quote(const char *path, char *out, size_t size)
{
	size_t n = 0;

	for (; *path && n + 5 <= size; path++) {
		unsigned char c = (unsigned char)*path;

		if (c >= ' ' && c <= '~' && c != '\\')
			out[n++] = (char)c;
		else
			n += (size_t)snprintf(out + n, size - n, "\\%03o", c);
	}
	out[n] = '\0';
}

static void print(const struct change_report *r, const struct file_list *before,
	const char *name, FILE *to)
{
	static const char *const words[] = {
		[IS_NEW] = "new", [HAS_CHANGED] = "changed", [IS_GONE] = "removed"};
	uint32_t listed =
		r->count < LIMIT_HOST_EXEC_REPORTED ? r->count : LIMIT_HOST_EXEC_REPORTED;
	char text[4 * LIMIT_HOST_EXEC_PATH + 1];

	if (r->count > 0)
		fprintf(to,
			"codex-init: %u file%s in %s that programs on your machine "
			"obey %s changed:\n",
			(unsigned)r->count, r->count == 1 ? "" : "s", name,
			r->count == 1 ? "has" : "have");
	for (uint32_t i = 0; i < listed; i++) {
		host_exec_quote(r->listed[i].path, text, sizeof(text));
		fprintf(to, "  %-8s %s\n",
			r->listed[i].how <= IS_GONE ? words[r->listed[i].how] : "?", text);
	}
	if (r->count > listed)
		fprintf(to, "  and %u more\n", (unsigned)(r->count - listed));
	if (r->count > 0)
		fprintf(to, "  hint: read them before you use git, an editor or a shell in "
			    "there\n");
	if (!r->complete || !before->complete)
		fprintf(to,
			"codex-init: %s could not be searched completely for "
			"files that programs on your machine obey\n",
			name);
}

int host_exec_report(const struct host_exec *o, FILE *to, struct failure *f)
{
	struct change_report *r = calloc(1, sizeof(*r));
	int done;

	if (!r)
		return fail_errno(f, operation, o->workdir);
	done = child_run_as(
		o->uid, o->gid, NULL, second_scan, (void *)(uintptr_t)o, r, sizeof(*r), f);
	for (size_t i = 0; i < LIMIT_HOST_EXEC_REPORTED; i++)
		r->listed[i].path[sizeof(r->listed[i].path) - 1] = '\0';
	if (done == 0)
		print(r, &o->before, o->name ? o->name : "the project", to);
	free(r);
	return done;
}

void host_exec_name(struct host_exec *o, const char *name)
{
	o->name = name;
}

void host_exec_free(struct host_exec *o)
{
	free(o);
}
