#include "probe.h"

#include <errno.h>
#include <fcntl.h>
#include <net/if.h>
#include <netinet/in.h>
#include <poll.h>
#include <sched.h>
#include <signal.h>
#include <stdbool.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include "../lib/descriptor.h"
#include "../lib/privileges.h"
#include "../lib/sockaddr.h"

/* For a fork and forty system calls; a machine that swaps may take seconds. */
#define PROBE_MS 5000
/* What connects at once is on this machine. */
#define CONNECT_MS 5
/* <sys/syscall.h>, <netinet/in.h> and <sys/socket.h> may be older. */
#define CALL_IO_URING_SETUP 425
#define PROTOCOL_MPTCP      262
#define FAMILY_VSOCK        40
#define DISCARD             9 /* RFC 863 */

/* The child's report: the first attempt with the wrong result, or PROBE_DONE. */
struct probe_outcome {
	int32_t attempt;
};
#define PROBE_DONE (-1)

static bool has_socket(int family, int type, int protocol)
{
	int fd = socket(family, type, protocol);

	if (fd >= 0)
		close(fd);
	return fd >= 0;
}

static bool udp(uint16_t gate)
{
	(void)gate;
	return has_socket(AF_INET, SOCK_DGRAM, 0);
}

static bool ipv6(uint16_t gate)
{
	(void)gate;
	return has_socket(AF_INET6, SOCK_STREAM, 0) || has_socket(AF_INET6, SOCK_DGRAM, 0);
}

static bool raw(uint16_t gate)
{
	(void)gate;
	return has_socket(AF_INET, SOCK_RAW, IPPROTO_TCP) ||
	       has_socket(AF_INET, SOCK_DGRAM, IPPROTO_ICMP) ||
	       has_socket(AF_PACKET, SOCK_DGRAM, 0);
}

static bool other(uint16_t gate)
{
	(void)gate;
	return has_socket(AF_INET, SOCK_STREAM, PROTOCOL_MPTCP) ||
	       has_socket(AF_INET, SOCK_STREAM, IPPROTO_SCTP) ||
	       has_socket(FAMILY_VSOCK, SOCK_STREAM, 0) || has_socket(AF_NETLINK, SOCK_RAW, 12);
}

static bool rings(uint16_t gate)
{
	(void)gate;
	errno = 0;
	return syscall(CALL_IO_URING_SETUP, 1, NULL) >= 0 || errno == EFAULT;
}

static bool network_namespace(uint16_t gate)
{
	(void)gate;
	return unshare(CLONE_NEWUSER | CLONE_NEWNET) == 0;
}

static bool listener(uint16_t gate)
{
	struct failure f;

	(void)gate;
	return filters_listen(FILTER_CELL_PAYLOAD, &f) >= 0;
}

/* If ids are shared, it is protected only by not being dumpable. */
static bool memory(uint16_t gate)
{
	char path[32];
	int fd;

	(void)gate;
	snprintf(path, sizeof(path), "/proc/%d/mem", (int)getppid());
	fd = open(path, O_RDWR | O_CLOEXEC);
	if (fd >= 0)
		close(fd);
	return fd >= 0;
}

static bool on_lo(int s)
{
	char device[IFNAMSIZ] = "";
	socklen_t len = sizeof(device);

	return getsockopt(s, SOL_SOCKET, SO_BINDTODEVICE, device, &len) == 0 &&
	       strcmp(device, "lo") == 0;
}

/* Every device other than lo, and none. */
static bool rebind(uint16_t gate)
{
	const struct sockaddr nowhere = {.sa_family = AF_UNSPEC};
	int s = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
	bool moved = s < 0 || !on_lo(s);

	(void)gate;
	for (int i = 0; i < 64 && !moved; i++)
		if (i != 1) /* LOOPBACK_IFINDEX */
			moved = setsockopt(s, SOL_SOCKET, SO_BINDTOIFINDEX, &i, sizeof(i)) == 0;
	moved |= setsockopt(s, SOL_SOCKET, SO_BINDTODEVICE, "", 0) == 0;
	connect(s, &nowhere, sizeof(nowhere));
	moved |= !on_lo(s);
	if (s >= 0)
		close(s);
	return moved;
}

static int begin(const char *address, uint16_t port)
{
	const int s = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
	union sockaddr_any to;
	struct address a;

	if (s >= 0 && address_parse(address, strlen(address), &a))
		connect(s, &to.any, sockaddr_make(&a, port, &to));
	return s;
}

static bool stands(int s, int milliseconds)
{
	struct pollfd p = {.fd = s, .events = POLLOUT};
	int error = 0;
	socklen_t len = sizeof(error);

	return s >= 0 && poll(&p, 1, milliseconds) == 1 &&
	       getsockopt(s, SOL_SOCKET, SO_ERROR, &error, &len) == 0 && error == 0;
}

static bool connection(uint16_t gate)
{
	/* A documentation address, and the clouds' metadata service. */
	const int s[] = {begin("198.51.100.1", DISCARD), begin("169.254.169.254", 80)};
	bool reached = stands(s[0], CONNECT_MS) || stands(s[1], 0);

	(void)gate;
	close(s[0]);
	close(s[1]);
	return reached;
}

static bool no_gate(uint16_t gate)
{
	int s = begin("127.0.0.1", gate);
	bool reached = stands(s, PROBE_MS / 2);

	if (s >= 0)
		close(s);
	return !reached;
}

/* Each returns true if the result was wrong. */
static const struct {
	const char *what, *why;
	bool (*wrong)(uint16_t gate);
} attempts[] = {
	{"a UDP socket", "it was granted", udp},
	{"an IPv6 socket", "it was granted", ipv6},
	{"a raw socket", "it was granted", raw},
	{"a socket of another protocol", "it was granted", other},
	{"io_uring", "it was granted", rings},
	{"a network namespace", "it was granted", network_namespace},
	{"a listener of its own", "it was granted", listener},
	{"codex-init's memory", "it could be opened", memory},
	{"the device of a socket", "it could be changed", rebind},
	{"a public address", "it was let through", connection},
	{"the gate", "it was not reached", no_gate},
};
#define ATTEMPTS ((int32_t)(sizeof(attempts) / sizeof(attempts[0])))

static _Noreturn void run_child(int talk, uid_t uid, gid_t gid, uint16_t gate)
{
	struct probe_outcome out = {PROBE_DONE};
	struct failure f;
	int held;

	if (privileges_drop(uid, gid, &f) < 0 ||
		(held = filters_listen(FILTER_CELL_PAYLOAD, &f)) < 0 ||
		descriptor_send(talk, &out, sizeof(out), held) < 0) {
		send(talk, &f, sizeof(f), MSG_NOSIGNAL);
		_exit(1);
	}
	close(held);
	for (int32_t i = 0; i < ATTEMPTS && out.attempt < 0; i++)
		if (attempts[i].wrong(gate))
			out.attempt = i;
	send(talk, &out, sizeof(out), MSG_NOSIGNAL);
	_exit(0);
}

/* The child's two messages: one with its listener, one at its end. */
static int judge(struct cell *c, int channel, int talk, struct failure *f)
{
	static const char operation[] = "try the cell";
	struct pollfd p = {.fd = talk, .events = POLLIN};
	union {
		struct probe_outcome out;
		struct failure f;
	} message = {.out = {PROBE_DONE}};
	int listener;
	ssize_t n = descriptor_receive(talk, &message, sizeof(message), 0, &listener);

	if (n == sizeof(message.f) && listener < 0) {
		*f = message.f;
		return -1;
	}
	if (n != sizeof(message.out) || listener < 0)
		return fail(f, operation, "", "the probe process has ended");
	if (cell_add(c, channel, listener, f) < 0)
		return -1;
	if (poll(&p, 1, PROBE_MS) != 1 ||
		recv(talk, &message.out, sizeof(message.out), 0) != sizeof(message.out))
		return fail(f, operation, "", "the probe process did not end");
	if (message.out.attempt == PROBE_DONE)
		return 0;
	if (message.out.attempt < 0 || message.out.attempt >= ATTEMPTS)
		return fail(f, operation, "", "its report is malformed");
	return fail(f, operation, attempts[message.out.attempt].what, "%s",
		attempts[message.out.attempt].why);
}

int cell_probe(
	struct cell *c, int channel, uid_t uid, gid_t gid, uint16_t gate, struct failure *f)
{
	int talk[2], done;
	pid_t pid;

	if (socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, talk) < 0)
		return fail_errno(f, "try the cell", "");
	pid = fork();
	if (pid == 0) {
		close(talk[0]);
		run_child(talk[1], uid, gid, gate);
	}
	close(talk[1]);
	done = pid < 0 ? fail_errno(f, "try the cell", "") : judge(c, channel, talk[0], f);
	close(talk[0]);
	if (pid > 0) {
		kill(pid, SIGKILL);
		waitpid(pid, NULL, 0);
	}
	return done;
}
