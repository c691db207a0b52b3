#include "lock.h"

#include <errno.h>
#include <fcntl.h>
#include <sys/file.h>
#include <unistd.h>

#include "beneath.h"
#include "bounds.h"
#include "state.h"

static int open_lock(struct plan *p)
{
	int directory = state_open(p, p->request.name), fd;

	if (directory < 0)
		return -1;
	fd = beneath_open(directory, "lock", O_RDWR | O_CREAT, 0600);
	close(directory);
	if (fd >= 0 && state_give(p, fd) < 0) {
		close(fd);
		return -1;
	}
	return fd;
}

int lock_take(struct plan *p, const struct engine *e, struct error *t)
{
	/* Without a place for the report there are no files to race for. */
	p->lock = p->report ? open_lock(p) : -1;
	for (unsigned i = 0; p->lock >= 0 && i < BOUND_LOCK_TRIES; i++) {
		if (flock(p->lock, LOCK_EX | LOCK_NB) == 0)
			return i > 0;
		if (errno != EWOULDBLOCK) {
			/* A file system without locks: as without a place for it. */
			close(p->lock);
			p->lock = -1;
			return 0;
		}
		usleep(BOUND_LOCK_NAP);
	}
	if (p->lock < 0)
		return 0;
	close(p->lock);
	p->lock = -1;
	return engine_refuse_second(p, e->name, "running", t);
}
