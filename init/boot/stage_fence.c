/* The stages that build the fence (`wall`, `routes`) and the one that checks it (`verify`). */
#include "stages.h"

#include <stdio.h>
#include <string.h>

#include "../home/agent.h"
#include "../lib/file.h"
#include "../lib/privileges.h"
#include "../lib/worker.h"
#include "../route/divert.h"
#include "nameserver.h"

/* Servers that any program in the container could impersonate aren't queried. */
void stage_leave_out_local_dns(struct boot *b)
{
	struct local_dns *in = &b->local_dns;
	char text[ADDRESS_TEXT];

	/* If all have the same uid, nothing of the payload's is running yet. */
	local_dns_leave_out(&b->names.conf, b->shared ? (uid_t)-1 : b->uid, in);
	for (size_t i = 0; i < in->count; i++)
		say_warning("wall",
			"use the DNS server %s: it is skipped: its address is inside the "
			"container, where any program could answer in its place",
			address_text(&in->left_out[i].address, text));
	if (in->count > 0)
		say_hint("name one outside: --upstream ADDR, or CODEX_INIT_UPSTREAM=ADDR");
}

/* The wall refuses the payload's DNS queries from the workers' ports (nft/sources.c), which
 * Linux doesn't assign unless configured to. */
static void check_ports(void)
{
	static const char range[] = "/proc/sys/net/ipv4/ip_local_port_range";
	uint64_t port[2]; /* the first and the last */

	if (!file_two_numbers(range, port) || port[1] < WORKER_FIRST_PORT)
		return;
	say_warning("wall",
		"assign ports: %s: programs get ports up to %lu, but those from %u up "
		"are codex-init's: DNS questions from there are refused",
		range, port[1], WORKER_FIRST_PORT);
	say_hint("start the container with --sysctl net.ipv4.ip_local_port_range='%lu %u'",
		port[0] < WORKER_FIRST_PORT - 1 ? port[0] : WORKER_FIRST_PORT / 2,
		WORKER_FIRST_PORT - 1);
}

/*
 * The kernel may lack tproxy: NAT leads to the gate as well, slower. Or fib too: then the
 * payload has no IPv6 (policy/wall_config.h).
 */
static int build_wall(struct boot *b, bool gated, struct failure *f)
{
	struct wall_config *c = &b->fence;

	/* In audit mode the wall must see and record every destination. */
	c->diverts = gated && !c->audit && b->gate.sockets.transparent;
	c->no_fib = false;
	if (c->diverts && wall_build(b->wall, c, f) == 0)
		return 0;
	c->diverts = false;
	if (wall_build(b->wall, c, f) == 0)
		return 0;
	c->no_fib = true;
	return wall_build(b->wall, c, f);
}

int stage_wall(struct boot *b, struct failure *f)
{
	struct resolver_config *c = &b->names;
	const bool gated = b->o->egress != EGRESS_PIN;

	stage_leave_out_local_dns(b);
	if (wall_open(&b->wall, f) < 0 || routes_open(&b->routes, f) < 0 ||
		resolver_listen(&c->sockets, f) < 0 ||
		(gated && gate_listen(&b->gate.sockets, f) < 0) ||
		(b->brokered && stage_broker_listen(b, f) < 0))
		return -1;
	if (gated && !(b->gate.counters = gate_counters_new()))
		return fail_errno(f, "allocate memory for the gate's counters", "");
	if (stage_rules_open(b, f) < 0)
		return -1;
	b->fence.policy = &b->o->policy;
	b->fence.resolver_uid = UID_RESOLVER;
	b->fence.resolver_port = c->sockets.port;
	b->fence.gate_uid = UID_GATE;
	b->fence.gate_port = b->gate.sockets.port;
	memcpy(b->fence.upstreams, c->conf.upstreams, sizeof(b->fence.upstreams));
	b->fence.upstreams_count = c->conf.upstreams_count;
	memcpy(b->fence.published, b->o->published, sizeof(b->fence.published));
	b->fence.published_count = b->o->published_count;
	b->fence.embedded_dns = b->local_dns.embedded;
	b->fence.gateways_count = routes_gateways(b->routes, b->fence.gateways);
	b->fence.audit = b->o->egress == EGRESS_AUDIT;
	if (b->fence.audit)
		events_audit(b->events);
	b->fence.proxied = b->o->proxy.port != 0;
	b->fence.asks = b->gate.ask != 0;
	check_ports();
	return build_wall(b, gated, f);
}

/* Opens the proxy's address if it was given as one; a name is pinned when it is resolved. */
static int open_proxy(struct boot *b, struct failure *f)
{
	const struct gate_proxy *proxy = &b->o->proxy;
	const struct pin p = {
		.address = proxy->address, .port = proxy->port, .kind = PIN_PROXY};

	if (proxy->address.family == 0)
		return 0;
	if (address_classify(&p.address) != ADDRESS_PUBLIC &&
		routes_allow(b->routes, &p.address, f) < 0)
		return -1;
	return wall_pin(b->wall, &p, 1, f);
}

/* The wall redirects only queries that programs can send; see boot/nameserver.h. */
static void redirect_programs(struct boot *b)
{
	struct failure soft = {0};

	if (nameserver_redirect("/etc/resolv.conf", b->names.sockets.udp6 >= 0, &soft) == 0)
		return;
	say_failure_warning("routes", &soft);
	say_hint("it names an IPv6 server that programs here can't reach; let it name "
		 "127.0.0.1, as --dns 127.0.0.1 does, and give codex-init its own by "
		 "CODEX_INIT_UPSTREAM=ADDR");
}

int stage_routes(struct boot *b, struct failure *f)
{
	if (routes_build(b->routes, &b->fence, f) < 0)
		return -1;
	divert_build(b->routes, &b->fence);
	redirect_programs(b);
	return open_proxy(b, f);
}

/* Reads everything back, and tries what must fail. */
int stage_verify(struct boot *b, struct failure *f)
{
	if (wall_verify(b->wall, &b->fence, f) < 0 ||
		routes_verify(b->routes, &b->fence, f) < 0)
		return -1;
	if (wall_probe(&b->fence, f) < 0)
		return -1;
	if (privileges_keep_needed(f) < 0)
		return -1;
	stage_write_files(b);
	return 0;
}

void stage_write_files(struct boot *b)
{
	struct failure soft = {0};

	/* With a read-only root these files are missing, but the container is just as safe. */
	b->status.uid = b->uid;
	b->status.gid = b->gid;
	if (status_write_rules(ETC_DIR, &b->o->policy, &soft) < 0 ||
		(b->codex_home && agent_write(ETC_DIR, &b->o->policy,
					  b->o->egress == EGRESS_AUDIT, &soft) < 0))
		(b->shared ? say_failure_detail : say_failure_warning)("verify", &soft);
	stage_trail_start(b);
	if (!b->run_dir)
		return;
	if (status_write(RUN_DIR, &b->status, &soft) < 0)
		say_failure_warning("verify", &soft);
	stage_control_open(b);
	b->asker = asker_open(b->m, b->events, b->uid, b->gid, stage_ask_who, b);
}
