/* See report_file.h. */
#include "report_file.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "child.h"

static const char operation[] = "keep the closing report";

int report_file_open(const char *directory, struct failure *f)
{
	int at = open(directory, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC), fd = -1;
	struct stat st;

	f->reason[0] = '\0';
	if (at < 0)
		return errno == ENOENT ? -1 : fail_errno(f, operation, directory);
	/* The engine created it, as the parent of the mount: open to all. */
	if (fchmod(at, 0700) < 0 || fstat(at, &st) < 0)
		fail_errno(f, operation, directory);
	else if (st.st_uid != geteuid() || (st.st_mode & 077) != 0)
		fail(f, operation, directory, "other users can enter it");
	else
		fd = openat(at, REPORT_FILE_NAME, O_PATH | O_NOFOLLOW | O_CLOEXEC);
	if (fd < 0 && !f->reason[0] && errno != ENOENT)
		fail_errno(f, operation, REPORT_FILE_NAME);
	close(at);
	if (fd >= 0 && (fstat(fd, &st) < 0 || !S_ISREG(st.st_mode))) {
		fail(f, operation, REPORT_FILE_NAME, "it is not a file");
		close(fd);
		fd = -1;
	}
	return fd;
}

struct report_text {
	int fd;
	const char *text;
	size_t size;
};

static int write_text(void *context, void *result, struct failure *f)
{
	const struct report_text *t = context;
	char path[32];
	size_t done = 0;
	ssize_t n = 0;
	int fd;

	(void)result;
	/* The directory is closed to us, but the file's own mode is what counts (proc(5),
	 * /proc/PID/fd). */
	snprintf(path, sizeof(path), "/proc/self/fd/%d", t->fd);
	fd = open(path, O_WRONLY | O_APPEND | O_NOCTTY | O_CLOEXEC);
	if (fd < 0)
		return fail_errno(f, operation, "open it");
	while (done < t->size && (n = write(fd, t->text + done, t->size - done)) > 0)
		done += (size_t)n;
	if (done < t->size || close(fd) < 0)
		return fail_errno(f, operation, "write to it");
	return 0;
}

int report_file_write(int fd, const char *text, size_t size, struct failure *f)
{
	struct report_text t = {fd, text, size};
	struct stat st;

	if (fstat(fd, &st) < 0)
		return fail_errno(f, operation, "examine it");
	if (st.st_nlink == 0)
		return fail(f, operation, "write to it", "it was removed on the host");
	if (st.st_uid == geteuid())
		return child_run(write_text, &t, NULL, 0, f);
	return child_run_as(st.st_uid, st.st_gid, NULL, write_text, &t, NULL, 0, f);
}
