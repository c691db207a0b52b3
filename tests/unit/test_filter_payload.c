/* The payload's seccomp filter: what is refused, and what tools need. */
#include "filters_fixture.h"

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
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
