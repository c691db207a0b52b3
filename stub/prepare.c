#include "prepare.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "../init/lib/file.h"
#include "beneath.h"
#include "mounts.h"
#include "workdir.h"

static int refuse_create(struct error *t, const char *directory, const char *name)
{
	int error = errno;
	char path[PATH_MAX];

	snprintf(path, sizeof(path), "%s/%s", directory, name);
	refuse(t, "create", path, "%s", strerror(error));
	return refuse_no_sandbox(t);
}

/* fchown(2) if we are root; otherwise the file already belongs to the right user. */
static int give(int fd, uid_t uid, gid_t gid)
{
	return geteuid() == 0 ? fchown(fd, uid, gid) : 0;
}

/* True if we have created it, now or in a run that was interrupted: it is ours and empty.
 * Anything else must not get another owner. */
static bool is_fresh(int directory, bool created, uid_t uid)
{
	struct stat st;

	if (fstat(directory, &st) < 0 || st.st_uid != geteuid())
		return false;
	return (created || (geteuid() == 0 && uid != 0)) && workdir_is_empty(directory);
}

int prepare_directory(int fd, const char *name, mode_t mode, uid_t uid, gid_t gid)
{
	/* With a longer path, mkdirat() would follow links. */
	bool single = !strchr(name, '/');
	bool created = single && mkdirat(fd, name, mode) == 0;
	int directory;

	if (single && !created && errno != EEXIST)
		return -1;
	directory = beneath_open(fd, name, O_RDONLY | O_DIRECTORY, 0);
	if (directory < 0 || !is_fresh(directory, created, uid))
		return directory;
	if (fchmod(directory, mode) < 0 || give(directory, uid, gid) < 0) {
		close(directory);
		return -1;
	}
	return directory;
}

/* Opens what an interrupted run may have left: our file, still empty. */
static int open_empty(int directory, const char *name)
{
	int fd = beneath_open(directory, name, O_WRONLY | O_NONBLOCK, 0);
	struct stat st;

	if (fd < 0)
		return -1;
	if (fstat(fd, &st) == 0 && S_ISREG(st.st_mode) && st.st_nlink == 1 && st.st_size == 0)
		return fd;
	close(fd);
	return -1;
}

/* Creates a file if there is none, or only an empty one. Returns 0, or -1 with errno set. */
static int create_file(int directory, const char *name, const char *text, uid_t uid, gid_t gid)
{
	int fd = beneath_open(directory, name, O_WRONLY | O_CREAT | O_EXCL, 0600), error;
	size_t size = strlen(text);
	bool good;

	if (fd < 0 && errno != EEXIST)
		return -1;
	if (fd < 0)
		fd = size ? open_empty(directory, name) : -1;
	if (fd < 0)
		return 0;
	good = file_write(fd, text, size) == 0 && give(fd, uid, gid) == 0;
	error = errno;
	if (!good)
		unlinkat(directory, name,
			0); /* next time, half a file would be taken for a complete one */
	close(fd);
	errno = error;
	return good ? 0 : -1;
}

/* Engines create an empty auth.json as a mount point and leave it behind. Codex takes it for
 * a broken login. */
static int remove_empty_auth(int home)
{
	struct stat st;

	if (fstatat(home, "auth.json", &st, AT_SYMLINK_NOFOLLOW) < 0)
		return errno == ENOENT ? 0 : -1;
	if (!S_ISREG(st.st_mode) || st.st_size > 0)
		return 0;
	return unlinkat(home, "auth.json", 0);
}

/* True if auth.json is the link left by a run with --auth_dir. */
static bool is_our_link(int home)
{
	char link[sizeof(PLAN_AUTH_LINK)];
	ssize_t n = readlinkat(home, "auth.json", link, sizeof(link));

	return n == (ssize_t)strlen(PLAN_AUTH_LINK) &&
	       memcmp(link, PLAN_AUTH_LINK, (size_t)n) == 0;
}

/* Likewise a link, but not something that has replaced it: that might be a file of root's. */
static int give_link(int directory, const char *name, uid_t uid, gid_t gid)
{
	int fd, result = -1;
	struct stat st;

	if (geteuid() != 0)
		return 0;
	fd = beneath_open(directory, name, O_PATH | O_NOFOLLOW, 0);
	if (fd >= 0 && fstat(fd, &st) == 0 && S_ISLNK(st.st_mode))
		result = fchownat(fd, "", uid, gid, AT_EMPTY_PATH);
	else
		errno = EEXIST;
	if (fd >= 0)
		close(fd);
	return result;
}

static int link_auth(const struct plan *p, int home, struct error *t)
{
	struct stat st;

	if (is_our_link(home))
		return 0;
	if (fstatat(home, "auth.json", &st, AT_SYMLINK_NOFOLLOW) == 0) {
		if (!S_ISREG(st.st_mode) || st.st_size > 0) {
			refuse(t, "use --auth_dir", p->home, "it already holds an auth.json");
			return refuse_hint(t, "move that file to the directory of --auth_dir");
		}
		if (unlinkat(home, "auth.json", 0) < 0)
			return refuse_create(t, p->home, "auth.json");
	}
	if (symlinkat(PLAN_AUTH_LINK, home, "auth.json") < 0 ||
		give_link(home, "auth.json", p->uid, p->gid) < 0)
		return refuse_create(t, p->home, "auth.json");
	return 0;
}

static int prepare_login(const struct plan *p, int home, struct error *t)
{
	if (p->login == LOGIN_DIR)
		return link_auth(p, home, t);
	if (is_our_link(home) && unlinkat(home, "auth.json", 0) < 0)
		return refuse_create(t, p->home, "auth.json");
	if (p->login == LOGIN_OWN && remove_empty_auth(home) < 0)
		return refuse_create(t, p->home, "auth.json");
	if (p->login == LOGIN_FILE && create_file(home, "auth.json", "", p->uid, p->gid) < 0)
		return refuse_create(t, p->home, "auth.json");
	return 0;
}

static int prepare_pointer(const struct plan *p, int home, struct error *t)
{
	char text[PATH_MAX + 2];

	if (!p->worktree_pointer)
		return 0;
	snprintf(text, sizeof(text), "%s\n", p->worktree_pointer);
	if ((unlinkat(home, PLAN_POINTER, 0) < 0 && errno != ENOENT) ||
		create_file(home, PLAN_POINTER, text, p->uid, p->gid) < 0)
		return refuse_create(t, p->home, PLAN_POINTER);
	return 0;
}

static int prepare_inside(const struct plan *p, int home, struct error *t)
{
	int sessions;

	if (p->home_is_ours && create_file(home, ".gitignore", "*\n", p->uid, p->gid) < 0)
		return refuse_create(t, p->home, ".gitignore");
	if (p->sessions) {
		sessions = prepare_directory(home, "sessions", 0700, p->uid, p->gid);
		if (sessions < 0)
			return refuse_create(t, p->home, "sessions");
		close(sessions);
	}
	if (prepare_pointer(p, home, t) < 0)
		return -1;
	return prepare_login(p, home, t);
}

/* .codex is part of the project and belongs to its owner; the home in it is Codex's. */
static int open_own_home(struct plan *p, struct error *t)
{
	const char *name = strrchr(p->home_path, '/');
	int parent, home;

	parent = prepare_directory(
		p->workdir_fd, p->dot_codex, 0755, p->workdir_uid, p->workdir_gid);
	if (parent < 0)
		return refuse_create(t, p->workdir, p->dot_codex);
	close(parent);
	/* The home may be elsewhere in the workdir, through a link; then it exists. */
	parent = name ? beneath_open(p->workdir_fd,
				arena_format(&p->arena, "%.*s", (int)(name - p->home_path),
					p->home_path),
				O_RDONLY | O_DIRECTORY, 0)
		      : dup(p->workdir_fd);
	if (parent < 0)
		return refuse_create(t, p->workdir, p->home_path);
	home = prepare_directory(parent, name ? name + 1 : p->home_path, 0700, p->uid, p->gid);
	close(parent);
	if (home < 0)
		return refuse_create(t, p->workdir, p->home_path);
	return home;
}

/* Without it the session starts all the same: what is put there is listed at its end. */
static void prepare_hooks(struct plan *p)
{
	const char *common = p->repository.common;
	int git = p->hooks ? beneath_open_resolved(common, O_RDONLY | O_DIRECTORY) : -1;
	int hooks =
		git < 0 ? -1
			: prepare_directory(git, "hooks", 0755, p->workdir_uid, p->workdir_gid);

	if (p->hooks && hooks < 0) {
		log_warning("%s/hooks can't be created (%s), nor protected from changes",
			common, strerror(errno));
		mounts_remove(&p->mounts, p->hooks);
		p->request.mounts_count = p->mounts.count;
	}
	if (hooks >= 0)
		close(hooks);
	if (git >= 0)
		close(git);
}

int prepare_home(struct plan *p, struct error *t)
{
	int home, result;

	prepare_hooks(p);
	if (p->home_is_ours)
		home = open_own_home(p, t);
	else
		home = workdir_open(p, p->home, O_RDONLY | O_DIRECTORY);
	if (home < 0) {
		if (!p->home_is_ours) {
			refuse_errno(t, "use --codex-home", p->home);
			refuse_no_sandbox(t);
		}
		return -1;
	}
	result = prepare_inside(p, home, t);
	close(home);
	return result;
}
