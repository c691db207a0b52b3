/*
 * Scans the project for files that programs on the host execute or take instructions from.
 * Private to host_exec.c and its tests.
 */
#ifndef INIT_HOME_HOST_EXEC_WALK_H
#define INIT_HOME_HOST_EXEC_WALK_H

#include <stdbool.h>
#include <sys/stat.h>

#include "host_exec_names.h"

/*
 * Called for each such file, with its path beneath the root after the place's prefix. If it is
 * a symbolic link, *target is what it leads to inside the root (st_ino 0: nothing there).
 * Returns false to stop.
 */
typedef bool host_exec_visit(
	void *context, const char *path, const struct stat *st, const struct stat *target);

struct host_exec_place {
	int root;
	/* root's path on the host, without a trailing slash: core.hooksPath may refer to it */
	const char *host;
	const char *prefix; /* put before each path, with its slash; or "" */
	const char *skip;   /* a path, with its prefix, that isn't visited; or "" */
	bool git;           /* root is a git directory */
	int elsewhere;      /* the project's git directory if that isn't beneath root, or -1 */
	const char *below;  /* root's path in its work tree: "", or "sub/directory/" */
};

/*
 * Scans the directory place->root, breadth first, names on the list before others, with the
 * caller's rights. Links are followed only if their name is on the list, and never out of root
 * (openat2(2), RESOLVE_BENEATH). Any directory with HEAD, objects and refs (or commondir) in it
 * is a git directory, whatever its name: git takes it for one. WORK_DIR/.codex/.environment,
 * the sandbox's own, is skipped. Returns true if everything was seen, false if a limit
 * (LIMIT_HOST_EXEC_*), memory or visit ended the scan, or something couldn't be read.
 */
bool host_exec_walk(const struct host_exec_place *place, host_exec_visit *visit, void *context);

#endif
