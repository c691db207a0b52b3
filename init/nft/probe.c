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

#include "../lib/worker.h"

/* The wall answers from inside the kernel; what takes longer has left the machine. */
#define PROBE_MS 200
/* A connection over loopback stands when connect(2) returns, or soon after. */
#define LOOPBACK_MS 1
/* Discard, RFC 863: an open door where something listens would be one byte wide. */
#define PROBE_PORT 9
#define HTTP_PORT  80
#define DNS_PORT   53
/* <linux/in6.h>: bind to an address that isn't ours. It needs no privilege. */
#define FREEBIND 78
/* For the targets that are listed here and for the gateways. */
#define TARGETS (16 + LIMIT_GATEWAYS)

/* What is tried, by TCP and UDP. */
struct probe_target {
	const char *what;
	struct address address;
	uint16_t port;         /* 0: one that the probe itself listens on */
	struct address source; /* of no family: the kernel's choice, and its port */
	uint16_t from;         /* source port; 0: the kernel's choice */
	bool forged;           /* the source isn't the payload's */
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
static const struct address loopback4 = {4, {127, 0, 0, 1}}, loopback6 = {6, {[15] = 1}};
static const struct address embedded4 = {4, {127, 0, 0, 11}};
static const struct address any4 = {4, {0}}, any6 = {6, {0}};
/* Of another documentation network than what is tried outside. */
static const struct address foreign6 = {6, {0x20, 0x01, 0x0d, 0xb8, 0xde, 0xad, [15] = 1}};

static socklen_t socket_address(
	struct sockaddr_storage *out, const struct address *a, uint16_t port)
{
	struct sockaddr_in *v4 = (void *)out;
	struct sockaddr_in6 *v6 = (void *)out;

	memset(out, 0, sizeof(*out));
	if (a->family == 4) {
		v4->sin_family = AF_INET;
		v4->sin_port = htons(port);
		memcpy(&v4->sin_addr, a->bytes, 4);
		return sizeof(*v4);
	}
	v6->sin6_family = AF_INET6;
	v6->sin6_port = htons(port);
	memcpy(&v6->sin6_addr, a->bytes, 16);
	return sizeof(*v6);
}

/* The error that a socket ended in: 0 none, or ETIMEDOUT when nothing was heard of it. */
static int wait_for_error(int s, int ms)
{
	struct pollfd p = {.fd = s, .events = POLLOUT};
	socklen_t len = sizeof(int);
	int error = 0;

	if (poll(&p, 1, ms) != 1)
		return ETIMEDOUT;
	if (getsockopt(s, SOL_SOCKET, SO_ERROR, &error, &len) < 0)
		return errno;
	return error;
}

/* What is forged is dropped in silence: the answer would go to somebody else. */
static uint32_t judge(const struct probe_target *t, int error)
{
	if (error == 0)
		return PROBE_LET_THROUGH;
	return error == ETIMEDOUT && !t->forged ? PROBE_HANGS : PROBE_FINE;
}

/* What the kernel itself doesn't let the payload bind to is no source of its packets. */
static bool bind_source(int s, const struct probe_target *t)
{
	struct sockaddr_storage from;
	socklen_t len = socket_address(&from, &t->source, t->from);
	int on = 1;

	if (t->source.family == 6) {
		setsockopt(s, IPPROTO_IPV6, FREEBIND, &on, sizeof(on));
		setsockopt(s, IPPROTO_IPV6, IPV6_V6ONLY, &on, sizeof(on));
	}
	/* A connection that has ended may still hold the port. */
	setsockopt(s, SOL_SOCKET, SO_REUSEADDR, &on, sizeof(on));
	return bind(s, (struct sockaddr *)&from, len) == 0;
}

/* A kernel without IPv6, or with no way to it, refuses as well as the wall. */
static uint32_t try_target(const struct probe_target *t, int type)
{
	struct sockaddr_storage to;
	socklen_t len = socket_address(&to, &t->address, t->port);
	int s = socket(to.ss_family, type | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
	uint32_t result;

	if (s < 0)
		return PROBE_FINE;
	if (t->source.family && !bind_source(s, t))
		result = PROBE_FINE;
	else if (connect(s, (struct sockaddr *)&to, len) < 0)
		result =
			judge(t, errno == EINPROGRESS
					 ? wait_for_error(s, t->forged ? LOOPBACK_MS : PROBE_MS)
					 : errno);
	else if (type == SOCK_STREAM)
		result = PROBE_LET_THROUGH;
	else /* a datagram that the wall refuses fails in send() itself */
		result = send(s, "", 1, MSG_NOSIGNAL) < 0 ? PROBE_FINE : PROBE_LET_THROUGH;
	close(s);
	return result;
}

/* A port of ours, for as long as the process lives. Returns it, or 0. */
static uint16_t listen_on(const struct address *a)
{
	struct sockaddr_storage at;
	socklen_t len = socket_address(&at, a, 0);
	int s = socket(at.ss_family, SOCK_STREAM | SOCK_CLOEXEC, 0);

	if (s < 0 || bind(s, (struct sockaddr *)&at, len) < 0 || listen(s, 1) < 0)
		return 0;
	return worker_port(s);
}

static void try_all(struct probe_target *targets, size_t count, struct outcome *out)
{
	static const int types[] = {SOCK_STREAM, SOCK_DGRAM};

	for (size_t i = 0; i < count; i++)
		if (targets[i].port == 0)
			targets[i].port = listen_on(&targets[i].address);
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
static void run_child(int report, struct probe_target *targets, size_t count)
{
	struct outcome out = {.result = PROBE_NO_CHILD};

	if (setgroups(0, NULL) == 0 && setresgid(UID_PROBE, UID_PROBE, UID_PROBE) == 0 &&
		setresuid(UID_PROBE, UID_PROBE, UID_PROBE) == 0 && setuid(0) < 0)
		try_all(targets, count, &out);
	if (write(report, &out, sizeof(out)) != (ssize_t)sizeof(out))
		_exit(1);
	_exit(0);
}

static int run(struct probe_target *targets, size_t count, struct outcome *out)
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

/* Where nothing may go to. */
static size_t choose_places(const struct wall_config *c, struct probe_target out[])
{
	size_t n = 0;

	out[n++] = (struct probe_target){
		.what = "a public address", .address = documentation4, .port = PROBE_PORT};
	out[n++] = (struct probe_target){
		.what = "a public address", .address = documentation6, .port = PROBE_PORT};
	out[n++] = (struct probe_target){
		.what = "the metadata address", .address = metadata4, .port = HTTP_PORT};
	/* A +private rule may be about the gateway: the host's own services. */
	for (size_t i = 0; i < c->gateways_count; i++)
		if (!policy_check_address(c->policy, &c->gateways[i], PROBE_PORT).allowed)
			out[n++] = (struct probe_target){.what = "the gateway",
				.address = c->gateways[i],
				.port = PROBE_PORT};
	return n;
}

/* Where nothing may come from: see sources.c. */
static size_t choose_sources(struct probe_target out[])
{
	static const uint16_t workers[] = {WORKER_FIRST_PORT, 65535};
	static const char port[] = "a DNS server, from a port of codex-init's own";
	size_t n = 0;

	out[n++] = (struct probe_target){"loopback, from the engine's resolver", loopback4, 0,
		embedded4, DNS_PORT, true};
	out[n++] = (struct probe_target){
		"loopback, from the engine's resolver", loopback4, 0, embedded4, 0, true};
	out[n++] = (struct probe_target){
		"loopback, from a foreign address", loopback6, 0, foreign6, DNS_PORT, true};
	out[n++] = (struct probe_target){"a public address, from a foreign one", documentation6,
		PROBE_PORT, foreign6, 0, true};
	for (size_t i = 0; i < sizeof(workers) / sizeof(workers[0]); i++) {
		out[n++] = (struct probe_target){
			port, documentation4, DNS_PORT, any4, workers[i], false};
		out[n++] = (struct probe_target){
			port, documentation6, DNS_PORT, any6, workers[i], false};
	}
	return n;
}

int wall_probe(const struct wall_config *c, struct failure *f)
{
	struct probe_target targets[TARGETS];
	size_t count = choose_sources(targets);
	struct outcome out = {.result = PROBE_NO_CHILD};
	char text[ADDRESS_TEXT], on[160];

	if (!c->audit) /* which lets packets out to every place */
		count += choose_places(c, targets + count);
	if (run(targets, count, &out) < 0)
		return fail_errno(f, "try the wall", "");
	if (out.result == PROBE_FINE)
		return 0;
	if (out.result == PROBE_NO_CHILD || out.target >= count)
		return fail(f, "try the wall", "", "the probe process failed");
	snprintf(on, sizeof(on), "%s, %s, %s port %u", targets[out.target].what,
		address_text(&targets[out.target].address, text),
		out.protocol == SOCK_STREAM ? "tcp" : "udp", targets[out.target].port);
	return fail(f, "try the wall", on,
		out.result == PROBE_HANGS ? "it was not refused at once"
					  : "it was let through");
}
