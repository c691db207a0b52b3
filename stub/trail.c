#include "trail.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "beneath.h"
#include "names.h"
#include "state.h"
#include "trail_read.h"

/* Where codex-init looks for them (init/home/report_file.h). */
#define PLACE "/run/codex/host/events"
#define KNOWN "/run/codex/host/known"

static void not_kept(const char *why)
{
	log_warning("the events aren't saved on this machine: %s", why);
}

void trail_plan(struct plan *p)
{
	const char *why, *path, *known;
	struct error t;

	if (!p->report)
		return; /* for the same reason, which was given */
	path = state_path(p, arena_format(&p->arena, "%s/events.jsonl", p->request.name));
	known = state_path(p, arena_format(&p->arena, "%s/" TRAIL_KNOWN, p->request.name));
	why = state_check(p, p->request.name);
	if (!why && (mounts_add(&p->mounts, path, PLACE, true, &t) < 0 ||
			    mounts_add(&p->mounts, known, KNOWN, false, &t) < 0))
		why = arena_copy(&p->arena, t.reason);
	if (why) {
		/* It may have been added: without the other it would be mounted, and never
		 * created. */
		mounts_remove(&p->mounts, PLACE);
		not_kept(why);
	} else {
		p->trail = path;
	}
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

/* A line for each, those of the last session first: codex-init takes no more than the bound.
 * Without names the file is empty, and nothing is marked. Closes it. */
static bool write_names(const struct names *known, int fd)
{
	FILE *to = fdopen(fd, "w");
	size_t used = 0;
	bool good;

	if (!to) {
		close(fd);
		return false;
	}
	for (size_t i = 0; i < known->list.count; i++) {
		used += strlen(known->list.word[i]) + 1;
		if (used <= BOUND_KNOWN_BYTES)
			fprintf(to, "%s\n", known->list.word[i]);
	}
	good = !ferror(to);
	return fclose(to) == 0 && good;
}

/* Readable for all, who can't get here but in the container: its root has no right to read a
 * user's file. */
static int create_known(struct plan *p, int directory)
{
	struct names known = {0};
	int fd;
	bool good;

	if (unlinkat(directory, TRAIL_KNOWN, 0) < 0 && errno != ENOENT)
		return -1;
	names_known(p, &known); /* from the events, since the file is gone */
	fd = beneath_open(directory, TRAIL_KNOWN, O_WRONLY | O_CREAT | O_EXCL, 0644);
	good = fd >= 0 && fchmod(fd, 0644) == 0 && state_give(p, fd) == 0;
	good &= fd >= 0 && write_names(&known, fd);
	names_free(&known);
	if (!good) {
		int saved = errno;

		unlinkat(directory, TRAIL_KNOWN, 0); /* half of it would be taken for all */
		errno = saved;
	}
	return good ? 0 : -1;
}

static int create(struct plan *p)
{
	int directory = state_open(p, p->request.name), fd = -1, saved;

	if (directory >= 0 && move_aside(directory) == 0 && create_known(p, directory) == 0)
		fd = beneath_open(directory, "events.jsonl", O_WRONLY | O_CREAT | O_EXCL, 0600);
	saved = errno;
	if (directory >= 0)
		close(directory);
	if (fd >= 0 && state_give(p, fd) < 0) {
		saved = errno;
		close(fd);
		fd = -1;
	}
	/* So that a full disk doesn't keep a session from logging its end. */
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
	mounts_remove(&p->mounts, KNOWN);
	p->request.mounts_count = p->mounts.count;
	p->trail = NULL;
}
