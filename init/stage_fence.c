/*
 * The stages that build the fence (`wall`, `routes`, `resolver`) and the one that doubts it
 * (`verify`).
 */
#include "stages.h"

#include <stdio.h>
#include <string.h>

#include "proc/privileges.h"

/* Unresolved names told one by one; of further ones only the number. */
#define TOLD_NAMES 8

int stage_wall(struct boot *b, struct failure *f)
{
	struct resolver_config *c = &b->keeper.config;

	if (wall_open(&b->wall, f) < 0 || routes_open(&b->routes, f) < 0 ||
		resolver_listen(&c->sockets, f) < 0)
		return -1;
	b->fence.policy = &b->o->policy;
	b->fence.resolver_uid = UID_RESOLVER;
	b->fence.resolver_port = c->sockets.port;
	memcpy(b->fence.upstreams, c->conf.upstreams, sizeof(b->fence.upstreams));
	b->fence.upstreams_count = c->conf.upstreams_count;
	for (size_t i = 0; i < c->conf.upstreams_count; i++)
		if (address_classify(&c->conf.upstreams[i].address) == ADDRESS_LOOPBACK)
			b->fence.embedded_dns = true;
	b->fence.gateways_count = routes_gateways(b->routes, b->fence.gateways);
	b->fence.audit = b->o->egress == EGRESS_AUDIT;
	return wall_build(b->wall, &b->fence, f);
}

int stage_routes(struct boot *b, struct failure *f)
{
	return routes_build(b->routes, &b->fence, f);
}

static void tell_unresolved(void *context, const struct resolver_message *m)
{
	struct boot *b = context;

	if (b->keeper.settled || m->type != RESOLVER_UNRESOLVED)
		return;
	if (++b->unresolved <= TOLD_NAMES)
		say_warning("resolver",
			"resolve: %s: %s; it is tried again when it is asked for", m->name,
			pins_reason(m->reason));
}

static int no_name_resolved(struct boot *b, struct failure *f)
{
	char servers[160] = "", text[ADDRESS_TEXT];

	for (size_t i = 0; i < b->fence.upstreams_count; i++) {
		struct endpoint *e = &b->fence.upstreams[i];

		snprintf(servers + strlen(servers), sizeof(servers) - strlen(servers),
			"%s%s port %u", i ? ", " : "", address_text(&e->address, text),
			e->port);
	}
	if (!servers[0])
		snprintf(servers, sizeof(servers), "no server in /etc/resolv.conf");
	fail(f, "resolve the allowed names", servers, "none of the %zu names has an address",
		b->o->policy.names_count);
	return fail_hint(f, "check that these servers answer from the container's network; "
			    "--upstream ADDR asks others");
}

int stage_resolver(struct boot *b, struct failure *f)
{
	struct keeper *k = &b->keeper;
	struct failure none = {0};

	k->config.policy = &b->o->policy;
	k->config.audit = b->fence.audit;
	k->pins = (struct pins){.policy = &b->o->policy,
		.wall = b->wall,
		.routes = b->routes,
		.events = b->events};
	k->monitor = b->m;
	k->unresolved = tell_unresolved;
	k->context = b;
	if (keeper_start(k, f) < 0)
		return -1;
	if (!monitor_wait(b->m, &k->settled, RESOLVER_BOOT_MS + 1000) || !k->pins.booted)
		return fail(f, "resolve the allowed names", "",
			k->pid ? "the resolver did not come to an end in time"
			       : "the resolver ended; its reason is above");
	if (b->unresolved > TOLD_NAMES)
		say_warning("resolver", "and %u more names that do not resolve",
			b->unresolved - TOLD_NAMES);
	b->status.names = b->o->policy.names_count;
	b->status.pinned = k->pins.boot_pinned;
	if (b->status.names == 0 || b->status.pinned > 0)
		return 0;
	no_name_resolved(b, &none);
	if (b->o->require_names) {
		*f = none;
		return -1;
	}
	say_failure("resolver", &none);
	return 0;
}

/* Nothing has been believed so far: read it all back, and try what must fail. */
int stage_verify(struct boot *b, struct failure *f)
{
	struct failure soft = {0};

	if (wall_verify(b->wall, &b->fence, f) < 0 ||
		routes_verify(b->routes, &b->fence, f) < 0)
		return -1;
	if (!b->fence.audit && wall_probe(&b->fence, f) < 0)
		return -1;
	if (privileges_keep_needed(f) < 0)
		return -1;
	/* A container with a read-only root is as safe without these files. */
	b->status.uid = b->uid;
	b->status.gid = b->gid;
	if (status_write_rules(ETC_DIR, &b->o->policy, &soft) < 0)
		say_warning("verify", "%s: %s: %s", soft.tried, soft.on, soft.why);
	if (status_write(RUN_DIR, &b->status, &soft) < 0)
		say_warning("verify", "%s: %s: %s", soft.tried, soft.on, soft.why);
	open_control(b);
	return 0;
}
