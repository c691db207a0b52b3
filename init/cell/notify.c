#include "notify.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/audit.h>
#include <linux/seccomp.h>
#include <string.h>
#include <sys/ioctl.h>

#if defined(__x86_64__)
#define ARCH AUDIT_ARCH_X86_64
#elif defined(__aarch64__)
#define ARCH AUDIT_ARCH_AARCH64
#else
#error "name this machine's AUDIT_ARCH"
#endif

/* <linux/seccomp.h> may be older than Linux 5.14 and 6.6. */
#ifndef SECCOMP_ADDFD_FLAG_SEND
#define SECCOMP_ADDFD_FLAG_SEND (1UL << 1)
#endif
#ifndef SECCOMP_IOCTL_NOTIF_SET_FLAGS
#define SECCOMP_IOCTL_NOTIF_SET_FLAGS      SECCOMP_IOW(4, __u64)
#define SECCOMP_USER_NOTIF_FD_SYNC_WAKE_UP (1UL << 0)
#endif

/* In musl, the request of ioctl(2) is an int; the kernel uses 32 bits of it. */
static int request(int listener, unsigned long what, void *with)
{
	return ioctl(listener, (int)what, with);
}

void notify_hurry(int listener)
{
	ioctl(listener, (int)SECCOMP_IOCTL_NOTIF_SET_FLAGS,
		(unsigned long)SECCOMP_USER_NOTIF_FD_SYNC_WAKE_UP);
}

bool notify_receive(int listener, struct notify_call *out)
{
	struct seccomp_notif n = {0};

	if (request(listener, SECCOMP_IOCTL_NOTIF_RECV, &n) < 0)
		return false;
	out->id = n.id;
	out->number = n.data.arch == ARCH ? n.data.nr : -1;
	memcpy(out->arguments, n.data.args, sizeof(out->arguments));
	return true;
}

static int respond(int listener, uint64_t id, int error, int value)
{
	struct seccomp_notif_resp r = {.id = id, .error = -error, .val = value};

	return request(listener, SECCOMP_IOCTL_NOTIF_SEND, &r);
}

int notify_give(int listener, uint64_t id, int fd, bool cloexec)
{
	struct seccomp_notif_addfd a = {.id = id,
		.flags = SECCOMP_ADDFD_FLAG_SEND,
		.srcfd = (uint32_t)fd,
		.newfd_flags = cloexec ? O_CLOEXEC : 0};
	int number;

	if (request(listener, SECCOMP_IOCTL_NOTIF_ADDFD, &a) >= 0)
		return 0;
	if (errno != EINVAL)
		return -1;
	/* Before 5.14 in two steps: a program interrupted in between keeps a descriptor that
	 * it doesn't know of. */
	a.flags = 0;
	number = request(listener, SECCOMP_IOCTL_NOTIF_ADDFD, &a);
	return number < 0 ? -1 : respond(listener, id, 0, number);
}

bool notify_refuse(int listener, uint64_t id, int error)
{
	return respond(listener, id, error, 0) == 0;
}
