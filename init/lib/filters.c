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
	PROGRAM(FILTER_MONITOR, filter_monitor),
};

int filters_install(enum filter which, struct failure *f)
{
	const struct filter_program *p = &programs[which];
	/* The kernel's struct isn't const, but the kernel only reads it. */
	struct sock_fprog program = {
		.len = (unsigned short)p->count,
		.filter = (struct sock_filter *)(uintptr_t)p->code,
	};
	int why;

	if (syscall(SYS_seccomp, SECCOMP_SET_MODE_FILTER, 0, &program) == 0)
		return 0;
	why = errno;
	fail_errno(f, "install a seccomp filter", p->name);
	if (why == EACCES)
		return fail_hint(f, "no_new_privs has to be set first");
	if (why == ENOSYS || why == EINVAL)
		return fail_hint(f, "the kernel needs CONFIG_SECCOMP_FILTER");
	return -1;
}
