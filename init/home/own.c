/*
 * home_own(): makes the home the user's.
 *
 * Root in the container can't give a directory away, since it has no CHOWN. But a directory
 * belongs to whoever creates it. So root creates a world-writable staging directory next to
 * the home, a child that has become the user creates the home in it, and root moves it to
 * its place. Moving a directory needs write access to the directory itself (its ".."
 * changes), and root has no DAC_OVERRIDE: so it is world-writable for that moment, in a
 * container where nothing else runs yet.
 *
 * rename(2) onto an empty directory replaces it; if it isn't empty, or is a mount point, the
 * kernel refuses. That is the whole check, and it is free of races.
 */
#include "home.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/magic.h>
#include <limits.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/vfs.h>
#include <unistd.h>

#include "../lib/privileges.h"
#include "child.h"
#include "safe.h"

static const char operation[] = "make the home";

struct own {
	const char *home;
	uid_t uid;
	gid_t gid;
	char parent[PATH_MAX];
	const char *last;
	char staging[SAFE_TEMPORARY];
	int parent_fd, staging_fd;
};

static int user_makes(void *context, void *result, struct failure *f)
{
	const struct own *o = context;

	(void)result;
	umask(0);
	if (mkdirat(o->staging_fd, "home", 0777) < 0)
		return fail_errno(f, operation, o->home);
	return 0;
}

/* Also checks that the home is writable. */
static int user_closes(void *context, void *result, struct failure *f)
{
	const struct own *o = context;
	int fd = open(o->home, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);

	(void)result;
	if (fd < 0 || fchmod(fd, 0700) < 0)
		return fail_errno(f, operation, o->home);
	close(fd);
	return 0;
}

static int user_tries(void *context, void *result, struct failure *f)
{
	const struct own *o = context;

	(void)result;
	if (access(o->home, W_OK | X_OK) == 0)
		return 0;
	fail_errno(f, "write to the home", o->home);
	return fail_hint(f, "Codex keeps its state there: mount it read-write, mode 0700");
}

static int split(struct own *o, struct failure *f)
{
	const char *slash = strrchr(o->home, '/');

	if (o->home[0] != '/' || slash[1] == '\0' ||
		(size_t)(slash - o->home) >= sizeof(o->parent))
		return fail(f, operation, o->home, "it is not an absolute path");
	snprintf(o->parent, sizeof(o->parent), "%.*s",
		slash == o->home ? 1 : (int)(slash - o->home), o->home);
	o->last = slash + 1;
	return 0;
}

/* The advice depends on where the directory comes from. */
static int hint_owner(const struct own *o, bool mounted, struct failure *f)
{
	const unsigned uid = (unsigned)o->uid;
	struct statfs fs;

	if (!mounted)
		return fail_hint(f, "give it to uid %u in the image: RUN chown -R %u %s", uid,
			uid, o->home);
	if (statfs(o->home, &fs) == 0 && fs.f_type == TMPFS_MAGIC)
		return fail_hint(
			f, "mount it for that uid: --tmpfs %s:uid=%u,mode=0700", o->home, uid);
	if (privileges_root_is_user())
		return fail_hint(f, "with rootless Docker: codex-sandbox --wall=cell, or -e "
				    "CODEX_INIT_WALL=cell, where the command has your own uid");
	return fail_hint(f, "give the directory on the host to uid %u (chown -R %u)", uid, uid);
}

static int fail_rename(const struct own *o, int why, struct failure *f)
{
	if (why == EBUSY || why == ENOTEMPTY || why == EEXIST) {
		fail(f, operation, o->home, "%s, and it doesn't belong to uid %u",
			why == EBUSY ? "something is mounted there" : "it is not empty",
			(unsigned int)o->uid);
		return hint_owner(o, why == EBUSY, f);
	}
	errno = why;
	return fail_errno(f, operation, o->home);
}

static int move_in(struct own *o, struct failure *f)
{
	if (child_run_as(o->uid, o->gid, NULL, user_makes, o, NULL, 0, f) < 0)
		return -1;
	if (renameat(o->staging_fd, "home", o->parent_fd, o->last) < 0) {
		int why = errno;

		unlinkat(o->staging_fd, "home", AT_REMOVEDIR);
		return fail_rename(o, why, f);
	}
	return child_run_as(o->uid, o->gid, NULL, user_closes, o, NULL, 0, f);
}

/* Creates a world-writable directory, under a name that nobody can have prepared. */
static int make_staging(struct own *o, struct failure *f)
{
	int fd = safe_create(o->parent_fd, o->staging, 0600);

	if (fd < 0) {
		fail_errno(f, operation, o->home);
		return fail_hint(f,
			"mount a directory there that belongs to uid %u, or --tmpfs "
			"%s:uid=%u,mode=0700",
			(unsigned int)o->uid, o->home, (unsigned int)o->uid);
	}
	close(fd);
	if (unlinkat(o->parent_fd, o->staging, 0) < 0 ||
		mkdirat(o->parent_fd, o->staging, 0700) < 0)
		return fail_errno(f, operation, o->home);
	o->staging_fd = openat(
		o->parent_fd, o->staging, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
	if (o->staging_fd < 0 || fchmod(o->staging_fd, 0777) < 0)
		return fail_errno(f, operation, o->home);
	return 0;
}

static int stage(struct own *o, struct failure *f)
{
	int done;

	if (split(o, f) < 0)
		return -1;
	o->parent_fd = open(o->parent, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	if (o->parent_fd < 0)
		return fail_errno(f, operation, o->home);
	done = make_staging(o, f);
	if (done == 0)
		done = move_in(o, f);
	if (o->staging_fd >= 0) {
		close(o->staging_fd);
		unlinkat(o->parent_fd, o->staging, AT_REMOVEDIR);
	}
	close(o->parent_fd);
	return done;
}

int home_own(const char *home, uid_t uid, gid_t gid, struct failure *f)
{
	struct own o = {
		.home = home, .uid = uid, .gid = gid, .parent_fd = -1, .staging_fd = -1};
	struct stat st;

	if (lstat(home, &st) < 0)
		return errno == ENOENT ? stage(&o, f) : fail_errno(f, operation, home);
	if (!S_ISDIR(st.st_mode))
		return fail(f, operation, home, "something that isn't a directory is there");
	if (st.st_uid != uid)
		return stage(&o, f);
	return child_run_as(uid, gid, NULL, user_tries, &o, NULL, 0, f);
}
