/*
 * seccomp_unotify(2), as far as the cell needs it: a call that a filter has held back is taken,
 * and answered with a descriptor or an error. What is looked at are registers, which stand
 * still; nobody's memory is read, so there is nothing to change behind our back. A call is
 * never let go on (SECCOMP_USER_NOTIF_FLAG_CONTINUE).
 *
 * The kernel's rule for a supervisor that is gone: while somebody holds the listener a call
 * waits; when nobody does, it fails with ENOSYS, and so does every later one.
 */
#ifndef INIT_CELL_NOTIFY_H
#define INIT_CELL_NOTIFY_H

#include <stdbool.h>
#include <stdint.h>

struct notify_call {
	uint64_t id; /* they count up, from a place of the kernel's choice */
	int number;  /* of the system call, on this machine; -1: of another kind of machine */
	uint64_t arguments[6];
};

/* Has whoever waits be woken on the processor that we run on (Linux 6.6): half the time. */
void notify_hurry(int listener);

/* Takes the next call. False: the one who made it is gone, or was interrupted. */
bool notify_receive(int listener, struct notify_call *out);

/* Answers with a copy of fd, put into the caller's table in the same step. Returns 0, or -1
 * with errno: the call is gone, or waits for notify_refuse(). */
int notify_give(int listener, uint64_t id, int fd, bool cloexec);

/* Answers with an error. False: the call is gone, or not taken yet, and nothing comes of it. */
bool notify_refuse(int listener, uint64_t id, int error);

#endif
