#include "workdir.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/sysmacros.h>
#include <sys/utsname.h>
#include <unistd.h>

#include "beneath.h"
#include "bounds.h"
#include "quote.h"

/* A resolved path inside the workdir, relative to it. */
static const char *relative(const struct plan *p, const char *real)
{
	const char *rest = real + strlen(p->workdir);

	return *rest ? rest + 1 : ".";
}

int workdir_open(const struct plan *p, const char *real, int flags)
{
	if (beneath_contains(p->workdir, real))
		return beneath_open(p->workdir_fd, relative(p, real), flags, 0);
	return beneath_open_resolved(real, flags);
}

/* Owner and mode of a file decide where it may be used. */
struct carried {
	const struct plan *p;
	bool copied;
};

static int judge(void *context, const char *path, const struct stat *st, struct error *t)
{
	static const char operation[] = "take from the workdir";
	const struct carried *c = context;
	const struct plan *p = c->p;
	mode_t bit = st->st_uid == p->uid ? S_IRUSR : st->st_gid == p->gid ? S_IRGRP : S_IROTH;

	if (!S_ISREG(st->st_mode))
		return 0; /* codex-init copies only files */
	if (st->st_nlink > 1) {
		refuse(t, operation, path,
			"it has another name (a hard link), so it may be any other file of "
			"this machine");
		return refuse_hint(t, "put a copy in its place");
	}
	if (st->st_uid != p->workdir_uid && st->st_uid != p->uid && st->st_uid != geteuid()) {
		refuse(t, operation, path,
			"it belongs to uid %lu, not to you or to the workdir's owner",
			(unsigned long)st->st_uid);
		return refuse_hint(t, "put a copy in its place");
	}
	if (c->copied && st->st_size > BOUND_CARRIED_BYTES)
		return refuse(t, operation, path,
			"larger than %d MiB: too large for a configuration",
			BOUND_CARRIED_BYTES >> 20);
	if (c->copied && !(st->st_mode & bit)) {
		refuse(t, operation, path, "uid %lu, which Codex runs as, may not read it",
			(unsigned long)p->uid);
		return refuse_hint(t, "make it readable, or name a file outside the workdir");
	}
	return 0;
}

int workdir_judge(
	const struct plan *p, const char *path, const struct stat *st, struct error *t)
{
	struct carried c = {.p = p};

	return beneath_contains(p->workdir, path) ? judge(&c, path, st, t) : 0;
}

/* What is copied into Codex's home under a name that we choose. */
static int judge_carried(
	const struct plan *p, const struct mount *m, const struct stat *st, struct error *t)
{
	struct carried c = {p, beneath_contains("/run/codex/in", m->target)};

	if (!beneath_contains(p->workdir, m->source))
		return 0;
	if (!c.copied && strcmp(m->target, "/codex_home/auth.json") != 0)
		return 0;
	if (S_ISDIR(st->st_mode))
		return beneath_walk(
			p->workdir_fd, relative(p, m->source), NULL, true, judge, &c, t);
	return judge(&c, m->source, st, t);
}

static int settle(const struct plan *p, struct mount *m, const struct stat *st, struct error *t)
{
	static const char operation[] = "mount";

	if (!S_ISREG(st->st_mode) && !S_ISDIR(st->st_mode) && !S_ISSOCK(st->st_mode))
		return refuse(t, operation, m->source, "neither a file nor a directory");
	if (m->stamped && (m->device != st->st_dev || m->inode != st->st_ino))
		return refuse(t, operation, m->source, "it was replaced in the meantime");
	m->stamped = true;
	m->device = st->st_dev;
	m->inode = st->st_ino;
	return judge_carried(p, m, st, t);
}

int workdir_settle(struct plan *p, bool all, struct error *t)
{
	for (size_t i = 0; i < p->mounts.count; i++) {
		struct mount *m = &p->mounts.mount[i];
		struct stat st;
		int fd, result;

		if (!m->watched && !beneath_contains(p->workdir, m->source) &&
			!beneath_contains("/codex_home", m->target))
			continue;
		if (m->remade && !all)
			continue;
		fd = workdir_open(p, m->source, O_PATH);
		/* The home and its parents are created later. */
		if (fd < 0 && errno == ENOENT && !all && p->home_is_ours &&
			beneath_contains(m->source, p->home))
			continue;
		if (fd < 0 && errno == ELOOP)
			return refuse(t, "mount", m->source,
				"a symbolic link has appeared in its path");
		if (fd < 0)
			return refuse_errno(t, "mount", m->source);
		result = fstat(fd, &st) < 0 ? refuse_errno(t, "mount", m->source)
					    : settle(p, m, &st, t);
		close(fd);
		if (result < 0)
			return -1;
	}
	return 0;
}

const char *workdir_list(struct plan *p, struct error *t)
{
	const char *list;
	struct utsname us;
	unsigned n = 0;

	if (uname(&us) < 0 || strstr(us.release, "icrosoft") || strpbrk(us.release, " \t\r\n"))
		return "";
	list = arena_format(&p->arena, "kernel=%s", us.release);
	for (size_t i = 0; i < p->mounts.count; i++) {
		const struct mount *m = &p->mounts.mount[i];

		if (!m->stamped)
			continue;
		n++;
		list = arena_format(&p->arena, "%s %u:%u:%llu:%s", list, major(m->device),
			minor(m->device), (unsigned long long)m->inode,
			quote_percent(&p->arena, m->target));
	}
	if (n <= BOUND_MOUNTS && strlen(list) <= BOUND_MOUNTS_TEXT)
		return list;
	refuse(t, "mount", p->workdir, "there are too many mounts in the workdir");
	return NULL;
}

bool workdir_is_empty(int fd)
{
	int copy = openat(fd, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	DIR *directory = copy < 0 ? NULL : fdopendir(copy);
	bool empty = true;
	struct dirent *entry;

	if (!directory) {
		if (copy >= 0)
			close(copy);
		return false;
	}
	while (empty && (entry = readdir(directory)))
		empty = strcmp(entry->d_name, ".") == 0 || strcmp(entry->d_name, "..") == 0;
	closedir(directory);
	return empty;
}
