#include "git.h"

#include <dirent.h>
#include <fcntl.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "beneath.h"
#include "confirm.h"
#include "mounts.h"
#include "protect.h"

#define VARIABLE_GIT_DIR "CODEX_INIT_GIT_DIR"

/* Mounts something in the git directory at its own path. */
static int mount_part(struct plan *p, const char *name, bool writable, struct error *t)
{
	const struct repository *r = &p->repository;

	return protect_mount(p, arena_format(&p->arena, "%s/%s", r->common, name),
		arena_format(&p->arena, "%s/%s", r->place, name), writable, t);
}

static bool is_there(int git, const char *name)
{
	struct stat st;

	return fstatat(git, name, &st, AT_SYMLINK_NOFOLLOW) == 0;
}

static int protect_part(struct plan *p, int git, const char *name, mode_t kind, struct error *t)
{
	struct stat st;

	if (fstatat(git, name, &st, AT_SYMLINK_NOFOLLOW) < 0)
		return 0;
	if ((st.st_mode & S_IFMT) == kind)
		return mount_part(p, name, false, t);
	log_warning("%s/%s is not %s: it can't be protected from changes", p->repository.common,
		name, kind == S_IFDIR ? "a directory" : "a regular file");
	return 0;
}

/* Some templates leave hooks out. Nothing could be mounted there then, and the payload would
 * make it: so it is made before, empty (prepare.c). */
static int protect_hooks(struct plan *p, int git, struct error *t)
{
	if (is_there(git, "hooks") || !is_there(git, "HEAD"))
		return protect_part(p, git, "hooks", S_IFDIR, t);
	if (mount_part(p, "hooks", false, t) < 0)
		return -1;
	p->mounts.mount[p->mounts.count - 1].remade = true;
	p->hooks = p->mounts.mount[p->mounts.count - 1].target;
	return 0;
}

/* ---- Other worktrees ----------------------------------------------------------------- */

/* True if the .git there, on the host, leads to this directory in worktrees/. */
static bool leads_back(struct plan *p, const char *dot_git, const char *directory)
{
	const char *top = arena_format(
		&p->arena, "%.*s", (int)(strlen(dot_git) - strlen("/.git")), dot_git);
	int fd = beneath_open_resolved(top, O_RDONLY | O_DIRECTORY);
	const char *line = fd < 0 ? NULL : repository_line(p, fd, ".git"), *real = NULL;

	if (fd >= 0)
		close(fd);
	if (line && strncmp(line, "gitdir: ", 8) == 0)
		repository_place(p, top, line + 8, &real);
	return real && strcmp(real, directory) == 0;
}

/*
 * git considers a worktree gone, and `git worktree prune` or `git gc` deletes it, if the
 * .git file that its gitdir names is missing, as in the container. So that one file is
 * mounted where git looks for it. And its config.worktree is read-only, as the repository's is.
 */
static int keep_worktree(
	struct plan *p, int git, int worktrees, const char *name, bool protect, struct error *t)
{
	static const char end[] = "/.git";
	const struct repository *r = &p->repository;
	const char *directory = arena_format(&p->arena, "%s/worktrees/%s", r->common, name);
	const char *pointer, *place, *real;
	int fd = beneath_open(worktrees, name, O_RDONLY | O_DIRECTORY, 0);
	size_t n;

	if (fd < 0)
		return 0;
	pointer = repository_line(p, fd, "gitdir");
	close(fd);
	if (!pointer)
		return 0;
	place = repository_place(p, directory, pointer, &real);
	n = real ? strlen(real) : 0;
	if (n <= strlen(end) || strcmp(real + n - strlen(end), end) != 0 ||
		!leads_back(p, real, directory))
		return 0;
	if (protect && protect_part(p, git,
			       arena_format(&p->arena, "worktrees/%s/config.worktree", name),
			       S_IFREG, t) < 0)
		return -1;
	if (repository_is_taken(place) || beneath_contains(p->request.directory, place))
		return 0;
	return protect_mount(p, real, place, false, t);
}

static int keep_worktrees(struct plan *p, int git, bool protect, struct error *t)
{
	int fd = beneath_open(git, "worktrees", O_RDONLY | O_DIRECTORY, 0), result = 0;
	DIR *directory = fd < 0 ? NULL : fdopendir(fd);
	struct dirent *entry;
	unsigned count = 0;

	if (!directory) {
		if (fd >= 0)
			close(fd);
		return 0;
	}
	while (result == 0 && (entry = readdir(directory))) {
		if (entry->d_name[0] == '.')
			continue;
		if (count++ == BOUND_WORKTREES) {
			log_warning("%s has more than %d worktrees: git gc and git worktree "
				    "prune in the container would forget some of them",
				p->repository.common, BOUND_WORKTREES);
			break;
		}
		result = keep_worktree(p, git, fd, entry->d_name, protect, t);
	}
	closedir(directory);
	return result;
}

/* ---- The workdir's own --------------------------------------------------------------- */

/*
 * A day after its last change, git rewrites gitdir with the worktree's path: the one in
 * here, which doesn't exist on the host. So git gets a writable copy (prepare.c creates it).
 */
static int add_own_worktree(struct plan *p, int git, bool protect, struct error *t)
{
	const struct repository *r = &p->repository;
	const char *own = r->git + strlen(r->common) + 1;
	int fd = beneath_open(git, own, O_RDONLY | O_DIRECTORY, 0);

	p->worktree_pointer = fd < 0 ? NULL : repository_line(p, fd, "gitdir");
	if (fd >= 0)
		close(fd);
	if (!p->worktree_pointer)
		return refuse(t, "use the worktree", r->git, "it was replaced in the meantime");
	if (mounts_add(&p->mounts, arena_format(&p->arena, "%s/" PLAN_POINTER, p->home),
		    arena_format(&p->arena, "%s/%s/gitdir", r->place, own), true, t) < 0)
		return -1;
	p->mounts.mount[p->mounts.count - 1].remade = true;
	if (!protect)
		return 0;
	if (protect_part(
		    p, git, arena_format(&p->arena, "%s/config.worktree", own), S_IFREG, t) < 0)
		return -1;
	return mount_part(p, arena_format(&p->arena, "%s/commondir", own), false, t);
}

/*
 * git writes its config in ordinary work (branch -m, remote add, switch --track), by a rename
 * that no mount at its place lets through. So codex-init guards it (init/home/git_guard.h),
 * where it can read it whole and it is this repository's alone: without a commondir, which in
 * here leads to another. Nor where config.worktree is a link, which can't be mounted: it would
 * be removed as one that was planted.
 */
static int protect_config(struct plan *p, int git, struct error *t)
{
	struct stat st;
	const bool guardable = !is_there(git, "commondir") &&
			       (fstatat(git, "config.worktree", &st, AT_SYMLINK_NOFOLLOW) < 0 ||
				       S_ISREG(st.st_mode)) &&
			       fstatat(git, "config", &st, AT_SYMLINK_NOFOLLOW) == 0 &&
			       S_ISREG(st.st_mode) && st.st_nlink == 1 &&
			       st.st_size <= BOUND_GIT_CONFIG;

	if (guardable && !p->unguarded)
		p->request.git_config = p->repository.place;
	return guardable && !p->unguarded && !p->lock_git_config
		       ? 0
		       : protect_part(p, git, "config", S_IFREG, t);
}

static int add_parts(struct plan *p, int git, bool protect, struct error *t)
{
	if (p->repository.kind == REPOSITORY_WORKTREE &&
		add_own_worktree(p, git, protect, t) < 0)
		return -1;
	if (keep_worktrees(p, git, protect && !p->read_only, t) < 0)
		return -1;
	if (!protect || p->read_only)
		return 0;
	if (protect_hooks(p, git, t) < 0 ||
		protect_part(p, git, "config.worktree", S_IFREG, t) < 0 ||
		protect_part(p, git, "commondir", S_IFREG, t) < 0)
		return -1;
	return protect_config(p, git, t);
}

/* ---- Everything ---------------------------------------------------------------------- */

static void warn_of_closed(const struct repository *r)
{
	log_warning("git won't work in the container: %s: %s", r->top, r->why);
	if (strstr(r->why, "point back"))
		log_hint("if it is a worktree that was moved, mend it: git worktree repair");
}

/* The directories around the workdir: without them, git would consider everything in them
 * deleted, and commit that. */
static int add_rest(struct plan *p, struct error *t)
{
	const struct repository *r = &p->repository;

	if (mounts_add(&p->mounts, r->top, arena_format(&p->arena, "/app%s", r->top), false,
		    t) < 0)
		return -1;
	return confirm_optional(p, r->top,
		"the rest of the repository that the workdir is a part of, so that git works; "
		"its git directory can be written to",
		t);
}

static int add_all(struct plan *p, bool protect, struct error *t)
{
	struct repository *r = &p->repository;
	const bool around = strcmp(r->top, p->workdir) != 0;
	const bool elsewhere = around || r->kind != REPOSITORY_DIRECTORY;
	const size_t first = p->mounts.count;
	int git, result = 0;

	if (around && add_rest(p, t) < 0)
		return -1;
	/* As a mount of its own, .git can't be renamed and replaced by another. */
	if ((elsewhere || (protect && !p->read_only)) &&
		mounts_add(&p->mounts, r->common, r->place, !p->read_only, t) < 0)
		return -1;
	if (r->kind != REPOSITORY_DIRECTORY && !around && protect && !p->read_only)
		result = protect_mount(p, arena_format(&p->arena, "%s/.git", r->top),
			arena_format(&p->arena, "/app%s/.git", r->top), false, t);
	if (elsewhere && !p->read_only)
		argv_pass(&p->request, VARIABLE_GIT_DIR, r->place);
	git = beneath_open_resolved(r->common, O_RDONLY | O_DIRECTORY);
	if (git >= 0 && result == 0)
		result = add_parts(p, git, protect, t);
	if (git >= 0)
		close(git);
	for (size_t i = first; i < p->mounts.count; i++) {
		p->mounts.mount[i].optional = around;
		p->mounts.mount[i].watched = true;
	}
	return result;
}

int git_add(struct plan *p, bool protect, struct error *t)
{
	struct repository *r = &p->repository;

	repository_find(p, r);
	if (r->kind == REPOSITORY_CLOSED)
		warn_of_closed(r);
	if (r->kind == REPOSITORY_NONE || r->kind == REPOSITORY_CLOSED)
		return 0;
	if (r->kind != REPOSITORY_DIRECTORY)
		log_warning("%s is a %s: its repository is mounted as well, %s: %s", r->top,
			r->kind == REPOSITORY_WORKTREE ? "worktree" : "submodule",
			p->read_only ? "read-only" : "writable", r->common);
	return add_all(p, protect, t);
}

void git_decline(struct plan *p)
{
	struct mounts *m = &p->mounts;
	size_t kept = 0;

	for (size_t i = 0; i < m->count; i++)
		if (!m->mount[i].optional)
			m->mount[kept++] = m->mount[i];
	m->count = p->request.mounts_count = kept;
	for (size_t i = 0; i < p->request.passed_count; i++)
		if (strcmp(p->request.passed[i].name, VARIABLE_GIT_DIR) == 0)
			p->request.passed[i].value = NULL;
	p->worktree_pointer = NULL;
	p->request.git_config = p->hooks = NULL;
	p->repository.kind = REPOSITORY_CLOSED;
	p->repository.why = "only a part of this repository is mounted, the workdir";
	warn_of_closed(&p->repository);
	log_hint("-y has the rest of it mounted read-only; or work on the whole: --work_dir "
		 "%s",
		p->repository.top);
}
