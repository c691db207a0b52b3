/*
 * Installs the seccomp filters (seccomp(2)). They are compiled at build time: filters.h is
 * the output of filters_gen.c, which has the rules and their reasons.
 */
#include "privileges.h"

#include <errno.h>
#include <linux/filter.h>
#include <linux/seccomp.h>
#include <stdint.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "filters.h"

struct filter_program {
	const char *name;
	const struct sock_filter *code;
	size_t count;
};

#define PROGRAM(which, code) [which] = {#code, code, sizeof(code) / sizeof((code)[0])}

static const struct filter_program programs[] = {
	PROGRAM(FILTER_PAYLOAD, filter_payload),
	PROGRAM(FILTER_MODES, filter_modes),
	PROGRAM(FILTER_RESOLVER, filter_resolver),
	PROGRAM(FILTER_GATE, filter_gate),
	PROGRAM(FILTER_LOCAL, filter_local),
	PROGRAM(FILTER_BROKER, filter_broker),
	PROGRAM(FILTER_MONITOR, filter_monitor),
	PROGRAM(FILTER_CELL, filter_cell),
	PROGRAM(FILTER_ASKER, filter_asker),
	PROGRAM(FILTER_TRAIL, filter_trail),
	PROGRAM(FILTER_CELL_PAYLOAD, filter_cell_payload),
};

/* <linux/seccomp.h> may be older than Linux 5.0 and 5.19. */
#ifndef SECCOMP_FILTER_FLAG_NEW_LISTENER
#define SECCOMP_FILTER_FLAG_NEW_LISTENER (1UL << 3)
#endif
#ifndef SECCOMP_FILTER_FLAG_WAIT_KILLABLE_RECV
#define SECCOMP_FILTER_FLAG_WAIT_KILLABLE_RECV (1UL << 5)
#endif

static int install(enum filter which, unsigned long flags)
{
	const struct filter_program *p = &programs[which];
	/* The kernel's struct isn't const, but the kernel only reads it. */
	const struct sock_fprog program = {
		.len = (unsigned short)p->count,
		.filter = (struct sock_filter *)(uintptr_t)p->code,
	};

	return (int)syscall(SYS_seccomp, SECCOMP_SET_MODE_FILTER, flags, &program);
}

int filters_install(enum filter which, struct failure *f)
{
	int why;

	if (install(which, 0) == 0)
		return 0;
	why = errno;
	fail_errno(f, "install a seccomp filter", programs[which].name);
	if (why == EACCES)
		return fail_hint(f, "no_new_privs has to be set first");
	if (why == ENOSYS || why == EINVAL)
		return fail_hint(f, "the kernel needs CONFIG_SECCOMP_FILTER");
	return -1;
}

int filters_listen(enum filter which, struct failure *f)
{
	/* From Linux 5.19 on, a signal doesn't interrupt a call that is being answered. */
	int fd = install(which,
		SECCOMP_FILTER_FLAG_NEW_LISTENER | SECCOMP_FILTER_FLAG_WAIT_KILLABLE_RECV);

	if (fd < 0 && errno == EINVAL)
		fd = install(which, SECCOMP_FILTER_FLAG_NEW_LISTENER);
	if (fd >= 0)
		return fd;
	fail_errno(f, "hold back system calls", programs[which].name);
	return fail_hint(f,
		"the cell needs Linux 5.9, and an engine whose seccomp profile lets "
		"seccomp(2) be called; with --cap-add=NET_ADMIN it isn't needed");
}
