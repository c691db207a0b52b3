#include "lock.h"

#include <errno.h>
#include <fcntl.h>
#include <unistd.h>

#include "beneath.h"
#include "state.h"

static int open_lock(struct plan *p)
{
	int directory = state_open(p, p->request.name), fd;

	if (directory < 0)
		return -1;
	fd = beneath_open(directory, "lock", O_RDWR | O_CREAT, 0600);
	close(directory);
	if (fd >= 0 && (state_give(p, fd) < 0 || fcntl(fd, F_SETFD, 0) < 0)) {
		close(fd);
		return -1;
	}
	return fd;
}

int lock_take(struct plan *p, const struct engine *e, struct error *t)
{
	struct flock whole = {.l_type = F_WRLCK, .l_whence = SEEK_SET};
	int fd;

	/* Without it there are no files to race for either. */
	if (!p->report)
		return 0;
	fd = open_lock(p);
	/* Stays open: closing it would give the lock back. */
	if (fd < 0 || fcntl(fd, F_SETLK, &whole) == 0 || (errno != EACCES && errno != EAGAIN))
		return 0;
	close(fd);
	return engine_refuse_second(p, e->name, "running", t);
}
