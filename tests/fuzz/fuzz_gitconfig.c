/*
 * A malicious .git/config with core.hooksPath: whatever it says, the scan stays in the
 * project, reports only files in it, and ends. Real files and a real scan, in memory.
 */
#include <fcntl.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "init/home/host_exec_walk.h"
#include "init/lib/limits.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static char top[] = "/dev/shm/fuzz-gitconfig-XXXXXX";
static int root = -1;

static void check(bool holds)
{
	if (!holds)
		abort();
}

static void put(const char *path, const void *bytes, size_t size)
{
	int fd = openat(root, path, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0644);

	check(fd >= 0 && write(fd, bytes, size) == (ssize_t)size);
	close(fd);
}

static void clear(void)
{
	static const char *const files[] = {"project/.git/config", "project/.git/hooks/a",
		"project/ci/hooks/b", "project/sub/c", "outside/secret"};
	static const char *const directories[] = {"project/.git/hooks", "project/.git",
		"project/ci/hooks", "project/ci", "project/sub", "project", "outside", ""};

	for (size_t i = 0; i < sizeof(files) / sizeof(files[0]); i++)
		unlinkat(root, files[i], 0);
	unlinkat(root, "project/way", 0);
	for (size_t i = 0; directories[i][0]; i++)
		unlinkat(root, directories[i], AT_REMOVEDIR);
	rmdir(top);
}

static void begin(void)
{
	static const char *const directories[] = {"project", "project/.git",
		"project/.git/hooks", "project/ci", "project/ci/hooks", "project/sub",
		"outside"};

	check(mkdtemp(top) != NULL);
	root = open(top, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	check(root >= 0 && atexit(clear) == 0);
	for (size_t i = 0; i < sizeof(directories) / sizeof(directories[0]); i++)
		check(mkdirat(root, directories[i], 0755) == 0);
	put("project/.git/hooks/a", "a", 1);
	put("project/ci/hooks/b", "b", 1);
	put("project/sub/c", "c", 1);
	put("outside/secret", "s", 1);
	check(symlinkat("../outside", root, "project/way") == 0);
}

static bool visit(
	void *context, const char *path, const struct stat *st, const struct stat *target)
{
	unsigned *visits = context;
	struct stat here;

	(void)target;
	check(strlen(path) < LIMIT_HOST_EXEC_PATH && path[0] != '/' && ++*visits < 64);
	check(!strstr(path, "secret"));
	/* Every reported path is in the project. */
	check(fstatat(*(int *)(visits + 1), path, &here, AT_SYMLINK_NOFOLLOW) == 0);
	check(here.st_ino == st->st_ino && here.st_dev == st->st_dev);
	return true;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct {
		unsigned visits;
		int project;
	} seen = {0, -1};

	if (root < 0)
		begin();
	put("project/.git/config", data, size);
	seen.project = openat(root, "project", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	check(seen.project >= 0);
	host_exec_walk(&(struct host_exec_place){.root = seen.project,
			       .host = "/home/user/project",
			       .prefix = "",
			       .below = "",
			       .skip = "",
			       .elsewhere = -1},
		visit, &seen);
	/* The config itself and a hook, whatever it contains. */
	check(seen.visits >= 2);
	close(seen.project);
	return 0;
}
