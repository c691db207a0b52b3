/* The descriptors that a program inherits, and those that it must not. See spawn.h. */
#include "spawn.h"

#include <dirent.h>
#include <fcntl.h>
#include <poll.h>
#include <stdlib.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "../lib/limits.h"
#include "../lib/num.h"

/* <linux/close_range.h> is newer than some of the headers we build with. */
#ifndef SYS_close_range
#define SYS_close_range 436
#endif
#define AT_EXEC (1U << 2) /* CLOSE_RANGE_CLOEXEC */

static void close_now(int fd)
{
	close(fd);
}

static void close_at_exec(int fd)
{
	fcntl(fd, F_SETFD, FD_CLOEXEC);
}

/* Nothing of ours is without that flag, and nothing that we were started with has it. */
static void close_inherited(int fd)
{
	if (fcntl(fd, F_GETFD) == 0)
		close(fd);
}

static void each_descriptor(void (*act)(int fd))
{
	DIR *d = opendir("/proc/self/fd");
	struct dirent *e;

	if (!d)
		return;
	while ((e = readdir(d)) != NULL) {
		uint64_t fd;

		if (num_read(e->d_name, &fd) && fd > 2 && (int)fd != dirfd(d))
			act((int)fd);
	}
	closedir(d);
}

void spawn_close_inherited(void)
{
	each_descriptor(close_inherited);
}

bool spawn_inherited_any(void)
{
	struct pollfd p[LIMIT_INHERITED];

	for (int i = 0; i < LIMIT_INHERITED; i++)
		p[i] = (struct pollfd){.fd = 3 + i};
	if (poll(p, LIMIT_INHERITED, 0) < 0)
		return true;
	for (int i = 0; i < LIMIT_INHERITED; i++)
		if (!(p[i].revents & POLLNVAL))
			return true;
	return false;
}

void spawn_close_descriptors(bool at_exec)
{
	if (syscall(SYS_close_range, 3U, ~0U, at_exec ? AT_EXEC : 0U) < 0) /* before 5.11 */
		each_descriptor(at_exec ? close_at_exec : close_now);
}
