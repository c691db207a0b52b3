/*
 * seccomp_unotify(2), as far as the cell needs it: receives a call that a filter has held
 * back, and answers it with a descriptor or an error. Only registers are used, which can't
 * change meanwhile; no memory of the caller is read. A call is never let through
 * (SECCOMP_USER_NOTIF_FLAG_CONTINUE).
 *
 * While somebody holds the listener, calls wait; when nobody does any more, they and all
 * later ones fail with ENOSYS.
 */
#ifndef INIT_CELL_NOTIFY_H
#define INIT_CELL_NOTIFY_H

#include <stdbool.h>
#include <stdint.h>

struct notify_call {
	uint64_t id; /* increasing, from a number that the kernel chooses */
	int number;  /* of the system call, on this architecture; -1: of another architecture */
	uint64_t arguments[3];
};

/* Has the caller woken on the processor that we run on (Linux 6.6), which takes half the
 * time. */
void notify_hurry(int listener);

/* Receives the next call. False if its caller is gone, or was interrupted. */
bool notify_receive(int listener, struct notify_call *out);

/* Answers with a copy of fd, installed in the caller's table in the same step. Returns 0, or
 * -1 with errno set: the call is gone, or needs notify_refuse(). */
int notify_give(int listener, uint64_t id, int fd, bool cloexec);

/* Answers with an error. False if the call is gone, or wasn't received; then it has no
 * effect. */
bool notify_refuse(int listener, uint64_t id, int error);

#endif
