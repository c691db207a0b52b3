/*
 * Denials at run time. The policy is applied to each connection again as if it were new: the
 * name rules to its host, the network rules to its server's address.
 */
#include "connection.h"

#include <netinet/in.h>
#include <string.h>
#include <sys/socket.h>

#include "../lib/sockaddr.h"

static bool denied_server(struct gate *g, const struct connection *c)
{
	union sockaddr_any to;
	socklen_t len4 = sizeof(to.v4), len6 = sizeof(to.v6);
	struct endpoint e;
	struct verdict v;

	/* getpeername(2) by a system call that the filter permits; the buffer must have the
	 * exact size. Fails if the connection has ended. */
	if (getsockopt(c->server.fd, SOL_SOCKET, SO_PEERNAME, &to, &len6) < 0 &&
		getsockopt(c->server.fd, SOL_SOCKET, SO_PEERNAME, &to, &len4) < 0)
		return false;
	e = sockaddr_endpoint(&to);
	v = policy_check_address(g->config->policy, &e.address, e.port);
	return v.rule && v.rule->effect == RULE_DENY;
}

const char *denied_name(struct gate *g, const struct connection *c)
{
	const struct inspect_buffer *d = table_buffer(g, c);
	/* Before it is connected, its name is in the inspect buffer; afterwards in hosts[],
	 * and the buffer has what the client sent last. */
	bool connected =
		c->phase != PHASE_NAME && c->phase != PHASE_CONNECT && c->phase != PHASE_PROXY;

	return connected || !d ? g->hosts[table_number(g, c)] : d->name;
}

bool denied_judge(struct gate *g, const struct connection *c)
{
	/* In PHASE_HEAD there is no name yet; in PHASE_LINGER nothing from the server is
	 * left; what is held isn't allowed anyway. */
	if (c->phase == PHASE_FREE || c->phase == PHASE_HEAD || c->phase == PHASE_HELD ||
		c->phase == PHASE_LINGER)
		return false;
	return client_judge(g, c, denied_name(g, c), false) != GATE_FINE ||
	       (c->server.fd >= 0 && denied_server(g, c));
}
