/*
 * home_keep_login(): a login that lives in a directory of its own stays there.
 *
 * HOME/auth.json is then a link into that directory. Codex follows it when it renews a login,
 * but its first login, where the link leads to nothing yet, puts a file in the link's place,
 * and its logout removes the link alone. So the end of a session does with the link's target
 * what Codex has done with the link. It is the user's own business, done with the user's
 * rights: what the payload could put in the way it could have put in the directory itself.
 */
#include "home.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "../limits.h"
#include "child.h"
#include "safe.h"

static const char tried[] = "keep the login";

struct keep {
	const char *home, *link;
};

/* At most LIMIT_LOGIN_BYTES, from a regular file; -1 with errno. */
static ssize_t read_login(int home, char *text)
{
	int fd = safe_open(home, "auth.json", O_RDONLY | O_NONBLOCK | O_NOCTTY, 0);
	size_t total = 0;
	struct stat st;
	ssize_t n = -1;

	if (fd < 0)
		return -1;
	if (fstat(fd, &st) == 0 && (!S_ISREG(st.st_mode) || st.st_size > LIMIT_LOGIN_BYTES))
		errno = EFBIG;
	else
		while ((n = read(fd, text + total, LIMIT_LOGIN_BYTES - total)) > 0)
			total += (size_t)n;
	close(fd);
	return n < 0 ? -1 : (ssize_t)total;
}

/* The whole file or none, in the place of an older one. */
static int write_login(int dir, const char *last, const char *text, size_t size)
{
	char temporary[SAFE_TEMPORARY];
	int fd = safe_create(dir, temporary, 0600);

	if (fd < 0)
		return -1;
	if (write(fd, text, size) != (ssize_t)size || fsync(fd) < 0) {
		close(fd);
		unlinkat(dir, temporary, 0);
		return -1;
	}
	close(fd);
	if (renameat(dir, temporary, dir, last) == 0)
		return 0;
	unlinkat(dir, temporary, 0);
	return -1;
}

/* Where the link led: its directory, opened, and the name in it. -1 with errno. */
static int open_target(const char *link, const char **last)
{
	char parent[LIMIT_HOME_PATH];
	const char *slash = strrchr(link, '/');

	if (link[0] != '/' || slash == link || !slash[1]) {
		errno = EINVAL;
		return -1;
	}
	*last = slash + 1;
	snprintf(parent, sizeof(parent), "%.*s", (int)(slash - link), link);
	return open(parent, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
}

static int as_user(void *context, void *result, struct failure *f)
{
	static char text[LIMIT_LOGIN_BYTES];
	const struct keep *k = context;
	const char *last;
	int home = open(k->home, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
	int dir = open_target(k->link, &last);
	struct stat st;
	ssize_t n;

	(void)result;
	if (home < 0 || dir < 0)
		return fail_errno(f, tried, home < 0 ? k->home : k->link);
	if (fstatat(home, "auth.json", &st, AT_SYMLINK_NOFOLLOW) < 0) {
		/* Logged out: then here too. */
		if (errno != ENOENT || (unlinkat(dir, last, 0) < 0 && errno != ENOENT))
			return fail_errno(f, tried, k->link);
		return 0;
	}
	if (!S_ISREG(st.st_mode))
		return 0;
	n = read_login(home, text);
	if (n < 0 || write_login(dir, last, text, (size_t)n) < 0 ||
		unlinkat(home, "auth.json", 0) < 0)
		return fail_errno(f, tried, k->link);
	return 0;
}

int home_keep_login(const char *home, const char *link, uid_t uid, gid_t gid, struct failure *f)
{
	struct keep k = {home, link};

	return child_run_as(uid, gid, NULL, as_user, &k, NULL, 0, f);
}
