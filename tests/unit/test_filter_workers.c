/* The filters of resolver, gate and monitor; other machines' calls; real programs. */
#include "filters_fixture.h"

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

/* What takes haproxy over can start nothing, signal nobody, and has no network. */
static void the_brokers_haproxy(void **state)
{
	static const struct call refused[] = {
		CALL(socket, AF_INET, SOCK_STREAM, 0),
		CALL(socket, AF_INET | HIGH, SOCK_STREAM, 0),
		CALL(socket, AF_INET6, SOCK_DGRAM, 0),
		CALL(socket, AF_NETLINK, SOCK_RAW, NETLINK_ROUTE),
		CALL(clone, SIGCHLD),
		CALL(kill, 0, 0),
		CALL(memfd_create, (long)"x", 0),
		CALL(unshare, CLONE_FILES),
		CALL(ptrace, PTRACE_TRACEME),
		CALL(sendto, -1, 0, 0, MSG_FASTOPEN, 0, 0),
		CALL(sendmsg, -1, 0, MSG_FASTOPEN | MSG_NOSIGNAL),
		CALL(sendmmsg, -1, 0, 0, MSG_FASTOPEN),
	};
	static const struct call open[] = {CALL(socket, AF_UNIX, SOCK_STREAM, 0), CALL(getpid),
		CALL(sendto, -1, 0, 0, MSG_NOSIGNAL, 0, 0), CALL(epoll_create1, 0),
		CALL(mprotect, 0, 0, PROT_READ)};

	(void)state;
	for
		EACH(refused)
	expect_refused(FILTER_BROKER, &refused[i], EPERM);
	for
		EACH(open)
	expect_open(FILTER_BROKER, &open[i]);
}

/* codex-broker starts haproxy, and makes the socket pairs that it talks to it by. */
static void whoever_has_the_credential(void **state)
{
	static const struct call refused[] = {
		CALL(socket, AF_INET, SOCK_STREAM, 0),
		CALL(socket, AF_INET | HIGH, SOCK_STREAM, 0),
		CALL(socket, AF_INET6, SOCK_DGRAM, 0),
		CALL(socket, AF_NETLINK, SOCK_RAW, NETLINK_ROUTE),
		CALL(setsockopt, -1, IPPROTO_IP, IP_ADD_MEMBERSHIP, 0, 0),
		CALL(setsockopt, -1, IPPROTO_IP, MCAST_JOIN_GROUP, 0, 0),
	};
	static const struct call open[] = {CALL(socket, AF_UNIX, SOCK_STREAM, 0),
		CALL(memfd_create, (long)"x", 0), CALL(kill, 0, 0),
		CALL(setsockopt, -1, IPPROTO_IP, IP_TOS, 0, 0)};

	(void)state;
	for
		EACH(refused)
	expect_refused(FILTER_LOCAL, &refused[i], EPERM);
	for
		EACH(open)
	expect_open(FILTER_LOCAL, &open[i]);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(whoever_has_the_credential),
#ifdef __x86_64__
		cmocka_unit_test(the_brokers_haproxy),
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
