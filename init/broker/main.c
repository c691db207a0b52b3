/*
 * codex-broker: the program of the process that has the credential. codex-init starts it, as
 * the broker's user and with the payload's seccomp filter, and tells it by its arguments
 *
 *	codex-broker CHANNEL WEB CREDENTIAL LEAF GATE ROOTS
 *
 * the numbers of descriptors (PID 1's channel, the socket that Codex connects to, the files of
 * struct broker_config), the name of the gate's socket, and the file of the authorities.
 * Neither its arguments nor its environment hold a secret. It waits until PID 1 sends the first
 * message, with the file for the session's authority if that is still to be made: until then it
 * is one of those that take over when the one that serves has ended.
 */
#include <fcntl.h>
#include <signal.h>
#include <stdlib.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <unistd.h>

#include "../lib/descriptor.h"
#include "../lib/num.h"
#include "../lib/privileges.h"
#include "../lib/scope.h"
#include "../lib/worker.h"
#include "broker.h"

enum { CHANNEL = 1, WEB, CREDENTIAL, LEAF, GATE, ROOTS, ARGUMENTS };

static int descriptor(const char *text)
{
	uint64_t n;
	const char *end = num_read(text, &n);

	if (!end || *end || n > BROKER_DESCRIPTORS)
		return -1;
	/* What this program executes gets none but those that it is to have. */
	return fcntl((int)n, F_SETFD, FD_CLOEXEC) < 0 ? -1 : (int)n;
}

/* True once it is to serve; false: PID 1 has gone. */
static bool wait_for_turn(int channel, int *bundle)
{
	char message[BROKER_TURN];

	return descriptor_receive(channel, message, sizeof(message), 0, bundle) ==
	       sizeof(message);
}

/* For what it executes as well. With a limit of 0 a core would still be passed to the program
 * that a host may have for it (core(5)); with one of 1 nobody gets any. Where the limit was 0
 * from the start it can't be raised. */
static bool leave_no_core(void)
{
	const struct rlimit one = {1, 1}, none = {0, 0};

	return setrlimit(RLIMIT_CORE, &one) == 0 || setrlimit(RLIMIT_CORE, &none) == 0;
}

int main(int argc, char **argv)
{
	struct broker_config c;
	struct failure f;
	int channel;

	if (argc != ARGUMENTS)
		return 1;
	/* The execution has made it traceable for its own user, whose haproxy is exposed. */
	if (prctl(PR_SET_DUMPABLE, 0, 0, 0, 0) < 0 || !leave_no_core() ||
		prctl(PR_SET_PDEATHSIG, SIGKILL) < 0 || filters_install(FILTER_LOCAL, &f) < 0)
		return 1;
	/* What haproxy has listens and accepts. Where this isn't possible it could be
	 * connected: behind nftables to nothing, in the cell to loopback. */
	scope_enter_offline();
	channel = descriptor(argv[CHANNEL]);
	c = (struct broker_config){.web = descriptor(argv[WEB]),
		.credential = descriptor(argv[CREDENTIAL]),
		.leaf = descriptor(argv[LEAF]),
		.to = argv[GATE],
		.roots = argv[ROOTS]};
	c.port = worker_port(c.web);
	if (c.port == 0 || !broker_path_valid(c.roots) || !wait_for_turn(channel, &c.bundle))
		return 1;
	broker_serve(&c, channel);
}
