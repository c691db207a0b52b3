/*
 * Files beneath a directory that somebody else may have filled: opened without following a
 * symbolic link and without leaving the directory (openat2(2)), replaced only as a whole.
 */
#ifndef INIT_HOME_SAFE_H
#define INIT_HOME_SAFE_H

#include <fcntl.h>
#include <stdbool.h>
#include <stddef.h>
#include <sys/types.h>

/* openat2() with RESOLVE_BENEATH, RESOLVE_NO_SYMLINKS and RESOLVE_NO_MAGICLINKS, close-on-exec.
 * Returns the descriptor, or -1 with errno (ELOOP: a symbolic link is in the way). */
int safe_open(int root, const char *path, int flags, mode_t mode);

/* The directory that holds path, opened beneath root, and the last component of path. */
int safe_open_parent(int root, const char *path, const char **last);

/* A new file in directory dir under a name nobody else has, put in name. */
#define SAFE_TEMPORARY 32
int safe_create(int dir, char name[SAFE_TEMPORARY], mode_t mode);

/* Renames from to to within dir, unless to exists: then -1 with EEXIST. */
int safe_place_new(int dir, const char *from, const char *to);

#endif
