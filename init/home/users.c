/*
 * The user database: whatever uid the working directory's owner has, the payload's user is
 * called codex, so that whoami, git, ssh and the shell's prompt work.
 *
 * Both files are replaced by rename(2), by root, before anything unprivileged runs.
 */
#include "home.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "../lib/file.h"
#include "../lib/limits.h"
#include "safe.h"
#include "userdb.h"

#define USER_NAME "codex"

struct userdb_text {
	char *bytes; /* owned */
	size_t length;
	mode_t mode;
};

/* Reads the file; a missing one counts as empty. Returns 0, or -1 with errno. */
static int read_file(int dir, const char *file, struct userdb_text *out)
{
	int fd = openat(dir, file, O_RDONLY | O_CLOEXEC | O_NONBLOCK);
	struct stat st;
	ssize_t n;

	*out = (struct userdb_text){.mode = 0644};
	if (fd < 0 && errno != ENOENT)
		return -1;
	out->bytes = malloc(LIMIT_PASSWD_BYTES + 1);
	if (!out->bytes || fd < 0)
		return out->bytes ? 0 : -1;
	if (fstat(fd, &st) == 0)
		out->mode = st.st_mode & 0777;
	n = file_read(fd, out->bytes, LIMIT_PASSWD_BYTES + 1);
	close(fd);
	out->length = n < 0 ? 0 : (size_t)n;
	if (n >= 0 && out->length <= LIMIT_PASSWD_BYTES)
		return 0;
	if (n >= 0)
		errno = EFBIG;
	free(out->bytes);
	out->bytes = NULL;
	return -1;
}

static int replace_file(
	int dir, const char *file, const char *bytes, size_t length, mode_t mode)
{
	char temporary[SAFE_TEMPORARY];
	int fd = safe_create(dir, temporary, 0600), saved;
	size_t done = 0;

	if (fd < 0)
		return -1;
	while (done < length) {
		ssize_t n = write(fd, bytes + done, length - done);

		if (n < 0 && errno != EINTR)
			break;
		done += n > 0 ? (size_t)n : 0;
	}
	if (done < length || fchmod(fd, mode) < 0 || fsync(fd) < 0 ||
		renameat(dir, temporary, dir, file) < 0) {
		saved = errno;
		close(fd);
		unlinkat(dir, temporary, 0);
		errno = saved;
		return -1;
	}
	close(fd);
	return 0;
}

/* Adds the line to the file unless it is there. Returns 0, or -1 with errno. */
static int put_line(int dir, const char *file, uint32_t id, const char *line)
{
	struct userdb_text old;
	size_t length = 0;
	char *text;
	int done;

	if (read_file(dir, file, &old) < 0)
		return -1;
	text = userdb_put(old.bytes, old.length, USER_NAME, id, line, &length);
	done = !text ? -1 : 0;
	if (text && (length != old.length || memcmp(text, old.bytes, length) != 0))
		done = replace_file(dir, file, text, length, old.mode);
	free(text);
	free(old.bytes);
	return done;
}

/*
 * The shell of codex, else of the user with that uid, else root's: so the image determines
 * it. None means the system's default (passwd(5)).
 */
static void find_shell(const struct userdb_text *passwd, uid_t uid, char *out, size_t size)
{
	struct userdb_line line;

	*out = '\0';
	if (!userdb_by_name(passwd->bytes, passwd->length, USER_NAME, &line) &&
		!userdb_by_id(passwd->bytes, passwd->length, (uint32_t)uid, &line) &&
		!userdb_by_id(passwd->bytes, passwd->length, 0, &line))
		return;
	if (line.fields == USERDB_FIELDS && line.field_length[6] > 0 &&
		line.field_length[6] < size && line.field[6][0] == '/')
		snprintf(out, size, "%.*s", (int)line.field_length[6], line.field[6]);
}

static int passwd_line(int dir, uid_t uid, gid_t gid, const char *home, char *out, size_t size)
{
	char shell[256];
	struct userdb_text passwd;

	if (read_file(dir, "passwd", &passwd) < 0)
		return -1;
	find_shell(&passwd, uid, shell, sizeof(shell));
	free(passwd.bytes);
	if (strpbrk(home, ":\n") ||
		snprintf(out, size, USER_NAME ":x:%u:%u:Codex:%s:%s", (unsigned int)uid,
			(unsigned int)gid, home, shell) >= (int)size) {
		errno = EINVAL;
		return -1;
	}
	return 0;
}

int users_write(const char *etc, uid_t uid, gid_t gid, const char *home, char *warning,
	size_t warning_size, struct failure *f)
{
	static const char operation[] = "name the user";
	int dir = open(etc, O_RDONLY | O_DIRECTORY | O_CLOEXEC), done = -1, why;
	char user[PATH_MAX + 512], group[64];

	if (warning_size)
		warning[0] = '\0';
	snprintf(group, sizeof(group), USER_NAME ":x:%u:", (unsigned int)gid);
	if (dir >= 0 && passwd_line(dir, uid, gid, home, user, sizeof(user)) == 0 &&
		put_line(dir, "passwd", (uint32_t)uid, user) == 0)
		/* Group 0 stays root's. */
		done = gid == 0 ? 0 : put_line(dir, "group", (uint32_t)gid, group);
	why = errno;
	if (dir >= 0)
		close(dir);
	if (done == 0)
		return 0;
	switch (why) {
	case EROFS:
	case EACCES:
	case EPERM:
	case EBUSY: /* the engine has mounted the file itself */
	case ENOENT:
	case EINVAL:
		snprintf(warning, warning_size,
			"%s/passwd and group could not be changed (%s): uid %u may have no "
			"name",
			etc, strerror(why), (unsigned int)uid);
		return 0;
	default:
		errno = why;
		return fail_errno(f, operation, etc);
	}
}

static int find_by_name(const struct userdb_text *passwd, const char *text, uid_t *uid,
	gid_t *gid, struct failure *f)
{
	struct userdb_line line;
	uint32_t group;

	if (!userdb_by_name(passwd->bytes, passwd->length, text, &line) || !line.has_id ||
		line.fields < 4 || !userdb_id(line.field[3], line.field_length[3], &group)) {
		fail(f, "find the user", text, "there is no such user in /etc/passwd");
		return fail_hint(f, "a number needs no entry: --user UID[:GID]");
	}
	*uid = line.id;
	*gid = group;
	return 0;
}

int users_find(const char *etc, const char *text, uid_t *uid, gid_t *gid, struct failure *f)
{
	const char *colon = strchr(text, ':');
	size_t length = colon ? (size_t)(colon - text) : strlen(text);
	int dir = open(etc, O_RDONLY | O_DIRECTORY | O_CLOEXEC), done = 0;
	struct userdb_text passwd = {.bytes = NULL};
	struct userdb_line line;
	uint32_t id, group;

	/* A number needs no user database. */
	if (dir >= 0 && read_file(dir, "passwd", &passwd) < 0)
		passwd.length = 0;
	if (dir >= 0)
		close(dir);
	if (!userdb_id(text, length, &id)) {
		done = colon ? fail(f, "find the user", text,
				       "it is neither NAME nor UID[:GID]")
			     : find_by_name(&passwd, text, uid, gid, f);
	} else if (colon && !userdb_id(colon + 1, strlen(colon + 1), &group)) {
		done = fail(f, "find the user", text, "what follows the colon is no group id");
	} else {
		if (!colon && (!userdb_by_id(passwd.bytes, passwd.length, id, &line) ||
				      line.fields < 4 ||
				      !userdb_id(line.field[3], line.field_length[3], &group)))
			group = id;
		*uid = id;
		*gid = group;
	}
	free(passwd.bytes);
	return done;
}

bool users_shell(const char *etc, uid_t uid, char *out, size_t size)
{
	int dir = open(etc, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	struct userdb_text passwd = {.bytes = NULL};

	*out = '\0';
	if (dir >= 0 && read_file(dir, "passwd", &passwd) == 0)
		find_shell(&passwd, uid, out, size);
	free(passwd.bytes);
	if (dir >= 0)
		close(dir);
	return *out != '\0';
}

bool users_home(const char *etc, uid_t uid, char *out, size_t size)
{
	int dir = open(etc, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	struct userdb_text passwd = {.bytes = NULL};
	struct userdb_line line;
	bool found = dir >= 0 && read_file(dir, "passwd", &passwd) == 0 &&
		     userdb_by_id(passwd.bytes, passwd.length, (uint32_t)uid, &line) &&
		     line.fields >= 6 && line.field_length[5] < size && line.field[5][0] == '/';

	if (found)
		snprintf(out, size, "%.*s", (int)line.field_length[5], line.field[5]);
	free(passwd.bytes);
	if (dir >= 0)
		close(dir);
	return found;
}
