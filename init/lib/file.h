/* Opening, reading and writing files, and the lines of those in /proc (proc(5)). */
#ifndef INIT_LIB_FILE_H
#define INIT_LIB_FILE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

/* openat2(2) with O_CLOEXEC, RESOLVE_NO_MAGICLINKS and `resolve`. mode is for O_CREAT. Returns
 * a descriptor, or -1 with errno set. */
int file_open(int dir, const char *path, int flags, mode_t mode, uint64_t resolve);

/* Reads until there are size bytes or the file ends; continues after EINTR. Returns the number
 * of bytes, or -1 with errno set. */
ssize_t file_read(int fd, void *bytes, size_t size);

/* The same with a descriptor that is closed afterwards. Returns -1 if it is -1, with errno as
 * it was: so an open() may be its argument. */
ssize_t file_take(int fd, void *bytes, size_t size);

/* Writes all of them; continues after EINTR, and where the kernel took only a part. Returns 0,
 * or -1 with errno set. */
int file_write(int fd, const void *bytes, size_t size);

/* Cuts a line of a table of the kernel's into its first n fields, which blanks separate; those
 * that aren't there are "". They point into the line. */
void file_fields(char *line, char *field[], size_t n);

/* Reads the two numbers at the beginning of such a file. False if they aren't there. */
bool file_two_numbers(const char *path, uint64_t out[2]);

#endif
