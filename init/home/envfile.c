/*
 * What the init script passes to the payload: a file of the user's, in a place that only the
 * user can write to. Root doesn't open it: whatever the script put in its place (a link to a
 * file of root's, a FIFO) is opened with the user's rights.
 */
#include "envfile.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "../lib/file.h"
#include "../lib/limits.h"
#include "child.h"
#include "home.h"
#include "safe.h"

void envfile_free(char **vars)
{
	for (char **v = vars; v && *v; v++)
		free(*v);
	free(vars);
}

static bool is_letter(char c)
{
	return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || c == '_';
}

static const char *check_line(const char *p, size_t length)
{
	const char *equals = memchr(p, '=', length);

	if (memchr(p, '\0', length))
		return "it holds a zero byte";
	if (!equals)
		return "it has no '='";
	if (!is_letter(*p))
		return "a name begins with a letter or '_'";
	for (const char *c = p; c < equals; c++)
		if (!is_letter(*c) && !(*c >= '0' && *c <= '9'))
			return "a name is letters, digits and '_'";
	return NULL;
}

int envfile_parse(
	const char *text, size_t length, char ***vars, unsigned *line, const char **reason)
{
	char **out = calloc(LIMIT_ENV_FILE_LINES + 1, sizeof(*out));
	unsigned count = 0;

	*line = 0;
	*reason = out ? NULL : "out of memory";
	for (size_t at = 0; out && !*reason && at < length;) {
		const char *p = text + at, *end = memchr(p, '\n', length - at);
		size_t size = end ? (size_t)(end - p) : length - at;

		at += size + 1;
		++*line;
		if (size == 0 || *p == '#')
			continue;
		*reason = check_line(p, size);
		if (!*reason && count == LIMIT_ENV_FILE_LINES)
			*reason = "there are too many variables";
		if (*reason)
			break;
		out[count] = strndup(p, size);
		if (!out[count]) {
			*line = 0;
			*reason = "out of memory";
		}
		count++;
	}
	if (*reason) {
		envfile_free(out);
		return -1;
	}
	*vars = out;
	return 0;
}

static int user_creates(void *context, void *result, struct failure *f)
{
	/* The first that the user may write to; all three are in the container. */
	static const char *const places[] = {"/tmp", "/dev/shm", "/var/tmp"};
	char *path = result, name[SAFE_TEMPORARY];

	(void)context;
	for (size_t i = 0; i < sizeof(places) / sizeof(places[0]); i++) {
		int dir = open(places[i], O_RDONLY | O_DIRECTORY | O_CLOEXEC), fd;

		if (dir < 0)
			continue;
		fd = safe_create(dir, name, 0600);
		close(dir);
		if (fd < 0)
			continue;
		close(fd);
		snprintf(path, PATH_MAX, "%s/%s", places[i], name);
		return 0;
	}
	fail_errno(f, "make the hook's SANDBOX_ENV_FILE", "/tmp");
	return fail_hint(f, "the user needs a /tmp to write to: --tmpfs /tmp");
}

int envfile_create(char *out, size_t size, uid_t uid, gid_t gid, struct failure *f)
{
	char path[PATH_MAX] = "";

	if (child_run_as(uid, gid, NULL, user_creates, NULL, path, sizeof(path), f) < 0)
		return -1;
	path[sizeof(path) - 1] = '\0';
	if (snprintf(out, size, "%s", path) >= (int)size)
		return fail(
			f, "make the hook's SANDBOX_ENV_FILE", path, "its path is too long");
	return 0;
}

struct file_text {
	size_t length;
	char bytes[LIMIT_ENV_FILE_BYTES + 1];
};

static int read_text(int fd, const char *path, struct file_text *out, struct failure *f)
{
	static const char operation[] = "read the hook's SANDBOX_ENV_FILE";
	struct stat st;
	ssize_t n;

	if (fstat(fd, &st) < 0)
		return fail_errno(f, operation, path);
	if (!S_ISREG(st.st_mode))
		return fail(f, operation, path, "it is not a file any more");
	n = file_read(fd, out->bytes, sizeof(out->bytes));
	if (n < 0)
		return fail_errno(f, operation, path);
	out->length = (size_t)n;
	if (out->length == sizeof(out->bytes))
		return fail(f, operation, path, "it is larger than %d KiB",
			LIMIT_ENV_FILE_BYTES / 1024);
	return 0;
}

/* A script that removed the file passes nothing. */
static int user_reads(void *context, void *result, struct failure *f)
{
	const char *path = context;
	int fd = open(path, O_RDONLY | O_NOFOLLOW | O_NONBLOCK | O_NOCTTY | O_CLOEXEC),
	    done = 0;

	if (fd >= 0)
		done = read_text(fd, path, result, f);
	else if (errno == ELOOP)
		done = fail(f, "read the hook's SANDBOX_ENV_FILE", path,
			"it is a symbolic link now");
	else if (errno != ENOENT)
		done = fail_errno(f, "read the hook's SANDBOX_ENV_FILE", path);
	unlink(path);
	return done;
}

int envfile_read(const char *path, uid_t uid, gid_t gid, char ***vars, struct failure *f)
{
	struct file_text *text = calloc(1, sizeof(*text));
	const char *reason;
	unsigned line;
	int done;

	*vars = NULL;
	if (!text)
		return fail_errno(f, "read the hook's SANDBOX_ENV_FILE", path);
	done = child_run_as(
		uid, gid, NULL, user_reads, (void *)(uintptr_t)path, text, sizeof(*text), f);
	if (done == 0 && text->length > LIMIT_ENV_FILE_BYTES)
		done = fail(f, "read the hook's SANDBOX_ENV_FILE", path, "it is too large");
	if (done == 0 && envfile_parse(text->bytes, text->length, vars, &line, &reason) < 0) {
		done = fail(f, "read the hook's SANDBOX_ENV_FILE", path, "line %u: %s", line,
			reason);
		fail_hint(f, "its lines are NAME=value");
	}
	free(text);
	return done;
}
