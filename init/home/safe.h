/*
 * Access to files in a directory whose contents aren't trusted: opened without following
 * symbolic links and without leaving the directory (openat2(2)), replaced atomically.
 */
#ifndef INIT_HOME_SAFE_H
#define INIT_HOME_SAFE_H

#include <fcntl.h>
#include <stdbool.h>
#include <stddef.h>
#include <sys/types.h>

/*
 * openat2() with RESOLVE_BENEATH, RESOLVE_NO_SYMLINKS and RESOLVE_NO_MAGICLINKS,
 * close-on-exec. Returns the descriptor, or -1 with errno (ELOOP: a symbolic link is in the
 * way).
 */
int safe_open(int root, const char *path, int flags, mode_t mode);

/* Opens the directory of path beneath root. Returns as safe_open(); *last is the last
 * component. */
int safe_open_parent(int root, const char *path, const char **last);

/* Creates a file in directory dir under a random name, which is stored in name. */
#define SAFE_TEMPORARY 32
int safe_create(int dir, char name[SAFE_TEMPORARY], mode_t mode);

/* Renames from to to within dir, unless to exists: then -1 with EEXIST. */
int safe_place_new(int dir, const char *from, const char *to);

#endif
