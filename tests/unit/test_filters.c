/*
 * The seccomp filters: each rule by a call that it refuses, made as root with every capability
 * and with arguments that the kernel itself would answer otherwise (the control run, without
 * the filter, shows it), and by a call beside it that stays open.
 */
#include <errno.h>
#include <fcntl.h>
#include <linux/netlink.h>
#include <netinet/in.h>
#include <sched.h>
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/ptrace.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "../../init/lib/privileges.h"

#include <cmocka.h>

#define NO_FILTER (-1)
#define HIGH      (1L << 32) /* a bit that the kernel ignores */
#define BAD       1L         /* an address that isn't mapped */

struct call {
	const char *name;
	long number, a[6];
};

/* Not _exit(), for which the sanitizers make more than one call. */
static _Noreturn void leave(int status)
{
	for (;;)
		syscall(SYS_exit_group, status);
}

/* 0: success; an errno; or 1000 + the signal that ended the child. */
static int outcome(int filter, const struct call *k)
{
	int status;
	pid_t pid = fork();

	assert_true(pid >= 0);
	if (pid == 0) {
		struct failure f;
		long r;

		if (prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) < 0 ||
			(filter != NO_FILTER && filters_install((enum filter)filter, &f) < 0))
			_exit(255);
		r = syscall(k->number, k->a[0], k->a[1], k->a[2], k->a[3], k->a[4], k->a[5]);
		leave(r < 0 ? errno : 0);
	}
	assert_int_equal(waitpid(pid, &status, 0), pid);
	return WIFSIGNALED(status) ? 1000 + WTERMSIG(status) : WEXITSTATUS(status);
}

static void expect_refused(int filter, const struct call *k, int how)
{
	int with = outcome(filter, k), without = outcome(NO_FILTER, k);

	if (with != how || without == how)
		fail_msg("%s: %d with the filter (not %d), %d without", k->name, with, how,
			without);
}

static void expect_open(int filter, const struct call *k)
{
	int with = outcome(filter, k), without = outcome(NO_FILTER, k);

	if (with != without)
		fail_msg("%s: %d with the filter, %d without", k->name, with, without);
}

#define CALL(name, ...)                                                                        \
	{                                                                                      \
#name, SYS_##name,                                                             \
		{                                                                              \
			__VA_ARGS__                                                            \
		}                                                                              \
	}
#define EACH(array) (size_t i = 0; i < sizeof(array) / sizeof((array)[0]); i++)

static void payload_is_refused_what_no_tool_needs(void **state)
{
	static const struct call calls[] = {
		CALL(mount, BAD, BAD, BAD, 0, 0),
		CALL(umount2, BAD, 0),
		CALL(pivot_root, BAD, BAD),
		CALL(open_tree, -1, BAD, 0),
		CALL(move_mount, -1, BAD, -1, BAD, 0),
		CALL(fsopen, BAD, 0),
		CALL(fsconfig, -1, 0, 0, 0, 0),
		CALL(fsmount, -1, 0, 0),
		CALL(fspick, -1, BAD, 0),
		CALL(mount_setattr, -1, BAD, 0, BAD, 32),
		CALL(open_by_handle_at, -1, BAD, 0),
		CALL(quotactl, -1, BAD, 0, 0),
		CALL(swapon, BAD, 0),
		CALL(swapoff, BAD),
		CALL(fanotify_init, -1, 0),
		CALL(reboot, 1, 2, 3, 0),
		CALL(kexec_load, 0, 1000, BAD, -1),
		CALL(init_module, BAD, 1, BAD),
		CALL(finit_module, -1, BAD, 0),
		CALL(delete_module, BAD, 0),
		CALL(acct, BAD),
		CALL(syslog, 10, 0, 0),
		CALL(settimeofday, BAD, BAD),
		CALL(clock_settime, 0, BAD),
		CALL(sethostname, BAD, 4),
		CALL(setdomainname, BAD, 4),
		CALL(bpf, 999, BAD, 16),
		CALL(perf_event_open, BAD, 0, 0, -1, 0),
		CALL(io_uring_setup, 1, BAD),
		CALL(io_uring_enter, -1, 0, 0, 0, 0),
		CALL(io_uring_register, -1, 0, 0, 0),
		CALL(userfaultfd, -1),
		CALL(add_key, BAD, BAD, BAD, 1, -1),
		CALL(request_key, BAD, BAD, BAD, -1),
		CALL(keyctl, 9999, 0, 0, 0, 0),
		CALL(process_vm_readv, 0, BAD, 1, BAD, 1, 0),
		CALL(process_vm_writev, 0, BAD, 1, BAD, 1, 0),
		CALL(pidfd_getfd, -1, 0, 0),
		CALL(kcmp, 0, 0, 99, 0, 0),
		CALL(process_madvise, -1, BAD, 1, 0, 0),
		CALL(setns, -1, 0),
#ifdef __x86_64__
		CALL(iopl, 0),
		CALL(ioperm, 0, 1, 0),
		CALL(modify_ldt, 0, 0, 0),
#endif
	};

	(void)state;
	for
		EACH(calls)
	expect_refused(FILTER_PAYLOAD, &calls[i], EPERM);
}

static void payload_may_do_what_tools_do(void **state)
{
	static const struct call calls[] = {
		CALL(getpid, 0),
		CALL(openat, AT_FDCWD, (long)"/etc/passwd", O_RDONLY, 0),
		CALL(memfd_create, (long)"x", 0),
		CALL(inotify_init1, 0),
		CALL(eventfd2, 0, 0),
		CALL(epoll_create1, 0),
		CALL(timerfd_create, CLOCK_MONOTONIC, 0),
		CALL(prlimit64, 0, 7, 0, 0),
		CALL(personality, 0xffffffff),
		CALL(unshare, CLONE_FILES),
		CALL(unshare, CLONE_FS),
		CALL(mmap, 0, 4096, PROT_READ | PROT_WRITE | PROT_EXEC,
			MAP_PRIVATE | MAP_ANONYMOUS, -1, 0),
		CALL(ptrace, PTRACE_TRACEME, 0, 0, 0),
		CALL(seccomp, 0xffff, 0, 0),
		CALL(chroot, BAD),
		CALL(mremap, BAD, 0, 0, 0),
		CALL(ioctl, -1, TIOCGWINSZ, BAD),
		CALL(rseq, 0, 0, 0, 0),
	};

	(void)state;
	for
		EACH(calls)
	expect_open(FILTER_PAYLOAD, &calls[i]);
}

static void payload_makes_no_namespace(void **state)
{
	static const long flags[] = {CLONE_NEWNS, CLONE_NEWCGROUP, CLONE_NEWUTS, CLONE_NEWIPC,
		CLONE_NEWUSER, CLONE_NEWPID, CLONE_NEWNET};

	(void)state;
	for
		EACH(flags)
		{
			const struct call unshares[] = {CALL(unshare, flags[i]),
				CALL(unshare, flags[i] | CLONE_FILES | HIGH)};
			const struct call clones[] = {
				CALL(clone, flags[i] | SIGCHLD, 0, 0, 0, 0)};

			expect_refused(FILTER_PAYLOAD, &unshares[0], EPERM);
			assert_int_equal(outcome(FILTER_PAYLOAD, &unshares[1]), EPERM);
			expect_refused(FILTER_PAYLOAD, &clones[0], EPERM);
		}
	expect_refused(FILTER_PAYLOAD, &(struct call)CALL(unshare, 0x80), EPERM);
	/* The last byte of clone's flags is a signal, and 0x80 in it isn't one of our flags. */
	expect_open(FILTER_PAYLOAD, &(struct call)CALL(clone, SIGCHLD, 0, 0, 0, 0));
}

static void unknown_calls_do_not_exist(void **state)
{
	static const struct call calls[] = {
		{"clone3", 435, {0}},
		{"setxattrat", 463, {0}},
		{"open_tree_attr", 467, {0}},
		{"the future", 600, {0}},
		{"x32 getpid", 0x40000000 + 39, {0}},
		{"minus one", -1, {0}},
	};

	(void)state;
	for
		EACH(calls)
	assert_int_equal(outcome(FILTER_PAYLOAD, &calls[i]), ENOSYS);
	/* The newest call that was considered is permitted. */
	expect_open(FILTER_PAYLOAD, &(struct call){"mseal", 462, {0}});
}

struct socket_case {
	long family, type, protocol;
	bool open;
};

static void payload_sockets(void **state)
{
	static const struct socket_case cases[] = {
		{AF_UNIX, SOCK_STREAM, 0, true},
		{AF_UNIX, SOCK_SEQPACKET, 0, true},
		{AF_INET, SOCK_STREAM, 0, true},
		{AF_INET, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, IPPROTO_TCP, true},
		{AF_INET, SOCK_DGRAM, 0, true},
		{AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, IPPROTO_UDP, true},
		{AF_INET6, SOCK_STREAM, IPPROTO_TCP, true},
		{AF_INET6, SOCK_DGRAM, 0, true},
		{AF_NETLINK, SOCK_RAW, NETLINK_ROUTE, true},
		{AF_NETLINK, SOCK_DGRAM | SOCK_CLOEXEC, NETLINK_ROUTE, true},

		{AF_PACKET, SOCK_RAW, 0x0300, false},
		{AF_PACKET, SOCK_DGRAM, 0, false},
		{AF_INET, SOCK_RAW, IPPROTO_ICMP, false},
		{AF_INET, SOCK_RAW, IPPROTO_TCP, false},
		{AF_INET, SOCK_RAW, IPPROTO_RAW, false},
		{AF_INET, SOCK_RAW | SOCK_CLOEXEC, IPPROTO_UDP, false},
		{AF_INET6, SOCK_RAW, IPPROTO_ICMPV6, false},
		{AF_INET, SOCK_DGRAM, IPPROTO_ICMP, false},
		{AF_INET6, SOCK_DGRAM, IPPROTO_ICMPV6, false},
		{AF_INET, SOCK_STREAM, 262 /* MPTCP */, false},
		{AF_INET6, SOCK_STREAM, 262, false},
		{AF_INET, SOCK_STREAM, IPPROTO_SCTP, false},
		{AF_INET, SOCK_SEQPACKET, IPPROTO_SCTP, false},
		{AF_INET, 6 /* SOCK_DCCP */, IPPROTO_DCCP, false},
		{AF_INET, SOCK_DGRAM, IPPROTO_UDPLITE, false},
		{AF_INET, SOCK_DGRAM, IPPROTO_TCP + 1, false},
		{AF_INET, SOCK_PACKET, 0, false},
		{AF_NETLINK, SOCK_RAW, NETLINK_NETFILTER, false},
		{AF_NETLINK, SOCK_RAW, NETLINK_SOCK_DIAG, false},
		{AF_NETLINK, SOCK_RAW, NETLINK_KOBJECT_UEVENT, false},
		{AF_VSOCK, SOCK_STREAM, 0, false},
		{AF_ALG, SOCK_SEQPACKET, 0, false},
		{AF_BLUETOOTH, SOCK_RAW, 0, false},
		{AF_CAN, SOCK_RAW, 1, false},
		{AF_TIPC, SOCK_SEQPACKET, 0, false},
		{AF_KEY, SOCK_RAW, 2, false},
		{AF_UNSPEC, SOCK_STREAM, 0, false},
		{44 /* AF_XDP */, SOCK_RAW, 0, false},
	};

	(void)state;
	for
		EACH(cases)
		{
			const struct socket_case *s = &cases[i];
			char name[64];
			struct call k = {name, SYS_socket, {s->family, s->type, s->protocol}};

			snprintf(name, sizeof(name), "socket(%ld, %ld, %ld)", s->family,
				s->type, s->protocol);
			if (s->open)
				expect_open(FILTER_PAYLOAD, &k);
			else
				expect_refused(FILTER_PAYLOAD, &k, EPERM);
			if (s->open && s->family != AF_NETLINK)
				assert_int_equal(outcome(FILTER_PAYLOAD, &k), 0);
		}
}

/* The kernel takes an int; the register has 32 more bits, which a filter might overlook. */
static void high_bits_open_nothing(void **state)
{
	static const struct call calls[] = {
		CALL(socket, AF_PACKET + HIGH, SOCK_RAW, 0),
		CALL(socket, AF_INET + HIGH, SOCK_RAW, IPPROTO_ICMP),
		CALL(socket, AF_INET, SOCK_RAW + HIGH, IPPROTO_ICMP),
		CALL(socket, AF_INET, SOCK_DGRAM, IPPROTO_ICMP + HIGH),
		CALL(socket, AF_NETLINK, SOCK_RAW, NETLINK_NETFILTER + HIGH),
		CALL(ioctl, -1, TIOCSTI + HIGH, BAD),
		CALL(clone, CLONE_NEWUSER + HIGH, 0, 0, 0, 0),
	};

	(void)state;
	for
		EACH(calls)
	assert_int_equal(outcome(FILTER_PAYLOAD, &calls[i]), EPERM);
}

static void payload_types_into_no_terminal(void **state)
{
	static const struct call calls[] = {
		CALL(ioctl, -1, TIOCSTI, BAD),
		CALL(ioctl, -1, TIOCLINUX, BAD),
		CALL(ioctl, -1, TIOCSETD, BAD),
	};

	(void)state;
	for
		EACH(calls)
	expect_refused(FILTER_PAYLOAD, &calls[i], EPERM);
}

static void socketpairs_are_local(void **state)
{
	const struct call inet = CALL(socketpair, AF_INET, SOCK_STREAM, 0, BAD);
	const struct call tipc = CALL(socketpair, AF_TIPC, SOCK_STREAM, 0, BAD);
	const struct call local = CALL(socketpair, AF_UNIX, SOCK_STREAM, 0, BAD);

	(void)state;
	expect_refused(FILTER_PAYLOAD, &inet, EPERM);
	expect_refused(FILTER_PAYLOAD, &tipc, EPERM);
	expect_open(FILTER_PAYLOAD, &local);
}

struct option_case {
	long level, name;
};

/* On no socket: without the filter the error is EBADF, whatever the option. */
static struct call set_option(const struct option_case *o, char text[static 64])
{
	snprintf(text, 64, "setsockopt(%ld, %ld)", o->level, o->name);
	return (struct call){text, SYS_setsockopt, {-1, o->level, o->name, BAD, 4}};
}

/* By number (linux/in.h, in6.h, tcp.h, udp.h, asm-generic/socket.h), so that a macro with
 * another value in filters_gen.c is detected. */
static void payload_sets_no_option_that_no_tool_needs(void **state)
{
	static const struct option_case refused[] = {
		/* FREEBIND, TRANSPARENT, JOIN_ANYCAST, SO_MARK */
		{0, 15},
		{0, 19},
		{41, 78},
		{41, 75},
		{41, 27},
		{1, 36},
		/* OPTIONS, RETOPTS, ROUTER_ALERT, HDRINCL, NODEFRAG */
		{0, 4},
		{0, 7},
		{0, 5},
		{0, 3},
		{0, 22},
		/* RTHDR, HOPOPTS, DSTOPTS, RTHDRDSTOPTS; RFC 2292's forms, PKTOPTIONS */
		{41, 57},
		{41, 54},
		{41, 59},
		{41, 55},
		{41, 3},
		{41, 4},
		{41, 5},
		{41, 6},
		/* CHECKSUM, NEXTHOP, AUTHHDR, ROUTER_ALERT, its ISOLATE, HDRINCL */
		{41, 7},
		{41, 9},
		{41, 10},
		{41, 22},
		{41, 30},
		{41, 36},
		/* FLOWLABEL_MGR, ADDRFORM */
		{41, 32},
		{41, 1},
		/* IPSEC_POLICY, XFRM_POLICY, MD5SIG, MD5SIG_EXT, UDP_ENCAP */
		{0, 16},
		{0, 17},
		{41, 34},
		{41, 35},
		{6, 14},
		{6, 32},
		{17, 100},
		/* REPAIR and related ones, ULP */
		{6, 19},
		{6, 20},
		{6, 21},
		{6, 22},
		{6, 29},
		{6, 31},
		/* ATTACH_FILTER, ATTACH_BPF, REUSEPORT_CBPF, REUSEPORT_EBPF, MSFILTER */
		{1, 26},
		{1, 50},
		{1, 51},
		{1, 52},
		{0, 41},
		{0, 48},
		{41, 48},
		/* IP6T_SO_SET_REPLACE, _ADD_COUNTERS */
		{41, 64},
		{41, 65},
	};
	static const struct option_case unknown[] = {
		{0, 53},
		{0, 64},
		{0, 200},
		{0, 1088},
		{0, -1},
		{41, 79},
		{41, 200},
		{41, 1000},
		{6, 37},
		{6, 38},
		{6, 100},
		{17, 105},
		{1, 78},
		{1, 1000},
		{271, 1},
		{282, 1},
		{284, 1},
		{-1, 1},
	};
	char text[64];

	(void)state;
	for
		EACH(refused)
		{
			struct option_case high = {
				refused[i].level + HIGH, refused[i].name + HIGH};
			struct call k = set_option(&refused[i], text);

			expect_refused(FILTER_PAYLOAD, &k, EPERM);
			k = set_option(&high, text);
			assert_int_not_equal(outcome(FILTER_PAYLOAD, &k), EBADF);
		}
	for
		EACH(unknown)
		{
			struct call k = set_option(&unknown[i], text);

			expect_refused(FILTER_PAYLOAD, &k, ENOPROTOOPT);
		}
}

static void payload_sets_what_tools_set(void **state)
{
	static const struct option_case cases[] = {
		/* REUSEADDR, KEEPALIVE, BROADCAST, LINGER, RCVTIMEO, BINDTODEVICE, REUSEPORT */
		{1, 2},
		{1, 9},
		{1, 6},
		{1, 13},
		{1, 20},
		{1, 25},
		{1, 15},
		{1, 16},
		{1, 77},
		/* TOS, TTL, PKTINFO, MTU_DISCOVER, RECVERR, BIND_ADDRESS_NO_PORT, multicast */
		{0, 1},
		{0, 2},
		{0, 8},
		{0, 10},
		{0, 11},
		{0, 24},
		{0, 32},
		{0, 35},
		{0, 42},
		{0, 51},
		{0, 52},
		/* UNICAST_HOPS, multicast, MTU_DISCOVER, RECVERR, V6ONLY, RECVPKTINFO, PKTINFO,
		 * TCLASS, ADDR_PREFERENCES, UNICAST_IF, FLOWINFO_SEND (Java's setTrafficClass)
		 */
		{41, 16},
		{41, 17},
		{41, 20},
		{41, 23},
		{41, 25},
		{41, 26},
		{41, 49},
		{41, 50},
		{41, 67},
		{41, 72},
		{41, 76},
		{41, 33},
		/* NODELAY, CORK, KEEPIDLE, DEFER_ACCEPT, QUICKACK, CONGESTION, USER_TIMEOUT,
		 * FASTOPEN, FASTOPEN_CONNECT, INQ */
		{6, 1},
		{6, 3},
		{6, 4},
		{6, 9},
		{6, 12},
		{6, 13},
		{6, 18},
		{6, 23},
		{6, 30},
		{6, 36},
		/* CORK, SEGMENT, GRO; NETLINK_EXT_ACK */
		{17, 1},
		{17, 103},
		{17, 104},
		{270, 11},
	};
	char text[64];

	(void)state;
	for
		EACH(cases)
		{
			struct call k = set_option(&cases[i], text);

			expect_open(FILTER_PAYLOAD, &k);
		}
}

#ifdef __x86_64__
static int unsolicited(bool filtered)
{
	int status;
	pid_t pid = fork();

	if (pid == 0) {
		struct failure f;
		long r = 20; /* i386's getpid */

		prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0);
		signal(SIGSEGV, SIG_DFL);
		if (filtered && filters_install(FILTER_PAYLOAD, &f) < 0)
			_exit(255);
		__asm__ volatile("int $0x80" : "+a"(r) : : "memory", "r8", "r9", "r10", "r11");
		_exit(r > 0 ? 0 : 1);
	}
	assert_int_equal(waitpid(pid, &status, 0), pid);
	return WIFSIGNALED(status) ? 1000 + WTERMSIG(status) : WEXITSTATUS(status);
}

static void another_machines_calls_end_the_process(void **state)
{
	(void)state;
	/* A kernel without 32-bit support has nothing to refuse. */
	if (unsolicited(false) == 0)
		assert_int_equal(unsolicited(true), 1000 + SIGSYS);
	else
		assert_in_range(unsolicited(true), 1001, 1064);
}
#endif

/* Real programs after the complete drop; `status` is the expected exit status. */
static int run_dropped(const char *const *argv)
{
	int status;
	pid_t pid = fork();

	if (pid == 0) {
		struct failure f;

		if (chdir("/tmp") < 0 || privileges_drop(4321, 4321, &f) < 0 ||
			filters_install(FILTER_PAYLOAD, &f) < 0)
			_exit(255);
		setenv("HOME", "/tmp", 1);
		unsetenv("LD_PRELOAD");
		execvp(argv[0], (char *const *)(uintptr_t)argv);
		_exit(254);
	}
	assert_int_equal(waitpid(pid, &status, 0), pid);
	return WIFSIGNALED(status) ? 1000 + WTERMSIG(status) : WEXITSTATUS(status);
}

static void real_programs_work(void **state)
{
	static const char *const programs[][4] = {
		{"sh", "-c", "ls / | wc -l >/dev/null && (sleep 0 &) && wait", NULL},
		{"bash", "-c", "exec 3< <(echo x) && read -u 3 y && test $y = x", NULL},
		{"/usr/bin/python3", "-c",
			"import ctypes, mmap, multiprocessing, os, socket, subprocess, "
			"threading\n"
			"t = threading.Thread(target=lambda: None); t.start(); t.join()\n"
			"subprocess.run(['true'], check=True)\n"
			"p = multiprocessing.Process(target=os.getpid); p.start(); p.join()\n"
			"assert p.exitcode == 0\n"
			"a, b = socket.socketpair(); a.send(b'x'); assert b.recv(1) == b'x'\n"
			"s = socket.create_server(('127.0.0.1', 0))\n"
			"c = socket.create_connection(s.getsockname()); c.close()\n"
			"socket.if_nameindex(); socket.getaddrinfo('127.0.0.1', 80)\n"
			"m = mmap.mmap(-1, 4096, prot=mmap.PROT_READ | mmap.PROT_WRITE | "
			"mmap.PROT_EXEC)\n",
			NULL},
	};

	(void)state;
	for
		EACH(programs)
	if (run_dropped(programs[i]) != 0)
		fail_msg("%s: %s", programs[i][0], programs[i][2]);
}

static void resolver_is_killed_for_anything_else(void **state)
{
	static const struct call calls[] = {
		CALL(openat, AT_FDCWD, (long)"/etc/passwd", O_RDONLY, 0),
		CALL(read, 0, BAD, 0),
		CALL(write, 2, BAD, 0),
		CALL(execve, BAD, BAD, BAD),
		CALL(clone, SIGCHLD, 0, 0, 0, 0),
		CALL(kill, 0, 0),
		CALL(ptrace, PTRACE_TRACEME, 0, 0, 0),
		CALL(mmap, 0, 4096, PROT_READ, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0),
		CALL(mprotect, 0, 0, PROT_EXEC),
		CALL(mprotect, 0, 0, PROT_READ | PROT_WRITE),
		CALL(setuid, 0),
		CALL(capset, BAD, BAD),
		CALL(prctl, PR_GET_DUMPABLE, 0, 0, 0, 0),
		CALL(listen, -1, 0),
		CALL(setsockopt, -1, 0, 0, BAD, 0),
		CALL(socket, AF_UNIX, SOCK_STREAM, 0),
		CALL(socket, AF_NETLINK, SOCK_RAW, 0),
		CALL(socket, AF_PACKET, SOCK_RAW, 0),
		CALL(socket, AF_INET, SOCK_RAW, IPPROTO_ICMP),
	};

	(void)state;
	for
		EACH(calls)
	expect_refused(FILTER_RESOLVER, &calls[i], 1000 + SIGSYS);
}

static void resolver_may_talk(void **state)
{
	static const struct call calls[] = {
		CALL(socket, AF_INET, SOCK_DGRAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0),
		CALL(socket, AF_INET6, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0),
		CALL(bind, -1, BAD, 0),
		CALL(connect, -1, BAD, 0),
		CALL(accept4, -1, 0, 0, 0),
		CALL(sendto, -1, BAD, 0, 0, 0, 0),
		CALL(recvfrom, -1, BAD, 0, 0, 0, 0),
		CALL(recvmmsg, -1, BAD, 0, 0, 0),
		CALL(epoll_ctl, -1, 0, 0, 0),
		CALL(epoll_pwait, -1, BAD, 1, 0, 0, 0),
		CALL(close, -1),
		CALL(getrandom, BAD, 0, 0),
		CALL(clock_gettime, CLOCK_MONOTONIC, BAD),
	};

	(void)state;
	for
		EACH(calls)
	expect_open(FILTER_RESOLVER, &calls[i]);
}

static void gate_changes_nothing_of_a_descriptor_but_its_pipes_size(void **state)
{
	static const struct call refused[] = {
		CALL(fcntl, 0, F_DUPFD, 0),
		CALL(fcntl, 0, F_SETFD, 0),
		CALL(fcntl, 0, F_SETFL, 0),
		CALL(fcntl, 0, F_SETOWN, 1),
		CALL(fcntl, 0, F_SETLEASE, F_RDLCK),
		CALL(mprotect, 0, 0, PROT_READ | PROT_WRITE),
	};
	static const struct call open[] = {
		CALL(fcntl, -1, F_SETPIPE_SZ, 4096),
		CALL(fcntl, -1, F_GETPIPE_SZ, 0),
		CALL(splice, -1, 0, -1, 0, 1, 0),
		CALL(nanosleep, BAD, 0),
		CALL(clock_nanosleep, CLOCK_REALTIME, 0, BAD, 0),
	};

	(void)state;
	for
		EACH(refused)
	expect_refused(FILTER_GATE, &refused[i], 1000 + SIGSYS);
	for
		EACH(open)
	expect_open(FILTER_GATE, &open[i]);
}

static void monitor_is_refused_the_rest(void **state)
{
	static const struct call calls[] = {
		CALL(execve, BAD, BAD, BAD),
		CALL(execveat, -1, BAD, BAD, BAD, 0),
		CALL(ptrace, PTRACE_TRACEME, 0, 0, 0),
		CALL(mount, BAD, BAD, BAD, 0, 0),
		CALL(unshare, CLONE_FILES),
		CALL(setns, -1, 0),
		CALL(clone, CLONE_NEWUSER | SIGCHLD, 0, 0, 0, 0),
		CALL(bpf, 999, BAD, 16),
		CALL(process_vm_readv, 0, BAD, 1, BAD, 1, 0),
		CALL(mmap, 0, 4096, PROT_READ | PROT_EXEC, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0),
		CALL(mprotect, 0, 0, PROT_EXEC),
		CALL(socket, AF_PACKET, SOCK_RAW, 0),
		CALL(socket, AF_INET, SOCK_RAW, IPPROTO_ICMP),
		CALL(ioctl, -1, TIOCSTI, BAD),
		CALL(chroot, BAD),
		CALL(init_module, BAD, 1, BAD),
		CALL(io_uring_setup, 1, BAD),
		CALL(memfd_create, (long)"x", 0),
	};

	(void)state;
	for
		EACH(calls)
	expect_refused(FILTER_MONITOR, &calls[i], EPERM);
}

static void monitor_may_do_its_work(void **state)
{
	static const struct call calls[] = {
		CALL(clone, SIGCHLD, 0, 0, 0, 0),
		CALL(wait4, -1, 0, WNOHANG, 0),
		CALL(kill, 0, 0),
		CALL(rt_sigqueueinfo, 0, 0, BAD),
		CALL(signalfd4, -1, BAD, 8, 0),
		CALL(ppoll, 0, 0, BAD, 0, 0),
		CALL(openat, AT_FDCWD, (long)"/proc/self/stat", O_RDONLY, 0),
		CALL(getdents64, -1, BAD, 0),
		CALL(socket, AF_NETLINK, SOCK_RAW, NETLINK_NETFILTER),
		CALL(socket, AF_UNIX, SOCK_SEQPACKET, 0),
		CALL(socketpair, AF_UNIX, SOCK_SEQPACKET, 0, BAD),
		CALL(sendmsg, -1, BAD, 0),
		CALL(recvmsg, -1, BAD, 0),
		CALL(ioctl, -1, TIOCSPGRP, BAD),
		CALL(ioctl, -1, TCSETS, BAD),
		CALL(setresuid, -1, -1, -1),
		CALL(prctl, PR_GET_DUMPABLE, 0, 0, 0, 0),
		CALL(mmap, 0, 4096, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0),
		CALL(timerfd_create, CLOCK_MONOTONIC, 0),
		CALL(pidfd_open, 0, 0),
		CALL(sched_setattr, 0, BAD, 0),
		CALL(renameat2, -1, BAD, -1, BAD, 0),
	};

	(void)state;
	for
		EACH(calls)
	expect_open(FILTER_MONITOR, &calls[i]);
}

/* What PID 1 forks later has both filters, and must still work. */
static void a_worker_can_be_restarted_under_the_monitors_filter(void **state)
{
	int status;
	pid_t pid = fork();

	(void)state;
	if (pid == 0) {
		struct failure f;
		pid_t worker;

		if (privileges_keep_needed(&f) < 0 || filters_install(FILTER_MONITOR, &f) < 0)
			_exit(2);
		worker = fork();
		if (worker == 0) {
			if (privileges_drop(4321, 4321, &f) < 0)
				_exit(3);
			if (filters_install(FILTER_RESOLVER, &f) < 0)
				_exit(4);
			leave(0);
		}
		_exit(waitpid(worker, &status, 0) == worker && WIFEXITED(status)
				? WEXITSTATUS(status)
				: 5);
	}
	assert_int_equal(waitpid(pid, &status, 0), pid);
	assert_int_equal(status, 0);
}

static void a_filter_needs_no_new_privs(void **state)
{
	int status;
	pid_t pid = fork();

	(void)state;
	if (pid == 0) {
		struct failure f;

		if (seteuid(4321) < 0 || filters_install(FILTER_PAYLOAD, &f) == 0)
			_exit(2);
		_exit(strstr(f.hint, "no_new_privs") ? 0 : 3);
	}
	assert_int_equal(waitpid(pid, &status, 0), pid);
	assert_int_equal(status, 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(payload_is_refused_what_no_tool_needs),
		cmocka_unit_test(payload_may_do_what_tools_do),
		cmocka_unit_test(payload_makes_no_namespace),
		cmocka_unit_test(unknown_calls_do_not_exist),
		cmocka_unit_test(payload_sockets),
		cmocka_unit_test(high_bits_open_nothing),
		cmocka_unit_test(payload_types_into_no_terminal),
		cmocka_unit_test(socketpairs_are_local),
		cmocka_unit_test(payload_sets_no_option_that_no_tool_needs),
		cmocka_unit_test(payload_sets_what_tools_set),
#ifdef __x86_64__
		cmocka_unit_test(another_machines_calls_end_the_process),
#endif
		cmocka_unit_test(real_programs_work),
		cmocka_unit_test(resolver_is_killed_for_anything_else),
		cmocka_unit_test(resolver_may_talk),
		cmocka_unit_test(gate_changes_nothing_of_a_descriptor_but_its_pipes_size),
		cmocka_unit_test(monitor_is_refused_the_rest),
		cmocka_unit_test(monitor_may_do_its_work),
		cmocka_unit_test(a_worker_can_be_restarted_under_the_monitors_filter),
		cmocka_unit_test(a_filter_needs_no_new_privs),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
