/*
 * The walk over the project: which of its files programs on the host obey. Private to
 * host_exec.c and its tests.
 */
#ifndef INIT_HOME_HOST_EXEC_WALK_H
#define INIT_HOME_HOST_EXEC_WALK_H

#include <stdbool.h>
#include <sys/stat.h>

#include "host_exec_names.h"

/* Called for each file that is obeyed, with its path beneath the root, behind the prefix. link:
 * it is a symbolic link, and *target is what it leads to inside the root (st_ino 0: nothing
 * there). Returns false to end the walk. */
typedef bool host_exec_visit(
	void *context, const char *path, const struct stat *st, const struct stat *target);

struct host_exec_place {
	int root;
	const char *host; /* root's path on the host, without a slash at its end: core.hooksPath
			   * may name a directory of the project by it */
	const char *prefix; /* before each path that is visited, with its slash; or "" */
	bool git;           /* root is a git directory */
	int elsewhere;      /* that of the project where it isn't beneath root, or -1; ... */
	const char *below;  /* ... and root's path in that work tree: "", or "sub/directory/" */
};

/*
 * Walks what is beneath the directory place->root, breadth first, what is obeyed before the
 * rest, with the caller's rights. No link is followed but one of an obeyed name, and none out
 * of root (openat2(2), RESOLVE_BENEATH). Any directory with HEAD, objects and refs (or
 * commondir) in it is a git directory too, whatever its name: git takes it for one.
 * WORK_DIR/.codex/.environment, the sandbox's own, is left out. Returns true when everything
 * was seen, false when a limit (LIMIT_OBEYED_*), memory or visit ended it, or something could
 * not be read.
 */
bool host_exec_walk(const struct host_exec_place *place, host_exec_visit *visit, void *context);

#endif
