#include "idmap.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <sched.h>
#include <signal.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <sys/file.h>
#include <sys/mount.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include "../init/lib/file.h"
#include "beneath.h"
#include "exposure.h"
#include "quote.h"
#include "reaper.h"

#define PLACE "/run/codex-sandbox"

static const char tried[] = "show root's files as Codex's";

/* ---- Which, and where ---------------------------------------------------------------- */

static bool is_needed(const struct plan *p, const struct mount *m)
{
	struct stat st;

	if (beneath_contains("/run/codex", m->target))
		return false; /* PID 1 reads these */
	if (beneath_contains(p->workdir, m->source))
		return true;
	return (m->watched || beneath_contains("/codex_home", m->target) ||
		       strcmp(m->target, PLAN_AUTH_DIR) == 0) &&
	       lstat(m->source, &st) == 0 && st.st_uid == 0;
}

/* The outermost of the needed sources around this one. */
static const char *tree_of(const struct plan *p, const char *source)
{
	for (size_t i = 0; i < p->mounts.count; i++) {
		const struct mount *m = &p->mounts.mount[i];

		if (is_needed(p, m) && strcmp(m->source, source) != 0 &&
			beneath_contains(m->source, source))
			return tree_of(p, m->source);
	}
	return source;
}

static const char *place_of(struct plan *p, const char *tree)
{
	size_t i = 0;

	while (i < p->trees_count && strcmp(p->trees[i].source, tree) != 0)
		i++;
	if (i == BOUND_TREES)
		return NULL;
	if (i == p->trees_count)
		p->trees[p->trees_count++] = (struct tree){
			tree, arena_format(&p->arena, PLACE "/%s/%zu", p->request.name, i)};
	return p->trees[i].place;
}

int idmap_plan(struct plan *p, struct error *t)
{
	for (size_t i = 0; p->roots && i < p->mounts.count; i++) {
		struct mount *m = &p->mounts.mount[i];
		const char *tree, *place;

		if (!is_needed(p, m))
			continue;
		tree = tree_of(p, m->source);
		place = place_of(p, tree);
		if (!place)
			return refuse(t, tried, m->source, "more than %d places", BOUND_TREES);
		m->shown = arena_format(&p->arena, "%s%s", place, m->source + strlen(tree));
	}
	return 0;
}

/* ---- Creating them ------------------------------------------------------------------- */

/* linux/mount.h, which older C libraries don't have. */
struct attributes {
	uint64_t set, clear, propagation, userns_fd;
};
#define SET_NOSUID      0x00000002
#define SET_NODEV       0x00000004
#define SET_IDMAP       0x00100000
#define TREE_CLONE      1
#define MOVE_EMPTY_PATH 4
#define AT_TREE         0x8000 /* AT_RECURSIVE */

static int refuse_root(struct plan *p, struct error *t, const char *on, const char *what)
{
	const char *workdir = quote_shell(&p->arena, p->workdir);

	refuse(t, tried, on, "%s: %s", what, strerror(errno));
	if (exposure_machine(p->workdir))
		refuse_hint(t, "name a project, which may belong to a user: --work_dir DIR");
	else
		refuse_hint(t,
			"%s belongs to root, and Codex never runs as root; give it to a user: "
			"chown -R %d:%d %s",
			p->workdir, IDMAP_USER, IDMAP_USER, workdir);
	return refuse_no_sandbox(t);
}

static bool write_file(pid_t pid, const char *name, const char *text)
{
	char path[64];
	ssize_t n;
	int fd;

	snprintf(path, sizeof(path), "/proc/%d/%s", (int)pid, name);
	fd = open(path, O_WRONLY | O_CLOEXEC);
	n = fd < 0 ? -1 : write(fd, text, strlen(text));
	if (fd >= 0)
		close(fd);
	return n == (ssize_t)strlen(text);
}

/* A user namespace in which root and IDMAP_USER are swapped: returns a descriptor, or -1.
 * The child that creates it only waits to be killed. */
static int exchange(void)
{
	static const char map[] = "0 1000 1\n1 1 999\n1000 0 1\n1001 1001 4294966294\n";
	int pipes[2], fd = -1;
	char path[64], ready;
	pid_t child;

	_Static_assert(IDMAP_USER == 1000, "as the map has it");
	if (pipe2(pipes, O_CLOEXEC) < 0)
		return -1;
	child = fork();
	if (child == 0) {
		if (unshare(CLONE_NEWUSER) == 0 && write(pipes[1], "", 1) == 1)
			pause();
		_exit(1);
	}
	close(pipes[1]);
	snprintf(path, sizeof(path), "/proc/%d/ns/user", (int)child);
	if (child > 0 && read(pipes[0], &ready, 1) == 1 && write_file(child, "uid_map", map) &&
		write_file(child, "gid_map", map))
		fd = open(path, O_RDONLY | O_CLOEXEC);
	close(pipes[0]);
	if (child > 0) {
		kill(child, SIGKILL);
		waitpid(child, NULL, 0);
	}
	return fd;
}

static bool make_place(const char *place, bool directory)
{
	int fd;

	if (directory)
		return mkdir(place, 0700) == 0;
	fd = open(place, O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC, 0600);
	if (fd >= 0)
		close(fd);
	return fd >= 0;
}

static int show(struct plan *p, const struct tree *tree, int exchanged, struct error *t)
{
	const struct attributes a = {
		.set = SET_NOSUID | SET_NODEV | SET_IDMAP, .userns_fd = (uint64_t)exchanged};
	int fd = beneath_open_resolved(tree->source, O_PATH), clone;
	struct stat st;

	if (fd < 0 || fstat(fd, &st) < 0)
		return refuse_root(p, t, tree->source, "open it");
	clone = (int)syscall(
		SYS_open_tree, fd, "", TREE_CLONE | O_CLOEXEC | AT_EMPTY_PATH | AT_TREE);
	close(fd);
	if (clone < 0 || syscall(SYS_mount_setattr, clone, "", AT_EMPTY_PATH | AT_TREE, &a,
				 sizeof(a)) < 0)
		return refuse_root(p, t, tree->source,
			"this kernel, or a file system there, has no idmapped mounts");
	if (!make_place(tree->place, S_ISDIR(st.st_mode)) ||
		syscall(SYS_move_mount, clone, "", AT_FDCWD, tree->place, MOVE_EMPTY_PATH) < 0)
		return refuse_root(p, t, tree->place, "mount it there");
	close(clone);
	return 0;
}

/* ---- Removing them ------------------------------------------------------------------- */

static void remove_mounts(const char *directory)
{
	char place[PATH_MAX];

	for (unsigned i = 0; i < BOUND_TREES; i++) {
		snprintf(place, sizeof(place), "%s/%u", directory, i);
		umount2(place, MNT_DETACH | UMOUNT_NOFOLLOW);
		if (rmdir(place) < 0)
			unlink(place);
	}
	rmdir(directory);
}

static const char *lock_of(const char *directory)
{
	static char path[PATH_MAX + 16];

	snprintf(path, sizeof(path), "%s.lock", directory);
	return path;
}

/* Locks a directory by a file next to it, which is released when the process ends. -1 if
 * somebody else has the lock, or on error. */
static int take_lock(const char *directory)
{
	int fd = open(lock_of(directory), O_RDWR | O_CREAT | O_NOFOLLOW | O_CLOEXEC, 0600);
	struct stat ours, there;

	if (fd >= 0 && flock(fd, LOCK_EX | LOCK_NB) == 0 && fstat(fd, &ours) == 0 &&
		lstat(lock_of(directory), &there) == 0 && ours.st_ino == there.st_ino)
		return fd;
	if (fd >= 0)
		close(fd);
	return -1;
}

/* Removes what killed launchers have left. */
static void remove_stale(void)
{
	DIR *d = opendir(PLACE);
	char path[PATH_MAX];
	struct dirent *e;
	int lock;

	while (d && (e = readdir(d))) {
		if (e->d_type != DT_DIR || e->d_name[0] == '.')
			continue;
		snprintf(path, sizeof(path), PLACE "/%s", e->d_name);
		lock = take_lock(path);
		if (lock < 0)
			continue;
		remove_mounts(path);
		unlink(lock_of(path));
		close(lock);
	}
	if (d)
		closedir(d);
}

/* ---- The process that keeps them ----------------------------------------------------- */

static int make_all(struct plan *p, const char *directory, struct error *t)
{
	int exchanged = -1, result = 0;

	if (mkdir(directory, 0700) < 0 || (exchanged = exchange()) < 0)
		result = refuse_root(p, t, directory, "make a user namespace");
	for (size_t i = 0; result == 0 && i < p->trees_count; i++)
		result = show(p, &p->trees[i], exchanged, t);
	return result;
}

static int begin(struct plan *p, const char *directory, bool *ours, struct error *t)
{
	struct stat st;

	if ((mkdir(PLACE, 0700) < 0 && errno != EEXIST) || lstat(PLACE, &st) < 0)
		return refuse_root(p, t, PLACE, "create it");
	if (!S_ISDIR(st.st_mode) || st.st_uid != 0 || (st.st_mode & 077)) {
		refuse(t, tried, PLACE, "it isn't a directory that only root can enter");
		return refuse_no_sandbox(t);
	}
	remove_stale();
	/* The previous one may be about to remove its own. */
	for (unsigned i = 0; i < 100 && !*ours; i++) {
		*ours = take_lock(directory) >= 0;
		if (!*ours)
			usleep(20000);
	}
	if (*ours)
		return make_all(p, directory, t);
	refuse(t, tried, p->workdir, "another codex-sandbox is at work there");
	return refuse_no_sandbox(t);
}

static void keep(struct plan *p, int pidfd, int answer)
{
	const char *directory = arena_format(&p->arena, PLACE "/%s", p->request.name);
	static struct error t;
	bool ours = false;
	int done = begin(p, directory, &ours, &t);

	reaper_close_inherited();
	if (write(answer, &t, sizeof(t)) == (ssize_t)sizeof(t) && done == 0) {
		close(answer);
		reaper_wait_for(pidfd);
	}
	if (ours) {
		remove_mounts(directory);
		unlink(lock_of(directory));
	}
	_exit(0);
}

int idmap_start(struct plan *p, struct error *t)
{
	int pidfd, pipes[2];
	bool answered;
	pid_t child;

	if (p->trees_count == 0)
		return 0;
	pidfd = (int)syscall(SYS_pidfd_open, getpid(), 0);
	if (pidfd < 0 || pipe2(pipes, O_CLOEXEC) < 0)
		return refuse_root(p, t, p->workdir, "wait for a process");
	child = fork();
	if (child == 0)
		keep(p, pidfd, pipes[1]);
	close(pipes[1]);
	answered = child > 0 && file_read(pipes[0], t, sizeof(*t)) == sizeof(*t);
	close(pipes[0]);
	close(pidfd);
	if (answered)
		return t->status ? -1 : 0;
	refuse(t, tried, p->workdir, "the process that mounts them has ended");
	return refuse_no_sandbox(t);
}
