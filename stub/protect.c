#include "protect.h"

#include <fcntl.h>
#include <string.h>
#include <sys/stat.h>

int protect_mount(
	struct plan *p, const char *source, const char *target, bool writable, struct error *t)
{
	/* The user may have asked for the same with --read-only, or for the opposite with
	 * --sessions-path, which takes precedence. */
	for (size_t i = 0; i < p->mounts.count; i++)
		if (!writable && !p->mounts.mount[i].writable &&
			strcmp(p->mounts.mount[i].target, target) == 0)
			return 0;
	return mounts_add(&p->mounts, source, target, writable, t);
}

/* Mounts workdir/relative on itself. */
static int mount_in_place(struct plan *p, const char *relative, bool writable, struct error *t)
{
	return protect_mount(p, arena_format(&p->arena, "%s/%s", p->workdir, relative),
		arena_format(&p->arena, "%s/%s", p->request.directory, relative), writable, t);
}

int protect_add(struct plan *p, struct error *t)
{
	struct stat st;
	bool there = fstatat(p->workdir_fd, p->dot_codex, &st, 0) == 0;

	if (p->read_only)
		return p->home_is_ours ? mount_in_place(p, p->home_path, true, t) : 0;
	if (!there && !p->home_is_ours)
		return 0; /* nothing will create it */
	if (mount_in_place(p, p->dot_codex, false, t) < 0)
		return -1;
	/* Hooks write to SANDBOX_ENV_DIR, which is this path. */
	return p->home_is_ours ? mount_in_place(p, p->home_path, true, t) : 0;
}
