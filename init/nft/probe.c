/*
 * Tries, as the payload could, what the wall must refuse. Reading the rules back proves that
 * they exist; this proves that they are effective.
 */
#include "wall.h"

#include <errno.h>
#include <fcntl.h>
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

#include "../lib/privileges.h"
#include "../lib/sockaddr.h"
#include "../lib/worker.h"

/* The wall rejects from within the kernel; anything slower has left the machine. */
#define PROBE_MS 200
/* A loopback connection is established when connect(2) returns, or soon after. */
#define LOOPBACK_MS 1
/* Discard, RFC 863: if it is open and something listens there, one byte gets out. */
#define PROBE_PORT 9
#define HTTP_PORT  80
#define DNS_PORT   53
/* <linux/in6.h>: bind to a non-local address. Needs no privilege. */
#define FREEBIND 78
/* The targets listed here, and the gateways. */
#define TARGETS (16 + LIMIT_GATEWAYS)

/* A target, tried by TCP and UDP. */
struct probe_target {
	const char *what;
	struct address address;
	uint16_t port;         /* 0: one on which the probe itself listens */
	struct address source; /* no family: source address and port are the kernel's choice */
	uint16_t from;         /* source port; 0: the kernel's choice */
	bool forged;           /* the source doesn't belong to the payload */
};

/* Result for one target. PROBE_NO_CHILD: the child couldn't even try. */
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
/* In another documentation network than the targets. */
static const struct address foreign6 = {6, {0x20, 0x01, 0x0d, 0xb8, 0xde, 0xad, [15] = 1}};

/* The error of a non-blocking connect: 0 for none, ETIMEDOUT if nothing happened. */
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

/* Forged packets are dropped without a reply, which would go to somebody else. */
static uint32_t judge(const struct probe_target *t, int error)
{
	if (error == 0)
		return PROBE_LET_THROUGH;
	return error == ETIMEDOUT && !t->forged ? PROBE_HANGS : PROBE_FINE;
}

/* The payload can't use a source that the kernel doesn't let it bind to. */
static bool bind_source(int s, const struct probe_target *t)
{
	union sockaddr_any from;
	socklen_t len = sockaddr_make(&t->source, t->from, &from);
	int on = 1;

	if (t->source.family == 6) {
		setsockopt(s, IPPROTO_IPV6, FREEBIND, &on, sizeof(on));
		setsockopt(s, IPPROTO_IPV6, IPV6_V6ONLY, &on, sizeof(on));
	}
	/* A closed connection may still occupy the port. */
	setsockopt(s, SOL_SOCKET, SO_REUSEADDR, &on, sizeof(on));
	return bind(s, &from.any, len) == 0;
}

/* A kernel without IPv6, or without a route, refuses just as well as the wall. */
static uint32_t try_target(const struct probe_target *t, int type)
{
	union sockaddr_any to;
	socklen_t len = sockaddr_make(&t->address, t->port, &to);
	int s = socket(to.any.sa_family, type | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
	uint32_t result;

	if (s < 0)
		return PROBE_FINE;
	if (t->source.family && !bind_source(s, t))
		result = PROBE_FINE;
	else if (connect(s, &to.any, len) < 0)
		result =
			judge(t, errno == EINPROGRESS
					 ? wait_for_error(s, t->forged ? LOOPBACK_MS : PROBE_MS)
					 : errno);
	else if (type == SOCK_STREAM)
		result = PROBE_LET_THROUGH;
	else /* if the wall refuses a datagram, send() itself fails */
		result = send(s, "", 1, MSG_NOSIGNAL) < 0 ? PROBE_FINE : PROBE_LET_THROUGH;
	close(s);
	return result;
}

/* Opens a listening socket for the life of the process. Returns its port, or 0. */
static uint16_t listen_on(const struct address *a)
{
	union sockaddr_any at;
	socklen_t len = sockaddr_make(a, 0, &at);
	int s = socket(at.any.sa_family, SOCK_STREAM | SOCK_CLOEXEC, 0);

	if (s < 0 || bind(s, &at.any, len) < 0 || listen(s, 1) < 0)
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

/* In the child: drops privilege for good first. */
static void run_child(int report, struct probe_target *targets, size_t count)
{
	struct outcome out = {.result = PROBE_NO_CHILD};
	struct failure f;

	if (privileges_drop(UID_PROBE, UID_PROBE, &f) == 0)
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
			break; /* ECHILD: SIGCHLD is ignored, or somebody else reaps */
	if (got != (ssize_t)sizeof(*out))
		out->result = PROBE_NO_CHILD;
	return 0;
}

/* Destinations that must be unreachable. */
static size_t choose_places(const struct wall_config *c, struct probe_target out[])
{
	size_t n = 0;

	out[n++] = (struct probe_target){
		.what = "a public address", .address = documentation4, .port = PROBE_PORT};
	out[n++] = (struct probe_target){
		.what = "a public address", .address = documentation6, .port = PROBE_PORT};
	out[n++] = (struct probe_target){
		.what = "the metadata address", .address = metadata4, .port = HTTP_PORT};
	/* A +private rule may open the gateway, for services on the host. */
	for (size_t i = 0; i < c->gateways_count; i++)
		if (!policy_check_address(c->policy, &c->gateways[i], PROBE_PORT).allowed)
			out[n++] = (struct probe_target){.what = "the gateway",
				.address = c->gateways[i],
				.port = PROBE_PORT};
	return n;
}

/* Sources that must be unusable: see sources.c. */
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

	if (!c->audit) /* audit mode lets packets out to anywhere */
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
