/* Opening and reading files, each call once and rightly. */
#ifndef INIT_LIB_FILE_H
#define INIT_LIB_FILE_H

#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

/* openat2(2), close-on-exec, RESOLVE_NO_MAGICLINKS always and `resolve` besides. mode counts
 * with O_CREAT alone. Returns a descriptor, or -1 with errno set. */
int file_open(int dir, const char *path, int flags, mode_t mode, uint64_t resolve);

/* Reads until size bytes are there or the file ends, through interruptions. Returns how many
 * there are, or -1 with errno set. */
ssize_t file_read(int fd, void *bytes, size_t size);

#endif
