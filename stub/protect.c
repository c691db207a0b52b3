#include "protect.h"

#include <fcntl.h>
#include <string.h>
#include <sys/stat.h>

/* Mounts workdir/relative on its own place. */
static int mount_in_place(struct plan *p, const char *relative, bool writable, struct error *t)
{
	const char *source = arena_format(&p->arena, "%s/%s", p->workdir, relative);
	const char *target = arena_format(&p->arena, "%s/%s", p->request.directory, relative);

	/* --read-only may have said the same, or --sessions-path the contrary: then it is the
	 * user's word that counts. */
	for (size_t i = 0; i < p->mounts.count; i++)
		if (!writable && !p->mounts.mount[i].writable &&
			strcmp(p->mounts.mount[i].target, target) == 0)
			return 0;
	return mounts_add(&p->mounts, source, target, writable, t);
}

static int protect_codex(struct plan *p, struct error *t)
{
	struct stat st;
	bool there = fstatat(p->workdir_fd, p->dot_codex, &st, 0) == 0;

	if (p->read_only)
		return p->home_is_ours ? mount_in_place(p, p->home_path, true, t) : 0;
	if (!there && !p->home_is_ours)
		return 0; /* nobody is going to create it */
	if (mount_in_place(p, p->dot_codex, false, t) < 0)
		return -1;
	/* Hooks write to SANDBOX_ENV_DIR, which is this path. */
	return p->home_is_ours ? mount_in_place(p, p->home_path, true, t) : 0;
}

static int protect_git_part(struct plan *p, const char *relative, mode_t kind, struct error *t)
{
	struct stat st;

	if (fstatat(p->workdir_fd, relative, &st, AT_SYMLINK_NOFOLLOW) < 0)
		return 0;
	if ((st.st_mode & S_IFMT) == kind)
		return mount_in_place(p, relative, false, t);
	log_warning("%s/%s is not %s: it can't be protected from changes", p->workdir, relative,
		kind == S_IFDIR ? "a directory" : "a regular file");
	return 0;
}

int protect_add(struct plan *p, struct error *t)
{
	struct stat st;

	if (protect_codex(p, t) < 0)
		return -1;
	if (p->read_only)
		return 0; /* all of it is */
	/* What a file or a link .git leads to is mostly not in the workdir, and so not mounted
	 * at all; where it is, codex-init tells what has changed in it. */
	if (fstatat(p->workdir_fd, ".git", &st, AT_SYMLINK_NOFOLLOW) < 0 ||
		!S_ISDIR(st.st_mode))
		return 0;
	/* As a mount of its own .git can't be renamed, and another one put in its place. */
	if (mount_in_place(p, ".git", true, t) < 0)
		return -1;
	if (protect_git_part(p, ".git/hooks", S_IFDIR, t) < 0)
		return -1;
	return protect_git_part(p, ".git/config", S_IFREG, t);
}
