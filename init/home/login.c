/*
 * home_keep_login(): keeps a login that is stored in a directory of its own.
 *
 * HOME/auth.json is then a link into that directory. Codex follows it when it renews a
 * login, but its first login, when the target doesn't exist, replaces the link by a file,
 * and its logout removes only the link. So at the end of a session the same is done to the
 * link's target. This uses the user's rights: anything that the payload could put in the
 * way, it could have put into the directory itself.
 */
#include "home.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "../lib/file.h"
#include "../lib/limits.h"
#include "child.h"
#include "safe.h"

static const char operation[] = "keep the login";

struct keep {
	const char *home, *link;
};

/* Reads a regular file of at most LIMIT_LOGIN_BYTES. Returns its length, or -1 with errno. */
static ssize_t read_login(int home, char *text)
{
	ssize_t n = file_take(safe_open(home, "auth.json", O_RDONLY | O_NONBLOCK | O_NOCTTY, 0),
		text, LIMIT_LOGIN_BYTES + 1);

	if (n <= LIMIT_LOGIN_BYTES)
		return n;
	errno = EFBIG;
	return -1;
}

/* Replaces the file as a whole. path is relative to the home. */
static int write_login(int home, const char *path, const char *text, size_t size)
{
	char temporary[LIMIT_HOME_PATH];
	int fd;

	snprintf(temporary, sizeof(temporary), "%s.new", path);
	unlinkat(home, temporary, 0);
	fd = openat(home, temporary, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0600);
	if (fd < 0)
		return -1;
	if (file_write(fd, text, size) == 0 && fsync(fd) == 0 && close(fd) == 0)
		return renameat(home, temporary, home, path);
	unlinkat(home, temporary, 0);
	return -1;
}

static int as_user(void *context, void *result, struct failure *f)
{
	static char text[LIMIT_LOGIN_BYTES + 1];
	const struct keep *k = context;
	int home = open(k->home, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
	struct stat st;
	ssize_t n;

	(void)result;
	if (home < 0)
		return fail_errno(f, operation, k->home);
	if (fstatat(home, "auth.json", &st, AT_SYMLINK_NOFOLLOW) < 0) {
		/* Logged out: remove the target too. */
		if (errno != ENOENT || (unlinkat(home, k->link, 0) < 0 && errno != ENOENT))
			return fail_errno(f, operation, k->link);
		return 0;
	}
	/* An empty file is left by a full disk, or by an engine: keep the old login. */
	if (!S_ISREG(st.st_mode) || st.st_size == 0)
		return 0;
	n = read_login(home, text);
	if (n < 0 || write_login(home, k->link, text, (size_t)n) < 0 ||
		unlinkat(home, "auth.json", 0) < 0)
		return fail_errno(f, operation, k->link);
	return 0;
}

int home_keep_login(const char *home, const char *link, uid_t uid, gid_t gid, struct failure *f)
{
	struct keep k = {home, link};

	return child_run_as(uid, gid, NULL, as_user, &k, NULL, 0, f);
}
