/* Uses openat2(2) and renames that don't overwrite. See safe.h. */
#include "safe.h"

#include <errno.h>
#include <linux/openat2.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <sys/random.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "../lib/file.h"
#include "../lib/limits.h"

#ifndef RENAME_NOREPLACE
#define RENAME_NOREPLACE 1
#endif

/* Attempts to find a free name; with 64 random bits the first succeeds. */
#define LIMIT_TRIES 8

int safe_open(int root, const char *path, int flags, mode_t mode)
{
	return file_open(root, path, flags, mode, RESOLVE_BENEATH | RESOLVE_NO_SYMLINKS);
}

int safe_open_parent(int root, const char *path, const char **last)
{
	const char *slash = strrchr(path, '/');
	char parent[LIMIT_HOME_PATH];

	*last = slash ? slash + 1 : path;
	if (!slash)
		return safe_open(root, ".", O_RDONLY | O_DIRECTORY, 0);
	if ((size_t)(slash - path) >= sizeof(parent)) {
		errno = ENAMETOOLONG;
		return -1;
	}
	memcpy(parent, path, (size_t)(slash - path));
	parent[slash - path] = '\0';
	return safe_open(root, parent, O_RDONLY | O_DIRECTORY, 0);
}

int safe_create(int dir, char name[SAFE_TEMPORARY], mode_t mode)
{
	for (int i = 0; i < LIMIT_TRIES; i++) {
		uint64_t random;
		int fd;

		if (getrandom(&random, sizeof(random), 0) != (ssize_t)sizeof(random))
			return -1;
		snprintf(name, SAFE_TEMPORARY, ".codex-%016llx", (unsigned long long)random);
		fd = openat(
			dir, name, O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC, mode);
		if (fd >= 0 || errno != EEXIST)
			return fd;
	}
	return -1;
}

int safe_place_new(int dir, const char *from, const char *to)
{
	if (syscall(SYS_renameat2, dir, from, dir, to, RENAME_NOREPLACE) == 0)
		return 0;
	if (errno != EINVAL && errno != ENOSYS)
		return -1;
	/* File systems that share a host's directory may lack the flag; link(2) doesn't
	 * overwrite either. */
	if (linkat(dir, from, dir, to, 0) < 0)
		return -1;
	return unlinkat(dir, from, 0);
}
