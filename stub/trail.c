#include "trail.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "beneath.h"
#include "state.h"

/* Where codex-init looks for it (init/home/report_file.h). */
#define PLACE "/run/codex/host/events"

static void not_kept(const char *why)
{
	log_warning("the events aren't saved on this machine: %s", why);
}

void trail_plan(struct plan *p)
{
	const char *why, *path;
	struct error t;

	if (!p->report)
		return; /* for the same reason, which was given */
	path = state_path(p, arena_format(&p->arena, "%s/events.jsonl", p->request.name));
	why = state_check(p, p->request.name);
	if (!why && mounts_add(&p->mounts, path, PLACE, true, &t) < 0)
		why = arena_copy(&p->arena, t.reason);
	if (why)
		not_kept(why);
	else
		p->trail = path;
}

static const char *name_of(char name[32], unsigned number)
{
	if (number)
		snprintf(name, 32, "events.%u.jsonl", number);
	else
		snprintf(name, 32, "events.jsonl");
	return name;
}

/* An empty one is of a session that never began. */
static int move_aside(int directory)
{
	char from[32], to[32];
	struct stat st;
	int fd;

	if (fstatat(directory, name_of(from, 0), &st, AT_SYMLINK_NOFOLLOW) < 0)
		return errno == ENOENT ? 0 : -1;
	if (st.st_size == 0)
		return unlinkat(directory, from, 0);
	for (unsigned i = BOUND_TRAILS - 1; i > 0; i--)
		if (renameat(directory, name_of(from, i - 1), directory, name_of(to, i)) < 0 &&
			errno != ENOENT)
			return -1;
	/* Gives back what was reserved and isn't used. */
	fd = beneath_open(directory, name_of(to, 1), O_WRONLY | O_NOFOLLOW, 0);
	if (fd >= 0) {
		/* If not, it only takes more room. */
		(void)!ftruncate(fd, st.st_size);
		close(fd);
	}
	return 0;
}

static int create(struct plan *p)
{
	int directory = state_open(p, p->request.name), fd = -1, saved;

	if (directory >= 0 && move_aside(directory) == 0)
		fd = beneath_open(directory, "events.jsonl", O_WRONLY | O_CREAT | O_EXCL, 0600);
	saved = errno;
	if (directory >= 0)
		close(directory);
	if (fd >= 0 && state_give(p, fd) < 0) {
		saved = errno;
		close(fd);
		fd = -1;
	}
	/* So that a full disk doesn't make a session's last words impossible. */
	if (fd >= 0) {
		fallocate(fd, FALLOC_FL_KEEP_SIZE, 0, BOUND_TRAIL_BYTES);
		close(fd);
	}
	errno = saved;
	return fd < 0 ? -1 : 0;
}

void trail_prepare(struct plan *p)
{
	if (!p->trail || create(p) == 0)
		return;
	not_kept(arena_format(&p->arena, "%s: %s", p->trail, strerror(errno)));
	mounts_remove(&p->mounts, PLACE);
	p->request.mounts_count = p->mounts.count;
	p->trail = NULL;
}
