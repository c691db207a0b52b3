/* See explain.h. */
#include "explain.h"

#include <string.h>

#include "rule.h"

/* Ports checked for an address without one: those that rules name. */
#define PORTS_TRIED 256

static const uint16_t web[] = {443, 80};

/* The engine's embedded resolver. It is loopback, but the wall reserves it for our resolver. */
static const struct address embedded = {4, {127, 0, 0, 11}};

static const char *origin(const struct rule *r)
{
	bool deny = r->effect == RULE_DENY;

	switch (r->origin) {
	case ORIGIN_DEFAULT:
		return deny ? "codex-init's own" : "always allowed";
	case ORIGIN_OPTION:
		return deny ? "--deny" : "--allow";
	case ORIGIN_ENVIRONMENT:
		return deny ? "CODEX_INIT_DENY" : "OPENAI_ALLOWED_DOMAINS";
	case ORIGIN_RUNTIME:
		return deny ? "codex-egress deny" : "codex-egress allow";
	}
	return "";
}

static void put_rule(const struct rule *r, FILE *to)
{
	char text[LIMIT_RULE_TEXT];

	rule_text(r, text, sizeof(text));
	fprintf(to, "  rule       %s%s (%s%s%s)\n", r->effect == RULE_DENY ? "deny " : "", text,
		origin(r), r->preset[0] ? ", preset @" : "", r->preset);
}

static void put_ports(const struct port_list *ports, FILE *to)
{
	fprintf(to, "  ports      tcp");
	for (unsigned i = 0; i < ports->count; i++)
		fprintf(to, "%s %u", i ? "," : "", ports->port[i]);
	fprintf(to, "\n");
}

static void put_head(const struct target *t, bool allowed, FILE *to)
{
	char text[TARGET_TEXT];

	fprintf(to, "%s: %s\n", target_text(t, text), allowed ? "allowed" : "refused");
}

static void put_denied(const struct rule *r, const char *here, FILE *to)
{
	put_rule(r, to);
	if (r->reason)
		fprintf(to, "  why        %s\n", r->reason);
	fputs("  remedy     ", to);
	if (r->origin == ORIGIN_RUNTIME)
		policy_print_undo(r, here, to);
	else
		fputs("no --allow helps: a deny wins over all of them\n", to);
}

/* Whether there is a gate, which takes ports 443 and 80. */
static bool gated(enum egress egress)
{
	return egress == EGRESS_STRICT || egress == EGRESS_AUDIT;
}

/* The route that an allowed name's ports take. */
static void put_route(const struct verdict *v, enum egress egress, FILE *to)
{
	unsigned web_count = 0;

	for (unsigned i = 0; i < sizeof(web) / sizeof(web[0]) && gated(egress); i++)
		web_count += rule_ports_have(&v->ports, web[i]);
	if (web_count)
		fprintf(to,
			"  path       %s: through the gate, which also checks the name inside "
			"TLS or HTTP\n",
			web_count == 2                    ? "443 and 80"
			: rule_ports_have(&v->ports, 443) ? "443"
							  : "80");
	if (v->ports.count > web_count)
		fprintf(to,
			"  path       %s: directly through the wall, to the addresses that DNS "
			"gives for it\n",
			web_count ? "other ports" : "all ports");
}

static bool explain_name(const struct policy *p, const struct target *t, enum egress egress,
	const char *here, FILE *to)
{
	struct verdict any = policy_check_name(p, t->name);
	struct verdict v = t->port ? policy_check_name_port(p, t->name, t->port) : any;
	/* The resolver decides about the name alone, by the rule that applies on any port. */
	bool fits = !v.allowed || policy_wildcard_fits(any.rule, t->name);
	char text[TARGET_TEXT];

	/* Both default ports may be denied by rules of their own. */
	if (!v.allowed && !v.rule && !t->port) {
		struct verdict tls = policy_check_name_port(p, t->name, web[0]);

		if (tls.rule && policy_check_name_port(p, t->name, web[1]).rule)
			v.rule = tls.rule;
	}
	put_head(t, v.allowed && fits, to);
	if (policy_only_broker(p, t->name)) {
		fprintf(to,
			"  path       443: by the broker alone, which adds the credential\n"
			"  remedy     none is needed: Codex goes there through the broker\n");
		return false;
	}
	if (v.rule && !v.allowed) {
		put_denied(v.rule, here, to);
		return false;
	}
	if (v.allowed)
		put_rule(v.rule, to);
	else if (any.allowed)
		fprintf(to, "  rule       none for this port\n");
	else
		fprintf(to, "  rule       no rule matches\n");
	if (any.allowed)
		put_ports(&any.ports, to);
	if (!fits)
		fprintf(to, "  why        it is longer than a wildcard allows\n");
	if (!v.allowed || !fits) {
		/* As rule_for_name(), but for the port in question alone. */
		fprintf(to, "  remedy     --allow %s%s\n", target_text(t, text),
			strchr(t->name, '.') ? "" : "+private");
		return false;
	}
	fprintf(to, "  addresses  %s\n",
		v.private ? "public and private ones (+private)" : "public ones");
	if (v.ech)
		fprintf(to, "  +ech       Encrypted Client Hello passes\n");
	put_route(&v, egress, to);
	return true;
}

/* Checks each port that an allow rule for the address names. */
static struct verdict any_port(const struct policy *p, const struct address *a)
{
	struct verdict all = {0};
	unsigned tried = 0;

	for (size_t i = 0, end = policy_rules(p); i < end; i++) {
		const struct rule *r = policy_rule(p, i);

		if (!r || r->effect != RULE_ALLOW || !rule_has_address(r, a))
			continue;
		for (unsigned j = 0; j < r->ports.count; j++) {
			struct verdict v;

			if (rule_ports_have(&all.ports, r->ports.port[j]))
				continue;
			if (tried++ == PORTS_TRIED)
				return all;
			v = policy_check_address(p, a, r->ports.port[j]);
			if (v.allowed) {
				rule_ports_add(&all.ports, r->ports.port[j]);
				all.allowed = true;
			}
			if (!all.rule || (v.allowed && all.rule->effect == RULE_DENY))
				all.rule = v.rule;
		}
	}
	/* If no port is open, report a rule that denies all of them. */
	if (!all.allowed) {
		struct verdict v = policy_check_address(p, a, web[0]);

		all.rule = v.rule && v.rule->ports.count == 0 ? v.rule : NULL;
	}
	return all;
}

static void put_loopback(const struct target *t, bool open, FILE *to)
{
	put_head(t, open, to);
	fprintf(to, open ? "  rule       not needed: loopback stays inside the container\n"
			 : "  rule       none can allow it: only codex-init's resolver may ask "
			   "the engine's\n");
}

static bool explain_address(const struct policy *p, const struct target *t, enum egress egress,
	const char *here, FILE *to)
{
	enum address_class class = address_classify(&t->address);
	char text[ADDRESS_TEXT], port[8] = "PORT";
	struct verdict v;

	if (class == ADDRESS_LOOPBACK) {
		bool open = address_compare(&t->address, &embedded) != 0;

		put_loopback(t, open, to);
		return open;
	}
	v = t->port ? policy_check_address(p, &t->address, t->port) : any_port(p, &t->address);
	put_head(t, v.allowed, to);
	if (t->port == 53)
		fprintf(to, "  note       port 53 of every address is answered by the resolver "
			    "inside\n");
	if (v.rule && !v.allowed) {
		put_denied(v.rule, here, to);
		return false;
	}
	if (v.allowed) {
		put_rule(v.rule, to);
		put_ports(&v.ports, to);
		return true;
	}
	fprintf(to, "  rule       no rule matches: it is %s\n",
		class == ADDRESS_PUBLIC ? "a public address" : address_range_name(&t->address));
	if (class != ADDRESS_PUBLIC && class != ADDRESS_PRIVATE) {
		fprintf(to, "  remedy     none: no rule can allow these\n");
		return false;
	}
	if (t->port)
		snprintf(port, sizeof(port), "%u", t->port);
	fprintf(to,
		t->address.family == 6 ? "  remedy     --allow [%s]:%s%s\n"
				       : "  remedy     --allow %s:%s%s\n",
		address_text(&t->address, text), port,
		class == ADDRESS_PRIVATE ? "+private" : "");
	if (class != ADDRESS_PUBLIC)
		return false;
	if (gated(egress) && (!t->port || t->port == web[0] || t->port == web[1]))
		fprintf(to, "  note       on 443 and 80 the gate checks the name that a client "
			    "sends: allow that,\n"
			    "             if it has one; a rule for the address allows every "
			    "name there\n");
	if (!gated(egress) || (t->port != web[0] && t->port != web[1]))
		fprintf(to,
			"  note       while an allowed name has this address, a pin opens it "
			"for that name's ports\n");
	return false;
}

bool explain(const struct policy *p, const struct target *t, enum egress egress,
	const char *here, FILE *to)
{
	bool allowed = t->address.family ? explain_address(p, t, egress, here, to)
					 : explain_name(p, t, egress, here, to);

	if (egress == EGRESS_OFF)
		fprintf(to, "  mode       off: there is no wall, and nothing is refused\n");
	else if (egress == EGRESS_AUDIT && !allowed)
		fprintf(to, "  mode       audit: it is allowed and recorded\n");
	return allowed;
}
