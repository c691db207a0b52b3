/* See report_file.h. */
#include "report_file.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <unistd.h>

#include "../lib/descriptor.h"
#include "../lib/file.h"
#include "../lib/limits.h"
#include "../lib/privileges.h"
#include "child.h"

static const char operation[] = "keep the closing report", logging[] = "keep the events";

int report_file_open(const char *directory, const char *name, struct failure *f)
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
		fd = openat(at, name, O_PATH | O_NOFOLLOW | O_CLOEXEC);
	if (fd < 0 && !f->reason[0] && errno != ENOENT)
		fail_errno(f, operation, name);
	close(at);
	if (fd >= 0 && (fstat(fd, &st) < 0 || !S_ISREG(st.st_mode))) {
		fail(f, operation, name, "it is not a file");
		close(fd);
		fd = -1;
	}
	return fd;
}

/* What a child does with the file. */
struct job {
	int fd;
	int (*work)(const struct job *j, struct failure *f);
	const char *text;
	size_t size;
	int socket;
};

/* The directory is closed to us, but the file's own mode is what counts (proc(5),
 * /proc/PID/fd). */
static int reopen(int by_path, int flags)
{
	char path[32];

	snprintf(path, sizeof(path), "/proc/self/fd/%d", by_path);
	return open(path, flags | O_NOCTTY | O_CLOEXEC);
}

static int write_text(const struct job *j, struct failure *f)
{
	int fd = reopen(j->fd, O_WRONLY | O_APPEND);

	if (fd < 0)
		return fail_errno(f, operation, "open it");
	if (file_write(fd, j->text, j->size) < 0 || close(fd) < 0)
		return fail_errno(f, operation, "write to it");
	return 0;
}

static int pass_on(const struct job *j, struct failure *f)
{
	int fd = reopen(j->fd, O_WRONLY | O_APPEND);

	if (fd < 0)
		return fail_errno(f, logging, "open them");
	return descriptor_send(j->socket, "", 1, fd) < 0
		       ? fail_errno(f, logging, "pass them on")
		       : 0;
}

/* In a child, which becomes the file's owner. Even this look at the file may hang. */
static int as_owner(void *context, void *result, struct failure *f)
{
	const struct job *j = context;
	struct stat st;

	(void)result;
	if (fstat(j->fd, &st) < 0)
		return fail_errno(f, operation, "examine it");
	if (st.st_nlink == 0)
		return fail(f, operation, "write to it", "it was removed on the host");
	if (st.st_uid != geteuid() && privileges_drop(st.st_uid, st.st_gid, f) < 0)
		return -1;
	return j->work(j, f);
}

static int run(struct job *j, const char *what, struct failure *f)
{
	fail(f, what, "write to your machine's disk", "it takes too long");
	if (child_run_for(LIMIT_HOST_FILE_MS, as_owner, j, f) < 0)
		return -1;
	f->reason[0] = '\0';
	return 0;
}

int report_file_write(int fd, const char *text, size_t size, struct failure *f)
{
	struct job j = {.fd = fd, .work = write_text, .text = text, .size = size};

	return run(&j, operation, f);
}

int report_file_append(int fd, struct failure *f)
{
	struct job j = {.fd = fd, .work = pass_on};
	int pair[2];

	if (socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, pair) < 0)
		return fail_errno(f, logging, "socketpair");
	j.socket = pair[1];
	if (run(&j, logging, f) < 0) {
		close(pair[0]);
		pair[0] = -1;
	}
	close(pair[1]);
	return pair[0];
}

int report_file_copy(int held)
{
	char octet;
	int fd;

	descriptor_receive(held, &octet, 1, MSG_PEEK | MSG_DONTWAIT, &fd);
	return fd;
}

char *report_file_read(int fd, struct failure *f)
{
	char *text = calloc(1, LIMIT_KNOWN + 2);
	ssize_t n = text ? file_take(reopen(fd, O_RDONLY), text + 1, LIMIT_KNOWN + 1) : -1;

	if (n > 0 && n <= LIMIT_KNOWN) {
		text[0] = '\n';
		return text;
	}
	if (n < 0)
		fail_errno(f, "read", REPORT_FILE_KNOWN);
	free(text);
	return NULL;
}
