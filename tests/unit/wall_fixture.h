/*
 * A world for the wall's tests: this process sits in a network namespace of its own ("inside",
 * the container's part), joined by a veth to another one ("outside") where every address there
 * is answers as local. Neither has a way to anywhere else.
 *
 *	inside  172.30.0.2/24, 2001:db8:9::2/64 on d-in     outside  .1 and ::1 on d-out
 *
 * What reached the outside is read from a packet socket there: that, not an error code, says
 * whether something got out.
 */
#ifndef TESTS_UNIT_WALL_FIXTURE_H
#define TESTS_UNIT_WALL_FIXTURE_H

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <grp.h>
#include <linux/if_ether.h>
#include <net/if.h>
#include <netpacket/packet.h>
#include <poll.h>
#include <sched.h>
#include <signal.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "../../init/nft/wall.h"

#define PAYLOAD  1000
#define RESOLVER UID_RESOLVER
#define OUR_PORT 5300
/* An answer comes at once, which on a busy machine may take long. */
#define ATTEMPT_MS 3000
/* <linux/in6.h>: an address that isn't ours; it needs no privilege. */
#define IPV6_FREEBIND_ 78
#define NO_ANSWER      9999 /* result of an attempt if nothing came in time */

static int attempt_ms = ATTEMPT_MS;     /* how long attempts wait for an answer */
static pid_t world_holder;              /* a child that keeps the outside alive */
static int world_inside, world_outside; /* the namespaces */
static int world_capture;               /* packet socket outside */

__attribute__((format(printf, 1, 2))) static void run(const char *format, ...)
{
	char command[4096];
	va_list ap;

	va_start(ap, format);
	vsnprintf(command, sizeof(command), format, ap);
	va_end(ap);
	if (system(command) != 0)
		fail_msg("%s", command);
}

/* What every test of the wall builds, and its end. */
static __attribute__((unused)) struct wall *wall;
static __attribute__((unused)) struct policy policy;
static __attribute__((unused)) struct wall_config config;

static __attribute__((unused)) void wall_config_new(void)
{
	policy_init(&policy);
	memset(&config, 0, sizeof(config));
	config.policy = &policy;
	config.resolver_uid = RESOLVER;
	config.resolver_port = OUR_PORT;
}

static __attribute__((unused)) int wall_end(void)
{
	wall_close(wall);
	policy_free(&policy);
	run("nft flush ruleset");
	return 0;
}

static void enter(int ns)
{
	assert_int_equal(setns(ns, CLONE_NEWNET), 0);
}

/* A socket that listens outside (tcp) or inside, on every address; connects complete by
 * themselves, nobody needs to accept. */
static int listener(int family, int type, uint16_t port)
{
	struct sockaddr_in6 v6 = {.sin6_family = AF_INET6, .sin6_port = htons(port)};
	struct sockaddr_in v4 = {.sin_family = AF_INET, .sin_port = htons(port)};
	int s = socket(family, type | SOCK_CLOEXEC, 0), on = 1;

	assert_true(s >= 0);
	setsockopt(s, SOL_SOCKET, SO_REUSEADDR, &on, sizeof(on));
	if (family == AF_INET6)
		setsockopt(s, IPPROTO_IPV6, IPV6_V6ONLY, &on, sizeof(on));
	assert_int_equal(bind(s, family == AF_INET ? (void *)&v4 : (void *)&v6,
				 family == AF_INET ? sizeof(v4) : sizeof(v6)),
		0);
	if (type == SOCK_STREAM)
		assert_int_equal(listen(s, 64), 0);
	return s;
}

static socklen_t to_sockaddr(const char *text, uint16_t port, struct sockaddr_storage *out)
{
	struct sockaddr_in *v4 = (void *)out;
	struct sockaddr_in6 *v6 = (void *)out;

	memset(out, 0, sizeof(*out));
	if (inet_pton(AF_INET, text, &v4->sin_addr) == 1) {
		v4->sin_family = AF_INET;
		v4->sin_port = htons(port);
		return sizeof(*v4);
	}
	assert_int_equal(inet_pton(AF_INET6, text, &v6->sin6_addr), 1);
	v6->sin6_family = AF_INET6;
	v6->sin6_port = htons(port);
	return sizeof(*v6);
}

/* Reads what was captured; returns true if there was a frame to that address, or from it (in
 * the IP header). NULL empties the capture. */
static bool captured(const char *address, bool as_source)
{
	struct sockaddr_storage a = {0};
	unsigned char frame[2048];
	bool found = false;
	ssize_t len;

	if (address)
		to_sockaddr(address, 0, &a);
	while ((len = recv(world_capture, frame, sizeof(frame), 0)) > 0) {
		uint16_t type = (uint16_t)(frame[12] << 8 | frame[13]);

		if (!address)
			continue;
		if (type == ETH_P_IP && a.ss_family == AF_INET && len >= 34)
			found |= memcmp(frame + (as_source ? 26 : 30),
					 &((struct sockaddr_in *)&a)->sin_addr, 4) == 0;
		if (type == ETH_P_IPV6 && a.ss_family == AF_INET6 && len >= 54)
			found |= memcmp(frame + (as_source ? 22 : 38),
					 &((struct sockaddr_in6 *)&a)->sin6_addr, 16) == 0;
	}
	return found;
}

static bool reached(const char *to)
{
	return captured(to, false);
}

struct attempt {
	uid_t uid;
	int type;           /* SOCK_STREAM or SOCK_DGRAM */
	uint16_t from;      /* source port; 0: any */
	const char *source; /* source address, ours or not; NULL: the kernel's choice */
	const char *device; /* SO_BINDTODEVICE, which needs no privilege; or NULL */
	int protocol;       /* IPPROTO_*; 0: the type's own */
};

/*
 * In a child with that uid: connects (tcp), or sends a datagram. Returns 0, an errno, or
 * NO_ANSWER. The child creates the socket after changing its uid, since the wall goes by its
 * owner.
 */
static int attempt_child(const struct attempt *t, const char *to, uint16_t port)
{
	struct sockaddr_storage a, from;
	socklen_t len = to_sockaddr(to, port, &a);
	int s, error = 0, on = 1;
	socklen_t error_len = sizeof(error);
	struct pollfd p;

	if (setgroups(0, NULL) < 0 || setresgid(t->uid, t->uid, t->uid) < 0 ||
		setresuid(t->uid, t->uid, t->uid) < 0)
		return 8888;
	s = socket(a.ss_family, t->type | SOCK_NONBLOCK, t->protocol);
	if (t->device && setsockopt(s, SOL_SOCKET, SO_BINDTODEVICE, t->device,
				 (socklen_t)strlen(t->device)) < 0)
		return errno;
	if (t->from || t->source) {
		if (t->type == SOCK_STREAM)
			setsockopt(s, SOL_SOCKET, SO_REUSEADDR, &on, sizeof(on));
		to_sockaddr(t->source                ? t->source
			    : a.ss_family == AF_INET ? "0.0.0.0"
						     : "::",
			t->from, &from);
		if (a.ss_family == AF_INET6)
			setsockopt(s, IPPROTO_IPV6, IPV6_FREEBIND_, &on, sizeof(on));
		if (bind(s, (void *)&from, len) < 0)
			return errno;
	}
	if (t->type == SOCK_DGRAM)
		return sendto(s, "secret", 6, 0, (void *)&a, len) == 6 ? 0 : errno;
	if (connect(s, (void *)&a, len) == 0)
		return 0;
	if (errno != EINPROGRESS)
		return errno;
	p = (struct pollfd){.fd = s, .events = POLLOUT};
	if (poll(&p, 1, attempt_ms) != 1)
		return NO_ANSWER;
	getsockopt(s, SOL_SOCKET, SO_ERROR, &error, &error_len);
	return error;
}

static int attempt(const struct attempt *t, const char *to, uint16_t port)
{
	int pipes[2], result = 7777;
	pid_t pid;

	assert_int_equal(pipe(pipes), 0);
	pid = fork();
	if (pid == 0) {
		result = attempt_child(t, to, port);
		_exit(write(pipes[1], &result, sizeof(result)) != sizeof(result));
	}
	close(pipes[1]);
	assert_int_equal(read(pipes[0], &result, sizeof(result)), sizeof(result));
	close(pipes[0]);
	waitpid(pid, NULL, 0);
	return result;
}

static int tcp(uid_t uid, const char *to, uint16_t port)
{
	struct attempt t = {.uid = uid, .type = SOCK_STREAM};

	return attempt(&t, to, port);
}

__attribute__((unused)) static int udp(uid_t uid, const char *to, uint16_t port)
{
	struct attempt t = {.uid = uid, .type = SOCK_DGRAM};

	return attempt(&t, to, port);
}

static const uint16_t world_ports[] = {22, 25, 53, 80, 443, 5432, 8443};

static int world_up(void **state)
{
	struct sockaddr_ll any = {.sll_family = AF_PACKET, .sll_protocol = htons(ETH_P_ALL)};

	(void)state;
	signal(SIGPIPE, SIG_IGN);
	assert_int_equal(unshare(CLONE_NEWNET), 0);
	world_outside = open("/proc/self/ns/net", O_RDONLY | O_CLOEXEC);
	world_holder = fork();
	if (world_holder == 0) {
		for (;;)
			pause();
	}
	run("ip link set lo up");
	assert_int_equal(unshare(CLONE_NEWNET), 0);
	world_inside = open("/proc/self/ns/net", O_RDONLY | O_CLOEXEC);
	run("ip link set lo up && ip link add d-in type veth peer name d-out netns %d &&"
	    "ip addr add 172.30.0.2/24 dev d-in && ip addr add 2001:db8:9::2/64 dev d-in nodad "
	    "&&"
	    "ip link set d-in up && echo '0 65535' >/proc/sys/net/ipv4/ping_group_range",
		world_holder);
	enter(world_outside);
	run("ip addr add 172.30.0.1/24 dev d-out && ip addr add 2001:db8:9::1/64 dev d-out "
	    "nodad &&"
	    "ip link set d-out up && ip route add local 0.0.0.0/0 dev lo &&"
	    "ip -6 route add local ::/0 dev lo table main");
	world_capture = socket(AF_PACKET, SOCK_RAW | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
	assert_true(world_capture >= 0);
	any.sll_ifindex = (int)if_nametoindex("d-out");
	assert_int_equal(bind(world_capture, (struct sockaddr *)&any, sizeof(any)), 0);
	for (size_t i = 0; i < sizeof(world_ports) / sizeof(world_ports[0]); i++) {
		listener(AF_INET, SOCK_STREAM, world_ports[i]);
		listener(AF_INET6, SOCK_STREAM, world_ports[i]);
		listener(AF_INET, SOCK_DGRAM, world_ports[i]);
		listener(AF_INET6, SOCK_DGRAM, world_ports[i]);
	}
	enter(world_inside);
	run("ip route add default via 172.30.0.1 && ip -6 route add default via 2001:db8:9::1");
	/* Duplicate address detection takes a second or two (RFC 4862). */
	for (int i = 0; i < 50 && tcp(PAYLOAD, "2600::1", 443) != 0; i++)
		usleep(100 * 1000);
	return 0;
}

static int world_down(void **state)
{
	(void)state;
	kill(world_holder, SIGKILL);
	waitpid(world_holder, NULL, 0);
	return 0;
}

/* A call that takes a failure named f, and must succeed. */
#define assert_ok(call)                                                                        \
	do {                                                                                   \
		struct failure why_ = {0}, *f = &why_;                                         \
		if ((call) < 0)                                                                \
			fail_msg("%s: %s: %s", f->operation, f->subject, f->reason);           \
	} while (0)

static struct address addr(const char *text)
{
	struct address a;

	assert_true(address_parse(text, strlen(text), &a));
	return a;
}

__attribute__((unused)) static void rule_add(
	struct policy *p, const char *text, enum rule_effect effect)
{
	struct rule_error e;

	if (policy_add(p, text, effect, ORIGIN_OPTION, NULL, NULL, &e) < 0)
		fail_msg("%s: %s", text, e.reason);
}

#endif
