/*
 * Tries, as the payload will be able to, what the wall must refuse. Reading the rules back
 * proves that they are there; this proves that they are in the way.
 */
#include "wall.h"

#include <errno.h>
#include <fcntl.h>
#include <grp.h>
#include <netinet/in.h>
#include <poll.h>
#include <stdio.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <time.h>
#include <signal.h>
#include <unistd.h>

/* The wall answers from inside the kernel; what takes longer has left the machine. */
#define PROBE_MS 200
/* Discard, RFC 863: an open door where something listens would be one byte wide. */
#define PROBE_PORT 9
#define HTTP_PORT  80

struct target {
	const char *what;
	struct address address;
	uint16_t port;
};

/* What the child reports, through its exit status, when it could not even try. */
enum { PROBE_FINE, PROBE_LET_THROUGH, PROBE_HANGS, PROBE_NO_CHILD };

struct outcome {
	uint32_t result;
	uint32_t target;   /* index */
	uint32_t protocol; /* SOCK_STREAM or SOCK_DGRAM */
};

static const struct address documentation4 = {4, {198, 51, 100, 1}};
static const struct address documentation6 = {6, {0x20, 0x01, 0x0d, 0xb8, [15] = 1}};
static const struct address metadata4 = {4, {169, 254, 169, 254}};

static socklen_t socket_address(struct sockaddr_storage *out, const struct target *t)
{
	struct sockaddr_in *v4 = (void *)out;
	struct sockaddr_in6 *v6 = (void *)out;

	memset(out, 0, sizeof(*out));
	if (t->address.family == 4) {
		v4->sin_family = AF_INET;
		v4->sin_port = htons(t->port);
		memcpy(&v4->sin_addr, t->address.bytes, 4);
		return sizeof(*v4);
	}
	v6->sin6_family = AF_INET6;
	v6->sin6_port = htons(t->port);
	memcpy(&v6->sin6_addr, t->address.bytes, 16);
	return sizeof(*v6);
}

/* The error that a socket ended in: 0 none, or ETIMEDOUT when nothing was heard of it. */
static int wait_for_error(int s, short events)
{
	struct pollfd p = {.fd = s, .events = events};
	socklen_t len = sizeof(int);
	int error = 0;

	if (poll(&p, 1, PROBE_MS) != 1)
		return ETIMEDOUT;
	if (getsockopt(s, SOL_SOCKET, SO_ERROR, &error, &len) < 0)
		return errno;
	return error;
}

static uint32_t judge(int error)
{
	return error == 0 ? PROBE_LET_THROUGH : error == ETIMEDOUT ? PROBE_HANGS : PROBE_FINE;
}

/* A kernel without IPv6, or with no way to it, refuses as well as the wall. */
static uint32_t try_target(const struct target *t, int type)
{
	struct sockaddr_storage to;
	socklen_t len = socket_address(&to, t);
	int s = socket(to.ss_family, type | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
	uint32_t result;

	if (s < 0)
		return PROBE_FINE;
	if (connect(s, (struct sockaddr *)&to, len) < 0)
		result =
			errno == EINPROGRESS ? judge(wait_for_error(s, POLLOUT)) : judge(errno);
	else if (type == SOCK_STREAM)
		result = PROBE_LET_THROUGH;
	else /* a datagram that the wall refuses fails in send() itself */
		result = send(s, "", 1, MSG_NOSIGNAL) < 0 ? PROBE_FINE : PROBE_LET_THROUGH;
	close(s);
	return result;
}

static void try_all(const struct target *targets, size_t count, struct outcome *out)
{
	static const int types[] = {SOCK_STREAM, SOCK_DGRAM};

	for (size_t i = 0; i < count; i++)
		for (size_t j = 0; j < sizeof(types) / sizeof(types[0]); j++) {
			out->result = try_target(&targets[i], types[j]);
			out->target = (uint32_t)i;
			out->protocol = (uint32_t)types[j];
			if (out->result != PROBE_FINE)
				return;
		}
}

/* In the child: nobody, for good, and on its own in time too. */
static void run_child(int report, const struct target *targets, size_t count)
{
	struct outcome out = {.result = PROBE_NO_CHILD};

	if (setgroups(0, NULL) == 0 && setresgid(UID_PROBE, UID_PROBE, UID_PROBE) == 0 &&
		setresuid(UID_PROBE, UID_PROBE, UID_PROBE) == 0 && setuid(0) < 0)
		try_all(targets, count, &out);
	if (write(report, &out, sizeof(out)) != (ssize_t)sizeof(out))
		_exit(1);
	_exit(0);
}

static int run(const struct target *targets, size_t count, struct outcome *out)
{
	int pipes[2], status = 0;
	ssize_t got;
	pid_t pid;

	if (pipe2(pipes, O_CLOEXEC) < 0)
		return -1;
	pid = fork();
	if (pid == 0)
		run_child(pipes[1], targets, count);
	close(pipes[1]);
	if (pid < 0) {
		close(pipes[0]);
		return -1;
	}
	do
		got = read(pipes[0], out, sizeof(*out));
	while (got < 0 && errno == EINTR);
	close(pipes[0]);
	while (waitpid(pid, &status, 0) < 0)
		if (errno != EINTR)
			break; /* ECHILD: SIGCHLD is ignored, or somebody reaps it for us */
	if (got != (ssize_t)sizeof(*out))
		out->result = PROBE_NO_CHILD;
	return 0;
}

static size_t choose_targets(const struct wall_config *c, struct target out[])
{
	size_t n = 0;

	out[n++] = (struct target){"a public address", documentation4, PROBE_PORT};
	out[n++] = (struct target){"a public address", documentation6, PROBE_PORT};
	out[n++] = (struct target){"the metadata address", metadata4, HTTP_PORT};
	/* A +private rule may be about the gateway: the host's own services. */
	for (size_t i = 0; i < c->gateways_count; i++)
		if (!policy_check_address(c->policy, &c->gateways[i], PROBE_PORT).allowed)
			out[n++] = (struct target){"the gateway", c->gateways[i], PROBE_PORT};
	return n;
}

int wall_probe(const struct wall_config *c, struct failure *f)
{
	struct target targets[3 + LIMIT_GATEWAYS];
	size_t count = choose_targets(c, targets);
	struct outcome out = {.result = PROBE_NO_CHILD};
	char text[ADDRESS_TEXT], on[160];

	if (run(targets, count, &out) < 0)
		return fail_errno(f, "try the wall", "");
	if (out.result == PROBE_FINE)
		return 0;
	if (out.result == PROBE_NO_CHILD)
		return fail(f, "try the wall", "", "the child that tries it came to nothing");
	snprintf(on, sizeof(on), "%s, %s, %s port %u", targets[out.target].what,
		address_text(&targets[out.target].address, text),
		out.protocol == SOCK_STREAM ? "tcp" : "udp", targets[out.target].port);
	return fail(f, "try the wall", on,
		out.result == PROBE_HANGS ? "it was not refused at once"
					  : "it was let through");
}
