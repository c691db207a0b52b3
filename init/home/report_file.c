/* See report_file.h. */
#include "report_file.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <unistd.h>

#include "../lib/descriptor.h"
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

struct report_text {
	int fd;
	const char *text;
	size_t size;
};

/* The directory is closed to us, but the file's own mode is what counts (proc(5),
 * /proc/PID/fd). */
static int reopen(int by_path)
{
	char path[32];

	snprintf(path, sizeof(path), "/proc/self/fd/%d", by_path);
	return open(path, O_WRONLY | O_APPEND | O_NOCTTY | O_CLOEXEC);
}

static int write_text(void *context, void *result, struct failure *f)
{
	const struct report_text *t = context;
	size_t done = 0;
	ssize_t n = 0;
	int fd = reopen(t->fd);

	(void)result;
	if (fd < 0)
		return fail_errno(f, operation, "open it");
	while (done < t->size && (n = write(fd, t->text + done, t->size - done)) > 0)
		done += (size_t)n;
	if (done < t->size || close(fd) < 0)
		return fail_errno(f, operation, "write to it");
	return 0;
}

/* In a child with the uid of the file's owner. */
static int as_owner(int fd, child_work *work, void *context, struct failure *f)
{
	struct stat st;

	if (fstat(fd, &st) < 0)
		return fail_errno(f, operation, "examine it");
	if (st.st_nlink == 0)
		return fail(f, operation, "write to it", "it was removed on the host");
	if (st.st_uid == geteuid())
		return child_run(work, context, NULL, 0, f);
	return child_run_as(st.st_uid, st.st_gid, NULL, work, context, NULL, 0, f);
}

int report_file_write(int fd, const char *text, size_t size, struct failure *f)
{
	struct report_text t = {fd, text, size};

	return as_owner(fd, write_text, &t, f);
}

struct passed {
	int fd, socket;
};

static int pass_on(void *context, void *result, struct failure *f)
{
	const struct passed *p = context;
	int fd = reopen(p->fd);

	(void)result;
	if (fd < 0)
		return fail_errno(f, logging, "open them");
	return descriptor_send(p->socket, "", 1, fd) < 0
		       ? fail_errno(f, logging, "pass them on")
		       : 0;
}

int report_file_append(int fd, struct failure *f)
{
	int pair[2], got = -1;
	struct passed p = {.fd = fd};
	char octet;

	if (socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, pair) < 0)
		return fail_errno(f, logging, "socketpair");
	p.socket = pair[1];
	if (as_owner(fd, pass_on, &p, f) == 0 &&
		descriptor_receive(pair[0], &octet, 1, MSG_DONTWAIT, &got) < 0)
		fail_errno(f, logging, "receive them");
	close(pair[0]);
	close(pair[1]);
	return got;
}
