/* Uses rename(2), fsync(2) and flock(2). See kept_edit.h. */
#include "kept_edit.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

#include "../init/lib/file.h"
#include "bounds.h"
#include "kept.h"
#include "kept_text.h"
#include "options.h"
#include "plan.h"
#include "programs.h"
#include "rules.h"

static const char operation[] = "keep the option";

static bool is_option(const char *name, const char *other)
{
	const struct option *o = options_find(name, strlen(name));

	return other && o && o == options_find(other, strlen(other));
}

/* What a rule is about: the same for an allow and its deny, which has no suffix. */
static bool same_value(const char *name, const char *value, const char *other)
{
	return is_option(name, "allow") || is_option(name, "deny") ? rules_alike(value, other)
								   : strcmp(value, other) == 0;
}

/* What is to happen to one line. */
static enum {
	OTHER,
	SAME,
	GOES
} judge(struct arena *arena, const char *line, size_t size, const struct kept_edit *e)
{
	char *copy = arena_bytes(arena, size + 1);
	struct kept_text k;

	memcpy(copy, line, size);
	kept_text_begin(&k, copy, size);
	if (kept_text_next(&k) != 1 || !same_value(k.name, k.value, e->value))
		return OTHER;
	if (is_option(k.name, e->instead_of))
		return GOES;
	if (!is_option(k.name, e->name))
		return OTHER;
	return e->remove ? GOES : rules_suffixes_alike(k.value, e->value) ? SAME : OTHER;
}

const char *kept_edit_text(
	struct arena *arena, const char *text, size_t size, const struct kept_edit *e)
{
	const size_t room = size + strlen(e->name) + strlen(e->value) + 4;
	char *made = arena_bytes(arena, room);
	bool there = e->remove, changed = false;
	size_t n = 0;

	for (size_t at = 0, length; at < size; at += length) {
		const char *newline = memchr(text + at, '\n', size - at);
		int is;

		length = newline ? (size_t)(newline - text) - at + 1 : size - at;
		is = judge(arena, text + at, length - (newline != NULL), e);
		there |= is == SAME;
		changed |= is == GOES;
		if (is == GOES)
			continue;
		memcpy(made + n, text + at, length);
		n += length;
	}
	if (!there && n > 0 && made[n - 1] != '\n')
		made[n++] = '\n';
	if (!there)
		n += (size_t)snprintf(made + n, room - n, "%s %s\n", e->name, e->value);
	made[n] = '\0';
	return changed || !there ? made : NULL;
}

static const char *around(struct arena *arena, const char *path)
{
	const int n = (int)(strrchr(path, '/') - path);

	return arena_format(arena, "%.*s", n ? n : 1, path);
}

/* What is there must be ours alone, and out of the sandbox's reach. */
static int check_ours(const struct plan *p, const char *path, struct error *t)
{
	char why[2 * PATH_MAX];

	return programs_ours(p, path, why, sizeof(why)) ? 0
							: refuse(t, operation, path, "%s", why);
}

/* Makes those that are missing, for us alone: nothing, before what they would be in has been
 * checked, since a link of the sandbox's would be followed. */
static int make_steps(const char *const *steps, size_t count, struct arena *arena,
	const char *workdir, struct error *t)
{
	struct plan p = {.workdir_fd = -1, .workdir = workdir};
	int done = mounts_add(&p.mounts, workdir, "/app", true, t);

	for (size_t i = 0; i < count && done == 0; i++) {
		done = check_ours(&p, around(arena, steps[i]), t);
		if (done == 0 && mkdir(steps[i], 0700) < 0 && errno != EEXIST)
			done = refuse_errno(t, operation, steps[i]);
	}
	if (done == 0)
		done = check_ours(&p, steps[count - 1], t);
	plan_free(&p);
	return done;
}

/* Opens the directory of the files of projects, which is made if it is missing: of two changes
 * at once each then is one of the whole. Returns a descriptor, or -1. */
static int open_directory(
	struct arena *arena, const char *directory, const char *workdir, struct error *t)
{
	const char *const steps[] = {around(arena, directory), directory,
		arena_format(arena, "%s/projects", directory)};
	const size_t count = sizeof(steps) / sizeof(steps[0]);
	int fd;

	if (make_steps(steps, count, arena, workdir, t) < 0)
		return -1;
	fd = open(steps[count - 1], O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
	if (fd < 0 || flock(fd, LOCK_EX) < 0) {
		refuse_errno(t, operation, steps[count - 1]);
		if (fd >= 0)
			close(fd);
		return -1;
	}
	return fd;
}

/* Nobody ever sees half a file, and after a power cut it is the old one or the new one. */
static int replace(
	int directory, struct arena *arena, const char *path, const char *text, struct error *t)
{
	const char *name = strrchr(path, '/') + 1, *made = arena_format(arena, "%s~", name);
	int fd, done;

	unlinkat(directory, made, 0);
	fd = openat(
		directory, made, O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC, 0600);
	if (fd < 0)
		return refuse_errno(t, operation, path);
	done = file_write(fd, text, strlen(text)) == 0 && fsync(fd) == 0 &&
			       renameat(directory, made, directory, name) == 0 &&
			       fsync(directory) == 0
		       ? 0
		       : refuse_errno(t, operation, path);
	close(fd);
	if (done < 0)
		unlinkat(directory, made, 0);
	return done;
}

/* The same with the directory open. */
static int edit(int directory, struct arena *arena, const char *workdir, const char *path,
	const struct kept_edit *e, struct error *t)
{
	const char *changed;
	char *text;
	long n = kept_read(arena, path, workdir, &text, t);

	if (n < 0)
		return -1;
	if (kept_check_project(arena, path, text, workdir, t) < 0)
		return -1;
	changed = kept_edit_text(arena, text ? text : "", (size_t)n, e);
	if (!changed)
		return 0;
	if (!text)
		changed =
			arena_format(arena, "%s\n%s", kept_first_line(arena, workdir), changed);
	if (strlen(changed) > BOUND_KEPT_BYTES)
		return refuse(t, operation, path, "the file would be larger than %d KB",
			BOUND_KEPT_BYTES >> 10);
	return replace(directory, arena, path, changed, t) < 0 ? -1 : 1;
}

int kept_edit_project(struct arena *arena, const char *workdir, const struct kept_edit *e,
	const char **path, struct error *t)
{
	const char *directory = kept_directory(arena);
	int fd, result;

	if (!directory)
		return refuse(t, operation, e->value, "HOME isn't set");
	*path = kept_project(arena, directory, workdir);
	fd = open_directory(arena, directory, workdir, t);
	if (fd < 0)
		return -1;
	result = edit(fd, arena, workdir, *path, e, t);
	close(fd);
	return result;
}
