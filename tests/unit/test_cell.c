/*
 * The cell's worker, with a payload of uid 1000 under the very filter. What leaves is judged by
 * the counters of a device that stands for the outside. Run as root, in a network namespace of
 * its own. One file, since all of it is one worker's and one payload's.
 */
#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <net/if.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <poll.h>
#include <pthread.h>
#include <sched.h>
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include "init/cell/cell.h"
#include "init/cell/cell_socket.h"
#include "init/lib/clock.h"
#include "init/lib/privileges.h"

#include <cmocka.h>

#define OUTSIDE "198.51.100.1"
#define MPTCP   262

static struct cell cell;
static pid_t worker;
static int channel = -1;
/* What the payload's child reports; shared with it. */
static volatile long *shared;

/* ---- What it runs in ----------------------------------------------------------------- */

static int make_namespace(void **state)
{
	(void)state;
	shared = mmap(NULL, 4096, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
	if (unshare(CLONE_NEWNET) < 0 || shared == MAP_FAILED)
		return -1;
	return system("PATH=$PATH:/usr/sbin:/sbin; ip link set lo up && "
		      "ip link add v0 type veth peer name v1 && "
		      "ip link set v1 up && ip link set v0 up && "
		      "ip address add 172.30.9.2/24 dev v0 && "
		      "ip neigh add 172.30.9.1 lladdr 02:00:00:00:00:01 dev v0 && "
		      "ip route add default via 172.30.9.1 && "
		      "sysctl -qw net.ipv4.ip_forward=1 net.ipv6.conf.v0.accept_dad=0 "
		      "net.ipv6.conf.v0.disable_ipv6=0");
}

/* IPv4 packets sent to a device other than lo: nothing else here sends any. */
static unsigned long left(void)
{
	FILE *p =
		popen("PATH=$PATH:/usr/sbin:/sbin; nft list counter ip judge out 2>/dev/null | "
		      "grep -o 'packets [0-9]*' | cut -d' ' -f2",
			"r");
	unsigned long n = 0;

	assert_non_null(p);
	assert_int_equal(fscanf(p, "%lu", &n), 1);
	pclose(p);
	return n;
}

static int judge(void **state)
{
	(void)state;
	return system(
		"PATH=$PATH:/usr/sbin:/sbin; nft add table ip judge && "
		"nft add counter ip judge out && nft 'add chain ip judge c { type filter "
		"hook postrouting priority 0; }' && nft add rule ip judge c oifname != lo "
		"counter name out");
}

static void start(void)
{
	struct failure f = {0};

	worker = cell_start(&cell, &channel, &f);
	assert_true(worker > 0);
}

static void end_worker(void)
{
	if (worker > 0) {
		kill(worker, SIGKILL);
		waitpid(worker, NULL, 0);
	}
	worker = 0;
	if (channel >= 0)
		close(channel);
	channel = -1;
}

static int set_up(void **state)
{
	struct failure f = {0};

	(void)state;
	if (cell_open(&cell, &f) < 0)
		return -1;
	memset((void *)(uintptr_t)shared, 0, 4096);
	start();
	return 0;
}

static int tear_down(void **state)
{
	(void)state;
	end_worker();
	cell_shut(&cell);
	munmap(cell.record, sizeof(*cell.record));
	return 0;
}

/* ---- The payload --------------------------------------------------------------------- */

static _Noreturn void leave(int status)
{
	for (;;)
		syscall(SYS_exit_group, status);
}

static void send_descriptor(int to, int fd)
{
	char bytes[CMSG_SPACE(sizeof(int))] = {0}, octet = 0;
	struct iovec part = {&octet, 1};
	struct msghdr m = {.msg_iov = &part,
		.msg_iovlen = 1,
		.msg_control = bytes,
		.msg_controllen = sizeof(bytes)};
	struct cmsghdr *c = CMSG_FIRSTHDR(&m);

	c->cmsg_level = SOL_SOCKET;
	c->cmsg_type = SCM_RIGHTS;
	c->cmsg_len = CMSG_LEN(sizeof(int));
	memcpy(CMSG_DATA(c), &fd, sizeof(fd));
	if (sendmsg(to, &m, 0) != 1)
		leave(99);
}

static int take_descriptor(int from)
{
	char bytes[CMSG_SPACE(sizeof(int))] = {0}, octet;
	struct iovec part = {&octet, 1};
	struct msghdr m = {.msg_iov = &part,
		.msg_iovlen = 1,
		.msg_control = bytes,
		.msg_controllen = sizeof(bytes)};
	int fd;

	assert_int_equal(recvmsg(from, &m, MSG_CMSG_CLOEXEC), 1);
	assert_non_null(CMSG_FIRSTHDR(&m));
	memcpy(&fd, CMSG_DATA(CMSG_FIRSTHDR(&m)), sizeof(fd));
	return fd;
}

/* Forks a payload that calls work() and exits with its result: 0 if all is well, otherwise
 * the line. */
static pid_t begin(int (*work)(void))
{
	struct failure f = {0};
	int pair[2];
	pid_t pid;

	assert_int_equal(socketpair(AF_UNIX, SOCK_SEQPACKET, 0, pair), 0);
	pid = fork();
	assert_true(pid >= 0);
	if (pid == 0) {
		int listener;

		close(pair[0]);
		if (privileges_drop(1000, 1000, &f) < 0)
			leave(97);
		prctl(PR_SET_PDEATHSIG, SIGKILL);
		listener = filters_listen(FILTER_CELL_PAYLOAD, &f);
		if (listener < 0)
			leave(98);
		send_descriptor(pair[1], listener);
		close(listener);
		close(pair[1]);
		leave(work());
	}
	close(pair[1]);
	assert_int_equal(cell_add(&cell, channel, take_descriptor(pair[0]), &f), 0);
	close(pair[0]);
	return pid;
}

static void expect(pid_t pid, int status)
{
	int how;

	assert_int_equal(waitpid(pid, &how, 0), pid);
	assert_true(WIFEXITED(how));
	assert_int_equal(WEXITSTATUS(how), status);
}

#define MUST(condition)                                                                        \
	do {                                                                                   \
		if (!(condition))                                                              \
			return __LINE__ % 90 + 1;                                              \
	} while (0)

static struct sockaddr_in at(const char *address, uint16_t port)
{
	struct sockaddr_in a = {.sin_family = AF_INET, .sin_port = htons(port)};

	inet_pton(AF_INET, address, &a.sin_addr);
	return a;
}

static int reach(int s, const char *address, uint16_t port)
{
	const struct sockaddr_in to = at(address, port);

	return connect(s, (const struct sockaddr *)&to, sizeof(to));
}

static bool bound_to_lo(int s)
{
	char device[IFNAMSIZ] = "";
	socklen_t len = sizeof(device);

	return getsockopt(s, SOL_SOCKET, SO_BINDTODEVICE, device, &len) == 0 &&
	       strcmp(device, "lo") == 0;
}

/* Whether socket(2) fails with this error. */
static bool refused(int family, int type, int protocol, int error)
{
	errno = 0;
	return socket(family, type, protocol) < 0 && errno == error;
}

/* ---- Sockets that there are ---------------------------------------------------------- */

static int work_loopback(void)
{
	struct sockaddr_in a = at("127.0.0.1", 0);
	socklen_t len = sizeof(a);
	int l = socket(AF_INET, SOCK_STREAM, IPPROTO_TCP), c, s;
	char octet = 0;

	MUST(l > 2 && bound_to_lo(l));
	MUST(!(fcntl(l, F_GETFD) & FD_CLOEXEC) && !(fcntl(l, F_GETFL) & O_NONBLOCK));
	MUST(bind(l, (struct sockaddr *)&a, sizeof(a)) == 0 && listen(l, 5) == 0);
	MUST(getsockname(l, (struct sockaddr *)&a, &len) == 0);
	c = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
	MUST(c == l + 1 && bound_to_lo(c));
	MUST((fcntl(c, F_GETFD) & FD_CLOEXEC) && (fcntl(c, F_GETFL) & O_NONBLOCK));
	fcntl(c, F_SETFL, 0);
	MUST(reach(c, "127.0.0.1", ntohs(a.sin_port)) == 0);
	s = accept(l, NULL, NULL);
	MUST(s >= 0 && bound_to_lo(s));
	MUST(send(c, "x", 1, 0) == 1 && recv(s, &octet, 1, 0) == 1 && octet == 'x');
	return 0;
}

static void what_loopback_needs_works(void **state)
{
	(void)state;
	expect(begin(work_loopback), 0);
	/* It may be counted after the caller has it. */
	for (int i = 0; i < 10000 && cell.record->made < 2; i++)
		usleep(1000);
	assert_int_equal(cell.record->made, 2);
}

/* By the container's own address, too, to which its own names resolve. */
static int work_own_address(void)
{
	struct sockaddr_in a = at("0.0.0.0", 4711);
	int l = socket(AF_INET, SOCK_STREAM, 0), c = socket(AF_INET, SOCK_STREAM, 0);

	MUST(bind(l, (struct sockaddr *)&a, sizeof(a)) == 0 && listen(l, 5) == 0);
	MUST(reach(c, "172.30.9.2", 4711) == 0);
	MUST(reach(socket(AF_INET, SOCK_STREAM, 0), "127.64.3.2", 4711) == 0);
	return 0;
}

static void its_own_address_is_reached(void **state)
{
	(void)state;
	expect(begin(work_own_address), 0);
}

/* ---- Sockets that there aren't ------------------------------------------------------- */

static int work_others(void)
{
	MUST(refused(AF_INET, SOCK_DGRAM, 0, EACCES));
	MUST(refused(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, IPPROTO_UDP, EACCES));
	MUST(refused(AF_INET, SOCK_DGRAM, IPPROTO_ICMP, EACCES));
	MUST(refused(AF_INET, SOCK_RAW, IPPROTO_TCP, EACCES));
	MUST(refused(AF_INET, SOCK_SEQPACKET, IPPROTO_SCTP, EACCES));
	MUST(refused(AF_INET, SOCK_STREAM, IPPROTO_SCTP, EACCES));
	MUST(refused(AF_INET, SOCK_STREAM, MPTCP, EACCES));
	MUST(refused(AF_INET, SOCK_STREAM, IPPROTO_ICMP, EACCES));
	MUST(refused(AF_INET6, SOCK_STREAM, 0, EAFNOSUPPORT));
	MUST(refused(AF_INET6, SOCK_DGRAM, 0, EAFNOSUPPORT));
	MUST(refused(AF_PACKET, SOCK_DGRAM, 0, EPERM));
	MUST(refused(40 /* AF_VSOCK */, SOCK_STREAM, 0, EPERM));
	MUST(refused(43 /* AF_SMC */, SOCK_STREAM, 0, EPERM));
	MUST(refused(44 /* AF_XDP */, SOCK_RAW, 0, EPERM));
	MUST(refused(AF_NETLINK, SOCK_RAW, 12 /* netfilter */, EPERM));
	/* With bits that the kernel ignores. */
	errno = 0;
	MUST(syscall(SYS_socket, AF_INET6 | 1L << 32, SOCK_STREAM, 0) < 0 &&
		errno == EAFNOSUPPORT);
	MUST(syscall(SYS_socket, AF_INET, SOCK_DGRAM | 1L << 40, 0) < 0 && errno == EACCES);
	MUST(syscall(SYS_socket, AF_INET, SOCK_STREAM | 0x100, 0) < 0 && errno == EINVAL);
	MUST(bound_to_lo((int)syscall(
		SYS_socket, AF_INET | 1L << 40, SOCK_STREAM | 1L << 40, 6 | 1L << 32)));
	MUST(syscall(SYS_io_uring_setup, 4, NULL) < 0 && errno == EPERM);
	MUST(unshare(CLONE_NEWUSER | CLONE_NEWNET) < 0 && errno == EPERM);
	MUST(socket(AF_UNIX, SOCK_STREAM, 0) >= 0 && socket(AF_UNIX, SOCK_DGRAM, 0) >= 0);
	MUST(socket(AF_NETLINK, SOCK_RAW, 0) >= 0);
	return 0;
}

static void no_other_socket_is_had(void **state)
{
	(void)state;
	expect(begin(work_others), 0);
}

/* The worker checks requests itself, whatever the filter does. */
static void the_worker_judges_by_itself(void **state)
{
	int s;

	(void)state;
	assert_int_equal(cell_socket(AF_INET6, SOCK_STREAM, 0), -EAFNOSUPPORT);
	assert_int_equal(cell_socket(AF_UNIX, SOCK_STREAM, 0), -EAFNOSUPPORT);
	assert_int_equal(cell_socket(AF_INET, SOCK_DGRAM, 0), -EACCES);
	assert_int_equal(cell_socket(AF_INET, SOCK_RAW | SOCK_CLOEXEC, 6), -EACCES);
	assert_int_equal(cell_socket(AF_INET, SOCK_STREAM, MPTCP), -EPROTONOSUPPORT);
	assert_int_equal(cell_socket(AF_INET, SOCK_STREAM | 0x20, 0), -EINVAL);
	s = cell_socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK, 0);
	assert_true(s >= 0 && bound_to_lo(s));
	close(s);
}

/* ---- No way out by one --------------------------------------------------------------- */

static bool no_answer(int s)
{
	struct pollfd p = {.fd = s, .events = POLLOUT};
	int error = 0;
	socklen_t len = sizeof(error);

	return poll(&p, 1, 60) != 1 ||
	       (getsockopt(s, SOL_SOCKET, SO_ERROR, &error, &len) == 0 && error != 0);
}

static int orig_dst(void)
{
	return socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK, 0);
}

static int work_rebinding(void)
{
	static const int one = 1;
	const int index = (int)if_nametoindex("v0");
	const struct sockaddr nowhere = {.sa_family = AF_UNSPEC};
	struct sockaddr_in own = at("172.30.9.2", 0), other = at("198.51.100.7", 0);
	int s = orig_dst(), net = (int)htonl((uint32_t)index);

	MUST(setsockopt(s, SOL_SOCKET, SO_BINDTODEVICE, "v0", 3) < 0 && errno == EPERM);
	MUST(setsockopt(s, SOL_SOCKET, SO_BINDTODEVICE, "", 0) < 0 && errno == EPERM);
	MUST(setsockopt(s, SOL_SOCKET, SO_BINDTOIFINDEX, &index, sizeof(index)) < 0);
	MUST(setsockopt(s, SOL_SOCKET, SO_BINDTOIFINDEX, &(int){0}, sizeof(int)) < 0);
	setsockopt(s, IPPROTO_IP, IP_UNICAST_IF, &net, sizeof(net));
	setsockopt(s, SOL_SOCKET, SO_DONTROUTE, &one, sizeof(one));
	setsockopt(s, IPPROTO_IP, IP_PKTINFO, &one, sizeof(one));
	MUST(setsockopt(s, IPPROTO_IP, IP_FREEBIND, &one, sizeof(one)) < 0);
	MUST(bound_to_lo(s));
	reach(s, OUTSIDE, 443);
	MUST(no_answer(s));
	connect(s, &nowhere, sizeof(nowhere));
	MUST(bound_to_lo(s));
	reach(s, OUTSIDE, 443);
	MUST(no_answer(s));
	s = orig_dst();
	MUST(bind(s, (struct sockaddr *)&other, sizeof(other)) < 0);
	MUST(bind(s, (struct sockaddr *)&own, sizeof(own)) == 0);
	reach(s, OUTSIDE, 443);
	MUST(no_answer(s) && bound_to_lo(s));
	reach(s = orig_dst(), "172.30.9.1", 80);
	MUST(no_answer(s));
	return 0;
}

static int work_fast_open(void)
{
	static const int one = 1;
	const struct sockaddr_in to = at(OUTSIDE, 443);
	int s = orig_dst();

	setsockopt(s, IPPROTO_TCP, TCP_FASTOPEN_CONNECT, &one, sizeof(one));
	setsockopt(s, IPPROTO_TCP, 34 /* TCP_FASTOPEN_NO_COOKIE */, &one, sizeof(one));
	reach(s, OUTSIDE, 443);
	send(s, "secret", 6, MSG_NOSIGNAL);
	MUST(no_answer(s));
	s = orig_dst();
	setsockopt(s, IPPROTO_TCP, 34, &one, sizeof(one));
	sendto(s, "secret", 6, MSG_FASTOPEN | MSG_NOSIGNAL, (const void *)&to, sizeof(to));
	MUST(no_answer(s));
	return 0;
}

/* The control message that moves UDP sockets. */
static int work_packet_info(void)
{
	const struct in_pktinfo info = {.ipi_ifindex = (int)if_nametoindex("v0")};
	struct sockaddr_in to = at(OUTSIDE, 443);
	char bytes[CMSG_SPACE(sizeof(info))] = {0};
	struct iovec part = {(void *)(uintptr_t) "x", 1};
	struct msghdr m = {.msg_name = &to,
		.msg_namelen = sizeof(to),
		.msg_iov = &part,
		.msg_iovlen = 1,
		.msg_control = bytes,
		.msg_controllen = sizeof(bytes)};
	struct cmsghdr *c = CMSG_FIRSTHDR(&m);
	int s = orig_dst();

	c->cmsg_level = IPPROTO_IP;
	c->cmsg_type = IP_PKTINFO;
	c->cmsg_len = CMSG_LEN(sizeof(info));
	memcpy(CMSG_DATA(c), &info, sizeof(info));
	sendmsg(s, &m, MSG_NOSIGNAL | MSG_FASTOPEN);
	MUST(no_answer(s) && bound_to_lo(s));
	return 0;
}

/* The kernel announces a group, and whose packets are wanted, on the device that is named. */
static int work_groups(void)
{
	const struct sockaddr_in group = at("239.1.2.3", 0), wanted = at("9.9.9.9", 0);
	const unsigned index = if_nametoindex("v0");
	struct group_source_req g = {.gsr_interface = index};
	struct ip_mreqn m = {.imr_multiaddr = group.sin_addr, .imr_ifindex = (int)index};
	struct ip_mreq_source w = {.imr_multiaddr = group.sin_addr,
		.imr_interface = at("172.30.9.2", 0).sin_addr,
		.imr_sourceaddr = wanted.sin_addr};
	int s = orig_dst();

	memcpy(&g.gsr_group, &group, sizeof(group));
	memcpy(&g.gsr_source, &wanted, sizeof(wanted));
	MUST(setsockopt(s, IPPROTO_IP, MCAST_JOIN_SOURCE_GROUP, &g, sizeof(g)) < 0);
	/* It begins like the other. */
	MUST(setsockopt(s, IPPROTO_IP, MCAST_JOIN_GROUP, &g, sizeof(struct group_req)) < 0);
	MUST(setsockopt(s, IPPROTO_IP, IP_ADD_MEMBERSHIP, &m, sizeof(m)) < 0);
	MUST(setsockopt(s, IPPROTO_IP, IP_ADD_SOURCE_MEMBERSHIP, &w, sizeof(w)) < 0);
	return 0;
}

static void nothing_leaves(void **state)
{
	const unsigned long before = left();

	(void)state;
	expect(begin(work_rebinding), 0);
	expect(begin(work_fast_open), 0);
	expect(begin(work_packet_info), 0);
	expect(begin(work_groups), 0);
	assert_int_equal(left(), before);
}

/* The same attempt with what the payload doesn't get: this shows that the check works, and
 * why IPv6 is refused. */
static void an_ipv6_socket_would_leave(void **state)
{
	const unsigned long before = left();
	struct sockaddr_in6 to = {.sin6_family = AF_INET6, .sin6_port = htons(443)};
	struct sockaddr_in6 from = {
		.sin6_family = AF_INET6, .sin6_scope_id = if_nametoindex("v0")};
	int s = socket(AF_INET6, SOCK_STREAM | SOCK_NONBLOCK, 0);

	(void)state;
	assert_int_equal(setsockopt(s, SOL_SOCKET, SO_BINDTODEVICE, "lo", 3), 0);
	inet_pton(AF_INET6, "fe80::dead", &from.sin6_addr);
	inet_pton(AF_INET6, "::ffff:" OUTSIDE, &to.sin6_addr);
	/* Without the right to unbind it. */
	assert_int_equal(syscall(SYS_setresuid, -1, 1000, -1), 0);
	assert_int_equal(setsockopt(s, SOL_SOCKET, SO_BINDTODEVICE, "v0", 3), -1);
	assert_int_equal(bind(s, (struct sockaddr *)&from, sizeof(from)), -1);
	connect(s, (struct sockaddr *)&to, sizeof(to));
	assert_int_equal(syscall(SYS_setresuid, -1, 0, -1), 0);
	no_answer(s);
	close(s);
	assert_true(left() > before);
}

/* ---- The worker's end ---------------------------------------------------------------- */

static void wait_until(volatile long *what, long value)
{
	for (int i = 0; i < 30000 && *what < value; i++)
		usleep(1000);
	assert_true(*what >= value);
}

/* Creates sockets until it is stopped, and counts how each call ended. */
static int work_on(void)
{
	while (!shared[0]) {
		int s = socket(AF_INET, SOCK_STREAM, 0);

		/* The kernel's error if the worker dies or is stopped while passing one. */
		if (s == 0) {
			shared[2]++;
			continue;
		}
		if (s > 0 && !bound_to_lo(s))
			return 1;
		shared[s > 0 ? 1 : errno == ENOSYS ? 3 : 2]++;
		if (s > 0)
			close(s);
	}
	return 0;
}

static void one_that_is_killed_is_followed_by_another(void **state)
{
	pid_t pid = begin(work_on);

	(void)state;
	for (int i = 0; i < 50; i++) {
		wait_until(&shared[1], shared[1] + 3);
		end_worker();
		usleep(2000);
		start();
	}
	wait_until(&shared[1], shared[1] + 3);
	shared[0] = 1;
	expect(pid, 0);
	/* Calls that a dying worker had begun were refused; none failed otherwise. */
	assert_true(shared[2] <= 50);
	assert_int_equal(shared[3], 0);
}

static void one_that_is_stopped_answers_when_continued(void **state)
{
	pid_t pid = begin(work_on);
	long before;

	(void)state;
	wait_until(&shared[1], 3);
	kill(worker, SIGSTOP);
	/* What it has answered is counted a little later. */
	for (int i = 0; i < 100; i++) {
		before = shared[1];
		usleep(50000);
		if (shared[1] == before)
			break;
	}
	assert_int_equal(shared[1], before);
	kill(worker, SIGCONT);
	wait_until(&shared[1], before + 3);
	shared[0] = 1;
	expect(pid, 0);
	/* The kernel gives up a descriptor that is being passed when the signal comes, and the
	 * call returns 0: one at the most, since the worker answers one call after the other.
	 */
	assert_in_range(shared[2], 0, 1);
	assert_int_equal(shared[3], 0);
}

static void when_it_stays_down_there_are_no_sockets(void **state)
{
	pid_t pid = begin(work_on);

	(void)state;
	wait_until(&shared[1], 3);
	end_worker();
	usleep(20000);
	cell_shut(&cell);
	wait_until(&shared[3], 100);
	shared[0] = 1;
	expect(pid, 0);
}

/* ---- Many at a time ------------------------------------------------------------------ */

#define THREADS 8
#define ROUNDS  400

static void *open_and_close(void *unused)
{
	(void)unused;
	for (int i = 0; i < ROUNDS; i++) {
		int s = socket(AF_INET, SOCK_STREAM | (i % 2 ? SOCK_CLOEXEC : 0), 0);

		if (s >= 0 && !bound_to_lo(s) && errno != EBADF && errno != ENOTSOCK)
			return (void *)1;
		close(s);
	}
	return NULL;
}

/* Other threads close and reuse the same numbers meanwhile. */
static void *meddle(void *unused)
{
	(void)unused;
	while (!shared[0]) {
		for (int fd = 3; fd < 12; fd++)
			dup2(0, fd);
		for (int fd = 3; fd < 12; fd++)
			close(fd);
	}
	return NULL;
}

static int work_threads(void)
{
	pthread_t many[THREADS], other;
	void *wrong;
	bool fine = true;

	pthread_create(&other, NULL, meddle, NULL);
	for (int i = 0; i < THREADS; i++)
		pthread_create(&many[i], NULL, open_and_close, NULL);
	for (int i = 0; i < THREADS; i++) {
		pthread_join(many[i], &wrong);
		fine &= !wrong;
	}
	shared[0] = 1;
	pthread_join(other, NULL);
	return fine ? 0 : 1;
}

static void threads_that_race(void **state)
{
	const unsigned long before = left();

	(void)state;
	expect(begin(work_threads), 0);
	assert_int_equal(left(), before);
}

static int work_out_of_descriptors(void)
{
	int s;

	while ((s = socket(AF_INET, SOCK_STREAM, 0)) >= 0)
		;
	MUST(errno == EMFILE);
	close(5);
	MUST(socket(AF_INET, SOCK_STREAM, 0) == 5);
	return 0;
}

static void who_has_no_descriptors_left_is_reported(void **state)
{
	(void)state;
	expect(begin(work_out_of_descriptors), 0);
}

/* ---- Other processes' limits --------------------------------------------------------- */

/* As PID 1 may be one of this uid. */
static int work_limits(void)
{
	struct rlimit l, less = {.rlim_cur = 100, .rlim_max = 100};

	MUST(prlimit(0, RLIMIT_NOFILE, NULL, &l) == 0 && l.rlim_max >= less.rlim_max);
	MUST(setrlimit(RLIMIT_NOFILE, &less) == 0);
	MUST(prlimit(getpid(), RLIMIT_NOFILE, NULL, &l) == 0 && l.rlim_max == 100);
	/* By its number it is like any other. */
	MUST(prlimit(getpid(), RLIMIT_NOFILE, &less, NULL) < 0 && errno == EPERM);
	MUST(prlimit(-1, RLIMIT_NOFILE, &less, &l) < 0 && errno == EPERM);
	return 0;
}

static void the_payload_sets_its_own_limits_alone(void **state)
{
	(void)state;
	expect(begin(work_limits), 0);
}

/* ---- Listeners ----------------------------------------------------------------------- */

static int work_second_listener(void)
{
	struct failure f = {0};

	MUST(filters_listen(FILTER_CELL_PAYLOAD, &f) < 0);
	MUST(bound_to_lo(socket(AF_INET, SOCK_STREAM, 0)));
	return 0;
}

static void the_payload_gets_no_listener_of_its_own(void **state)
{
	(void)state;
	expect(begin(work_second_listener), 0);
}

/* The kernel then has nothing against another, whose answer would be the one that counts. */
static int work_listener_of_its_own(void)
{
	struct failure f = {0};

	while (errno != ENOSYS) {
		int s = socket(AF_INET, SOCK_STREAM, 0);

		if (s >= 0) {
			errno = 0;
			shared[1]++;
			close(s);
		}
	}
	MUST(filters_listen(FILTER_CELL_PAYLOAD, &f) < 0);
	MUST(refused(AF_INET, SOCK_STREAM, 0, ENOSYS));
	/* Filters without one are the payload's business. */
	MUST(filters_install(FILTER_CELL_PAYLOAD, &f) == 0);
	return 0;
}

static void nor_when_the_worker_stays_down(void **state)
{
	pid_t pid = begin(work_listener_of_its_own);

	(void)state;
	wait_until(&shared[1], 3);
	end_worker();
	cell_shut(&cell);
	expect(pid, 0);
}

static void ended_programs_make_room(void **state)
{
	(void)state;
	for (int i = 0; i < 3 * LIMIT_CELL_LISTENERS; i++)
		expect(begin(work_second_listener), 0);
}

static void no_more_programs_than_there_is_room_for(void **state)
{
	struct failure f = {0};
	pid_t pids[LIMIT_CELL_LISTENERS];

	(void)state;
	for (int i = 0; i < LIMIT_CELL_LISTENERS; i++)
		pids[i] = begin(work_on);
	wait_until(&shared[1], 100);
	assert_int_equal(cell_add(&cell, channel, dup(0), &f), -1);
	assert_true(f.reason[0]);
	shared[0] = 1;
	for (int i = 0; i < LIMIT_CELL_LISTENERS; i++)
		expect(pids[i], 0);
}

#define IN_CELL(test) cmocka_unit_test_setup_teardown(test, set_up, tear_down)

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup(the_worker_judges_by_itself, judge),
		IN_CELL(what_loopback_needs_works),
		IN_CELL(its_own_address_is_reached),
		IN_CELL(no_other_socket_is_had),
		IN_CELL(nothing_leaves),
		cmocka_unit_test(an_ipv6_socket_would_leave),
		IN_CELL(one_that_is_killed_is_followed_by_another),
		IN_CELL(one_that_is_stopped_answers_when_continued),
		IN_CELL(when_it_stays_down_there_are_no_sockets),
		IN_CELL(threads_that_race),
		IN_CELL(who_has_no_descriptors_left_is_reported),
		IN_CELL(the_payload_sets_its_own_limits_alone),
		IN_CELL(the_payload_gets_no_listener_of_its_own),
		IN_CELL(nor_when_the_worker_stays_down),
		IN_CELL(ended_programs_make_room),
		IN_CELL(no_more_programs_than_there_is_room_for),
	};

	return cmocka_run_group_tests(tests, make_namespace, NULL);
}
