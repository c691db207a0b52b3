/* Messages with a descriptor between processes (unix(7), SCM_RIGHTS). */
#ifndef INIT_LIB_DESCRIPTOR_H
#define INIT_LIB_DESCRIPTOR_H

#include <stddef.h>
#include <sys/types.h>

/* Sends the message and a copy of fd (-1: nothing), without blocking and all at once. Returns
 * 0, or -1 with errno set. */
int descriptor_send(int to, const void *message, size_t size, int fd);

/* recv(2) with these flags; *fd is the descriptor received (close-on-exec), or -1. */
ssize_t descriptor_receive(int from, void *message, size_t size, int flags, int *fd);

#endif
