/*
 * The seccomp filters whole: what each lets through of all calls there are.
 * test_filter_payload.c makes calls; here the programs themselves are run, on numbers that
 * nobody can call in a test without harm (vhangup, kexec_file_load) and on every other, so that
 * a call which finds its way into a list, or out of one, is seen.
 */
#include <errno.h>
#include <fcntl.h>
#include <linux/audit.h>
#include <linux/filter.h>
#include <linux/seccomp.h>
#include <linux/sockios.h>
#include <netinet/in.h>
#include <sched.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <sys/syscall.h>

#include <asm/ioctls.h>
#include <cmocka.h>

#include "filters.h"

#ifdef __x86_64__
#define MACHINE AUDIT_ARCH_X86_64
#else
#define MACHINE AUDIT_ARCH_AARCH64
#endif
/* mseal(2); see filters_gen.c. */
#define NEWEST_CALL 462
#define REFUSED     (SECCOMP_RET_ERRNO | EPERM)
#define MISSING     (SECCOMP_RET_ERRNO | ENOSYS)

struct program {
	const struct sock_filter *code;
	size_t count;
};
#define PROGRAM(array)                                                                         \
	(struct program)                                                                       \
	{                                                                                      \
		array, sizeof(array) / sizeof((array)[0])                                      \
	}

/* The kernel's decision, for the instructions that libseccomp generates. */
static uint32_t run(struct program p, const struct seccomp_data *d)
{
	uint32_t a = 0;

	for (size_t i = 0; i < p.count; i++) {
		const struct sock_filter *s = &p.code[i];

		switch (s->code) {
		case BPF_LD | BPF_W | BPF_ABS:
			assert_true(s->k % 4 == 0 && s->k + 4 <= sizeof(*d));
			memcpy(&a, (const char *)d + s->k, 4);
			break;
		case BPF_ALU | BPF_AND | BPF_K:
			a &= s->k;
			break;
		case BPF_JMP | BPF_JA:
			i += s->k;
			break;
		case BPF_JMP | BPF_JEQ | BPF_K:
			i += a == s->k ? s->jt : s->jf;
			break;
		case BPF_JMP | BPF_JGT | BPF_K:
			i += a > s->k ? s->jt : s->jf;
			break;
		case BPF_JMP | BPF_JGE | BPF_K:
			i += a >= s->k ? s->jt : s->jf;
			break;
		case BPF_JMP | BPF_JSET | BPF_K:
			i += a & s->k ? s->jt : s->jf;
			break;
		case BPF_RET | BPF_K:
			return s->k;
		default:
			fail_msg("instruction 0x%x", s->code);
		}
	}
	fail_msg("no verdict");
	return 0;
}

static uint32_t ask(
	struct program p, long number, uint64_t first, uint64_t second, uint64_t third)
{
	const struct seccomp_data d = {
		.nr = (int)number, .arch = MACHINE, .args = {first, second, third}};

	return run(p, &d);
}

static bool allowed(uint32_t verdict)
{
	return verdict == SECCOMP_RET_ALLOW;
}

/* Whether the call is permitted with any of the arguments that the filters check. */
static bool allowed_somehow(struct program p, long number)
{
	static const uint64_t values[] = {0, 1, 2, AF_INET, AF_INET6, AF_NETLINK, F_SETPIPE_SZ,
		F_GETPIPE_SZ, TCGETS, PROT_EXEC, UINT64_MAX};
	static const size_t n = sizeof(values) / sizeof(values[0]);

	for (size_t i = 0; i < n; i++)
		for (size_t j = 0; j < n; j++)
			if (allowed(ask(p, number, values[i], values[j], 0)) ||
				allowed(ask(p, number, values[i], values[j], PROT_EXEC)))
				return true;
	return false;
}

static bool among(long number, const long *list, size_t count)
{
	for (size_t i = 0; i < count; i++)
		if (list[i] == number)
			return true;
	return false;
}

static void expect_exactly(const char *who, struct program p, const long *list, size_t count)
{
	for (long number = -1; number < 1024; number++)
		if (allowed_somehow(p, number) != among(number, list, count))
			fail_msg("%s: call %ld", who, number);
	for (size_t i = 0; i < count; i++) {
		struct seccomp_data d = {.nr = (int)list[i], .arch = AUDIT_ARCH_I386};

		assert_int_equal(run(p, &d), SECCOMP_RET_KILL_PROCESS);
		assert_false(allowed_somehow(p, 0x40000000 + list[i])); /* x32 */
	}
}

/* What the two C libraries may use for the calls that the workers' sources name. */
static void workers_have_exactly_their_calls(void **state)
{
	static const long resolver[] = {
#ifdef __x86_64__
		SYS_epoll_wait,
#endif
		SYS_epoll_pwait, SYS_epoll_ctl, SYS_recvfrom, SYS_recvmmsg, SYS_sendto,
		SYS_sendmmsg, SYS_bind, SYS_connect, SYS_accept4, SYS_close, SYS_getrandom,
		SYS_clock_gettime, SYS_rt_sigreturn, SYS_restart_syscall, SYS_exit,
		SYS_exit_group, SYS_socket, SYS_sigaltstack /* for the sanitizers */};
	static const long gate[] = {
#ifdef __x86_64__
		SYS_epoll_wait,
#endif
		SYS_epoll_pwait, SYS_epoll_ctl, SYS_recvfrom, SYS_sendto, SYS_splice, SYS_write,
		SYS_pipe2, SYS_bind, SYS_connect, SYS_accept4, SYS_shutdown, SYS_getsockname,
		SYS_getsockopt, SYS_setsockopt, SYS_close, SYS_madvise, SYS_nanosleep,
		SYS_clock_nanosleep, SYS_getrandom, SYS_clock_gettime, SYS_rt_sigreturn,
		SYS_restart_syscall, SYS_exit, SYS_exit_group, SYS_socket, SYS_fcntl,
		SYS_sigaltstack /* for the sanitizers */};

	(void)state;
	expect_exactly("resolver", PROGRAM(filter_resolver), resolver,
		sizeof(resolver) / sizeof(resolver[0]));
	expect_exactly("gate", PROGRAM(filter_gate), gate, sizeof(gate) / sizeof(gate[0]));
	for (uint64_t how = 0; how < 2048; how++)
		assert_int_equal(allowed(ask(PROGRAM(filter_gate), SYS_fcntl, 0, how, 0)),
			how == F_SETPIPE_SZ || how == F_GETPIPE_SZ);
}

static void workers_sockets_are_tcp_and_udp(void **state)
{
	const struct program workers[] = {
		PROGRAM(filter_resolver), PROGRAM(filter_gate), PROGRAM(filter_monitor)};

	(void)state;
	for (size_t i = 0; i < 3; i++)
		for (uint64_t family = 0; family < 64; family++)
			for (uint64_t type = 0; type < 16; type++) {
				bool inet = (family == AF_INET || family == AF_INET6) &&
					    (type == SOCK_STREAM || type == SOCK_DGRAM);
				bool local =
					i == 2 && (family == AF_UNIX || family == AF_NETLINK);

				assert_int_equal(allowed(ask(workers[i], SYS_socket, family,
							 type | SOCK_CLOEXEC, 0)),
					inet || local);
			}
}

/* Exactly these, whatever their arguments: every other call is permitted, apart from what
 * the other tests check. */
static const long refused[] = {SYS_mount, SYS_umount2, SYS_pivot_root, SYS_open_tree,
	SYS_move_mount, SYS_fsopen, SYS_fsconfig, SYS_fsmount, SYS_fspick, SYS_mount_setattr,
	SYS_open_by_handle_at, SYS_quotactl, SYS_quotactl_fd, SYS_swapon, SYS_swapoff,
	SYS_fanotify_init, SYS_reboot, SYS_kexec_load, SYS_kexec_file_load, SYS_init_module,
	SYS_finit_module, SYS_delete_module, SYS_acct, SYS_syslog, SYS_vhangup,
	SYS_settimeofday, SYS_clock_settime, SYS_sethostname, SYS_setdomainname,
#ifdef __x86_64__
	SYS_iopl, SYS_ioperm, SYS_modify_ldt,
#endif
	SYS_lookup_dcookie, SYS_bpf, SYS_perf_event_open, SYS_io_uring_setup,
	SYS_io_uring_enter, SYS_io_uring_register, SYS_userfaultfd, SYS_add_key,
	SYS_request_key, SYS_keyctl, SYS_process_vm_readv, SYS_process_vm_writev,
	SYS_pidfd_getfd, SYS_kcmp, SYS_process_madvise, SYS_setns};

static void the_payload_is_refused_exactly_these(void **state)
{
	static const size_t count = sizeof(refused) / sizeof(refused[0]);
	const struct program p = PROGRAM(filter_payload);

	(void)state;
	for (long number = 0; number <= NEWEST_CALL; number++) {
		bool open = allowed_somehow(p, number);

		if (number == SYS_clone3)
			assert_int_equal(ask(p, number, 0, 0, 0), MISSING);
		else if (open == among(number, refused, count))
			fail_msg("call %ld is %s", number, open ? "open" : "refused");
		else if (!open)
			assert_int_equal(ask(p, number, 0, 0, 0), REFUSED);
	}
	for (long number = NEWEST_CALL + 1; number < 2048; number++)
		assert_int_equal(ask(p, number, 0, 0, 0), MISSING);
}

/* Protocols, of which the kernel uses 32 bits. */
static void the_payloads_sockets_are_tcp_and_udp(void **state)
{
	const struct program p = PROGRAM(filter_payload);

	(void)state;
	for (uint64_t family = 0; family < 64; family++)
		for (uint64_t type = 0; type < 16; type++)
			for (uint64_t protocol = 0; protocol < 300; protocol++) {
				bool inet = (family == AF_INET || family == AF_INET6) &&
					    (type == SOCK_STREAM || type == SOCK_DGRAM) &&
					    (protocol == 0 || protocol == IPPROTO_TCP ||
						    protocol == IPPROTO_UDP);
				bool other = family == AF_UNIX ||
					     (family == AF_NETLINK && protocol == 0);

				if (allowed(ask(p, SYS_socket, family, type, protocol)) !=
					(inet || other))
					fail_msg("socket(%u, %u, %u)", (unsigned)family,
						(unsigned)type, (unsigned)protocol);
			}
}

/* PID 1 needs nothing that the payload is denied, executes no file, and creates no code. */
static void pid_1_has_none_of_these(void **state)
{
	static const long more[] = {SYS_execve, SYS_execveat, SYS_ptrace, SYS_unshare,
		SYS_chroot, SYS_memfd_create, SYS_mknodat, SYS_linkat, SYS_symlinkat,
		SYS_personality, SYS_process_vm_readv, SYS_pidfd_getfd, SYS_setxattr,
		SYS_inotify_rm_watch, SYS_fanotify_mark, SYS_shmget, SYS_msgget, SYS_semget,
		SYS_clone3, SYS_mlockall, SYS_pkey_mprotect, SYS_remap_file_pages,
		SYS_utimensat, SYS_truncate, SYS_sched_setscheduler, SYS_setpriority,
		SYS_adjtimex, SYS_clock_adjtime, SYS_landlock_create_ruleset, NEWEST_CALL,
		SYS_io_setup, SYS_mbind, SYS_move_pages};
	const struct program p = PROGRAM(filter_monitor);

	(void)state;
	for (size_t i = 0; i < sizeof(refused) / sizeof(refused[0]); i++)
		assert_false(allowed_somehow(p, refused[i]));
	for (size_t i = 0; i < sizeof(more) / sizeof(more[0]); i++)
		if (allowed_somehow(p, more[i]))
			fail_msg("call %ld", more[i]);
	for (long number = NEWEST_CALL + 1; number < 2048; number++)
		assert_false(allowed_somehow(p, number));
	for (uint64_t protection = 0; protection < 8; protection++) {
		bool code = protection & PROT_EXEC;

		assert_int_equal(allowed(ask(p, SYS_mmap, 0, 4096, protection)), !code);
		assert_int_equal(allowed(ask(p, SYS_mprotect, 0, 4096, protection)), !code);
	}
	for (unsigned bit = 0; bit < 32; bit++) {
		uint64_t flag = UINT64_C(1) << bit;
		const uint64_t namespaces = CLONE_NEWNS | CLONE_NEWCGROUP | CLONE_NEWUTS |
					    CLONE_NEWIPC | CLONE_NEWUSER | CLONE_NEWPID |
					    CLONE_NEWNET;

		assert_int_equal(allowed(ask(p, SYS_clone, flag, 0, 0)), !(flag & namespaces));
	}
}

static void pid_1_asks_of_terminals_what_it_needs(void **state)
{
	static const uint64_t needed[] = {TCGETS, TCSETS, TCSETSW, TCSETSF, TCXONC, TCSBRK,
		TIOCGPGRP, TIOCSPGRP, TIOCGSID, TIOCNOTTY, TIOCSCTTY, TIOCGWINSZ, FIONREAD,
		FIONBIO, SIOCGIFINDEX, SIOCGIFNAME};
	const struct program p = PROGRAM(filter_monitor);

	(void)state;
	for (uint64_t request = 0; request < 0x10000; request++) {
		bool wanted = false;

		for (size_t i = 0; i < sizeof(needed) / sizeof(needed[0]); i++)
			wanted |= request == needed[i];
		if (allowed(ask(p, SYS_ioctl, 0, request, 0)) != wanted)
			fail_msg("ioctl 0x%x", (unsigned)request);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(workers_have_exactly_their_calls),
		cmocka_unit_test(workers_sockets_are_tcp_and_udp),
		cmocka_unit_test(the_payload_is_refused_exactly_these),
		cmocka_unit_test(the_payloads_sockets_are_tcp_and_udp),
		cmocka_unit_test(pid_1_has_none_of_these),
		cmocka_unit_test(pid_1_asks_of_terminals_what_it_needs),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
