/*
 * What PID 1 denies while connections are under way. Each is judged again, as a new one would
 * be: its name by the policy, its server's address by the rules for networks.
 */
#include "connection.h"

#include <netinet/in.h>
#include <string.h>
#include <sys/socket.h>

static bool denied_address(struct gate *g, const struct address *a, uint16_t port)
{
	struct verdict v = policy_check_address(g->config->policy, a, port);

	return v.rule && v.rule->effect == RULE_DENY;
}

static bool denied_server(struct gate *g, const struct connection *c)
{
	union {
		struct sockaddr_in v4;
		struct sockaddr_in6 v6;
	} to;
	socklen_t len4 = sizeof(to.v4), len6 = sizeof(to.v6);
	struct address a = {0};

	/* getpeername(2) by a call that the filter knows; it wants no more room than it fills.
	 */
	if (getsockopt(c->server.fd, SOL_SOCKET, SO_PEERNAME, &to, &len6) == 0) {
		a.family = 6;
		memcpy(a.bytes, &to.v6.sin6_addr, 16);
	} else if (getsockopt(c->server.fd, SOL_SOCKET, SO_PEERNAME, &to, &len4) == 0) {
		a.family = 4;
		memcpy(a.bytes, &to.v4.sin_addr, 4);
	} else {
		return false; /* it has ended by itself */
	}
	/* Both families have the port in the same place. */
	return denied_address(g, &a, ntohs(to.v4.sin_port));
}

/* One that isn't made yet: to whom it might be. */
static bool denied_candidate(struct gate *g, const struct connection *c, const struct desk *d)
{
	uint16_t port = g->config->proxy.port ? g->config->proxy.port : c->port;
	bool denied = false;

	for (unsigned i = 0; i < d->tried; i++)
		denied |= denied_address(g, &d->candidates[i], port);
	return denied;
}

static void judge(struct gate *g, struct connection *c)
{
	const struct desk *d = table_desk(g, c);
	/* Until the connection stands, its name is at the desk; then it has a place of its own,
	 * and at the desk is what the client said last. */
	bool stands =
		c->phase != PHASE_NAME && c->phase != PHASE_CONNECT && c->phase != PHASE_PROXY;
	char name[NAME_TEXT] = "";

	if (stands || d)
		memcpy(name, stands ? g->hosts[table_number(g, c)] : d->name, sizeof(name));
	if (client_judge(g, name, c->port, false) == GATE_FINE &&
		!(c->server.fd >= 0 && denied_server(g, c)) &&
		!(c->phase == PHASE_CONNECT && d && denied_candidate(g, c, d)))
		return;
	/* The host of a request that was refused is no flow's: that is told already. */
	if (!c->refused)
		report_refused(g, c, name, GATE_REVOKED);
	table_end(g, c, true);
}

void denied_end(struct gate *g)
{
	for (size_t i = 0; i < g->used && !g->config->audit; i++) {
		struct connection *c = &g->connections[i];

		/* Who has not said yet whom he wants is judged when he does; last words are
		 * our own. */
		if (c->phase != PHASE_FREE && c->phase != PHASE_HEAD && c->phase != PHASE_LAST)
			judge(g, c);
	}
}
