/*
 * The broker's stages, where there is to be one (broker_choice.c): its socket and what leads
 * Codex there, its processes, and the tokens that they are given later.
 */
#include "stages.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "../broker/broker.h"
#include "../home/endpoint.h"
#include "../lib/file.h"
#include "../lib/worker.h"
#include "../monitor/broker_messages.h"
#include "nameserver.h"

/* haproxy takes 20 ms; a machine that swaps may take seconds. */
#define BROKER_BOOT_MS 10000
/* The broker's word for a token comes at once, unless it waits for a haproxy that doesn't
 * answer, two seconds: whoever gave the token then tries again. */
#define BROKER_RENEW_MS 500

/* A ChatGPT login is used at the real name, which leads here, and is verified by an authority
 * that codex-broker adds to the others. */
static int direct_codex(struct boot *b, struct failure *f)
{
	static const char entry[] = "\n127.0.0.1 " BROKER_SERVER_CHAT "\n",
			  to_broker[] = "send " BROKER_SERVER_CHAT " to the broker";
	int hosts, done;

	if (!nameserver_may_write("/etc/hosts"))
		return fail(f, to_broker, "/etc/hosts", "it may be the host's own");
	hosts = open("/etc/hosts", O_WRONLY | O_APPEND | O_CLOEXEC | O_NOFOLLOW);
	done = hosts < 0 || file_write(hosts, entry, strlen(entry)) < 0
		       ? fail_errno(f, to_broker, "/etc/hosts")
		       : 0;
	if (hosts >= 0)
		close(hosts);
	if (done < 0)
		return -1;
	b->broker.bundle = open(
		BROKER_BUNDLE, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC | O_NOFOLLOW, 0644);
	return b->broker.bundle < 0 ? fail_errno(f, to_broker, BROKER_BUNDLE) : 0;
}

/* What it accepts can't be led out by whoever takes haproxy over: the wall sees to that, and in
 * the cell the device, which accepted sockets inherit. */
static int listen_on_loopback(uint16_t port)
{
	int fd = worker_bind(AF_INET, SOCK_STREAM, port);

	if (fd < 0 || worker_bind_lo(fd) == 0)
		return fd;
	close(fd);
	return -1;
}

int stage_broker_listen(struct boot *b, struct failure *f)
{
	b->broker.bundle = -1;
	b->broker.web = listen_on_loopback(b->broker.account ? BROKER_PORT : 0);
	if (b->broker.web < 0) {
		const char *hint = errno == EACCES ? "give the container "
						     "--cap-add=NET_BIND_SERVICE for port 443"
						   : NULL;

		fail_errno(f, "listen for the broker", "127.0.0.1");
		return hint ? fail_hint(f, "%s", hint) : -1;
	}
	if (b->broker.account && direct_codex(b, f) < 0)
		return -1;
	b->broker.port = worker_port(b->broker.web);
	return gate_listen_broker(&b->gate.sockets, f);
}

static pid_t start_broker(void *context, bool first, int *channel, struct failure *f)
{
	struct boot *b = context;
	const struct broker_given given = {b->broker.token, b->broker.account, GATE_BROKER_NAME,
		b->broker.roots, b->broker.web};

	if (first && broker_lives_begin(&b->broker.lives, &given, f) < 0)
		return -1;
	b->broker.tokens = 0;
	return broker_lives_next(&b->broker.lives, b->broker.bundle, channel, f);
}

static int take_broker(void *context, const void *message, size_t size)
{
	const struct broker_message *m = message;
	struct boot *b = context;
	uint32_t type = 0;

	if (broker_messages_take(b->events, b->o->policy.broker, m, size, &type) < 0)
		return -1;
	if (type == BROKER_READY)
		b->broker.ready = b->broker.settled = true;
	b->broker.renewed |= type == BROKER_RENEWED && m->count == b->broker.tokens;
	return 0;
}

static void broker_event(void *context, const char *reason, bool dead)
{
	struct boot *b = context;
	struct event e = {.kind = EVENT_WORKER, .name = "broker", .reason = reason};

	b->broker.settled |= dead && b->supervisors[WORKER_BROKER].down;
	events_add(b->events, &e);
}

/* The broker has the socket and the key now, and nobody else. */
int stage_broker_start(struct boot *b, struct failure *f)
{
	static const struct supervisor_worker worker = {
		"broker", start_broker, take_broker, NULL, broker_event, BROKER_LIVES};
	struct supervisor *k = &b->supervisors[WORKER_BROKER];
	int done;

	k->worker = &worker;
	k->context = b;
	k->monitor = b->m;
	done = supervisor_start(k, f);
	explicit_bzero(b->broker.token, strlen(b->broker.token));
	close(b->broker.web);
	return done;
}

int stage_broker(struct boot *b, struct failure *f)
{
	const struct supervisor *k = &b->supervisors[WORKER_BROKER];

	monitor_wait(b->m, &b->broker.settled, BROKER_BOOT_MS);
	close(b->broker.bundle); /* or -1 */
	b->broker.bundle = -1;
	if (b->broker.ready)
		return 0;
	fail(f, "start the broker", BROKER_PROGRAM, "%s",
		k->pid ? "it did not answer in time" : "it ended at once");
	return fail_hint(f,
		"the file that it verifies OpenAI's server by, %s, has to be readable "
		"for everybody%s; --broker=off leaves the credential to the command",
		b->broker.roots,
		b->broker.account ? ", and " BROKER_OPENSSL " at least version 3" : "");
}

int stage_broker_settle(struct boot *b, struct failure *f)
{
	if (endpoint_write(
		    ETC_DIR, b->brokered && !b->broker.account ? b->broker.port : 0, f) == 0)
		return 0;
	if (b->brokered)
		return -1;
	say_failure_warning("home", f);
	return 0;
}

/* A process that ends with it unread would take it along: so it says which one it has kept. */
static bool renew(struct boot *b, struct supervisor *k, const char *token)
{
	b->broker.renewed = false;
	if (!supervisor_reply(k, token, BROKER_RENEWAL))
		return false;
	b->broker.tokens++;
	return supervisor_wait(k, &b->broker.renewed, BROKER_RENEW_MS);
}

int stage_broker_renew(struct boot *b, const char *token, FILE *to)
{
	struct supervisor *k = &b->supervisors[WORKER_BROKER];
	const char *why =
		"the broker is being started again, and did not get it: try once more";

	if (!b->brokered || !b->broker.account || !broker_credential_valid(token))
		why = "that is no token, or no broker here has a ChatGPT login";
	else if (renew(b, k, token))
		return 0;
	fprintf(to, "codex-egress: credential: %s\n", why);
	return 1;
}
