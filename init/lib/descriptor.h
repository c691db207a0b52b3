/* A message with a descriptor in it, from process to process (unix(7), SCM_RIGHTS). */
#ifndef INIT_LIB_DESCRIPTOR_H
#define INIT_LIB_DESCRIPTOR_H

#include <stddef.h>
#include <sys/types.h>

/* Sends all of it and a copy of fd, at once or not at all. Returns 0, or -1 with errno. */
int descriptor_send(int to, const void *message, size_t size, int fd);

/* As recv(2) with these flags; *fd is what came with it (close on exec), or -1. */
ssize_t descriptor_receive(int from, void *message, size_t size, int flags, int *fd);

#endif
