/*
 * The gate's part of the wall: anything that could be a web server is redirected to the
 * gate, and only the gate gets any further. In nft syntax, roughly:
 *
 *	chain redirect_web {	type nat hook output
 *		oif lo, or skuid of a worker: accept
 *		a fake IP (a name behind the proxy, or to be asked about): to the gate
 *		ports 443 and 80: goto web4;  web6
 *	}
 *	chain web4 {		bypass: a network rule decides, or no rule ever can
 *		@special, @denied, @private_nets . port: bypass
 *		@private . port: to the gate
 *		@private_ranges, @gateways, @nets . port: bypass
 *		to the gate
 *	}
 *	chain diverted_out {	type filter hook output, before conntrack
 *		oif lo, tcp, port 443 or 80 at either end: notrack
 *	}
 *	chain diverted_in {	type filter hook prerouting
 *		iif lo, port 443 or 80 of a non-local address: tproxy to the gate
 *	}
 *	chain output {		...
 *		skuid gate, established and approved: accept
 *		...
 *	}
 *	chain egress4 {		...
 *		skuid gate, @proxies . port: approve
 *		ports 443 and 80, skuid gate: goto pinned4;  any other socket: goto direct4
 *		...
 *	}
 *	chain direct4 {			as pinned4, without the pins
 *		@special: refuse;  @private_nets . port: approve
 *		@private_ranges, @gateways: refuse;  @nets . port: approve;  refuse
 *	}
 *
 * So every address that could belong to a web server is redirected to the gate, pinned or
 * not: a client with a stale address of an allowed name still gets through, to a current
 * address of that name.
 *
 * Most connections don't take redirect_web: policy routing leads them to lo (divert.c), and
 * diverted_in to the gate's socket. NAT adds a third to the cost of each packet; it remains
 * for what only the sets know, mainly pins in private networks.
 */
#include "../lib/netfilter.h"

#include "../lib/fake_ip.h"
#include "chains.h"

#define COUNT(array) (sizeof(array) / sizeof((array)[0]))

/* Ports whose protocols carry a name: HTTPS and HTTP. */
static const uint16_t web_ports[] = {443, 80};

/* Before conntrack, and just before routing. */
enum { PRIORITY_RAW = -300, PRIORITY_MANGLE = -150 };

static const char *const names[] = {"direct4", "direct6", "web4", "web6", "bypass", "to_gate"};

void gate_rules_chains(struct ruleset *r)
{
	for (size_t i = 0; i < COUNT(names); i++)
		chains_add(r, names[i]);
}

void gate_rules_base_chains(struct ruleset *r, const struct wall_config *c)
{
	chains_add_base(
		r, "redirect_web", "nat", NF_INET_LOCAL_OUT, PRIORITY_REDIRECT, NF_ACCEPT);
	if (!c->diverts)
		return;
	chains_add_base(
		r, "diverted_out", "filter", NF_INET_LOCAL_OUT, PRIORITY_RAW, NF_ACCEPT);
	chains_add_base(
		r, "diverted_in", "filter", NF_INET_PRE_ROUTING, PRIORITY_MANGLE, NF_ACCEPT);
}

/*
 * Nearly every packet matches this rule. It can't contradict another rule: what is denied or
 * special is never approved, and the sets for those are fixed. Connections denied at run
 * time are closed by the gate itself.
 */
void gate_rules_output(struct ruleset *r, const struct wall_config *c)
{
	struct statement s = chains_rule(r, "output", 4);

	match_uid(&s, c->gate_uid);
	match_ct_state(&s, NF_CT_STATE_BIT(IP_CT_ESTABLISHED));
	match_ct_approved(&s);
	then_verdict(&s, NF_ACCEPT, NULL);
}

void gate_rules_egress(
	struct ruleset *r, const struct wall_config *c, const char *chain, uint8_t family)
{
	if (c->proxied) {
		struct statement s = chains_rule(r, chain, family);

		match_uid(&s, c->gate_uid);
		match_protocol(&s, IPPROTO_TCP);
		match_to_port_set(&s, chains_set(SET_PROXIES, &s));
		then_verdict(&s, NFT_GOTO, "approve");
	}
	for (size_t i = 0; i < COUNT(web_ports); i++) {
		struct statement s = chains_rule(r, chain, family);

		match_protocol(&s, IPPROTO_TCP);
		match_port(&s, web_ports[i]);
		match_uid(&s, c->gate_uid);
		then_verdict(&s, NFT_GOTO, family == 4 ? "pinned4" : "pinned6");
		s = chains_rule(r, chain, family);
		match_protocol(&s, IPPROTO_TCP);
		match_port(&s, web_ports[i]);
		match_owned(&s);
		then_verdict(&s, NFT_GOTO, family == 4 ? "direct4" : "direct6");
	}
}

/* A server of the payload's own on these ports is untracked as well, which does no harm. */
static void diverted_out(struct ruleset *r)
{
	struct statement s = chains_rule(r, "diverted_out", 4);

	match_not_loopback_out(&s);
	then_verdict(&s, NF_ACCEPT, NULL);
	for (size_t i = 0; i < 2 * COUNT(web_ports); i++) {
		s = chains_rule(r, "diverted_out", 4);
		match_protocol(&s, IPPROTO_TCP);
		if (i % 2)
			match_from_port(&s, web_ports[i / 2]);
		else
			match_port(&s, web_ports[i / 2]);
		then_untrack(&s);
		then_verdict(&s, NF_ACCEPT, NULL);
	}
}

static void diverted_in(struct ruleset *r, const struct wall_config *c)
{
	struct statement s = chains_rule(r, "diverted_in", 4);

	match_not_loopback_in(&s);
	then_verdict(&s, NF_ACCEPT, NULL);
	for (uint8_t family = 4; family <= 6; family += 2)
		for (size_t i = 0; i < COUNT(web_ports); i++) {
			s = chains_rule(r, "diverted_in", family);
			match_protocol(&s, IPPROTO_TCP);
			match_port(&s, web_ports[i]);
			match_family(&s);
			match_not_local(&s);
			then_tproxy(&s, c->gate_port);
			then_verdict(&s, NF_ACCEPT, NULL);
		}
}

/* What is sent to these addresses is for the gate, on any port. */
static void fake_to_gate(struct ruleset *r, size_t first, uint8_t prefix)
{
	const struct address base = fake_ip_address(FAKE_IP_PROXY, first);
	struct statement s = chains_rule(r, "redirect_web", 4);

	match_family(&s);
	match_protocol(&s, IPPROTO_TCP);
	match_to(&s, &base, prefix);
	then_verdict(&s, NFT_GOTO, "to_gate");
}

void gate_rules_base_rules(struct ruleset *r, const struct wall_config *c)
{
	const uid_t workers[] = {c->gate_uid, c->resolver_uid};
	struct statement s = chains_rule(r, "redirect_web", 4);

	match_loopback_out(&s);
	then_verdict(&s, NF_ACCEPT, NULL);
	for (size_t i = 0; i < COUNT(workers); i++) {
		s = chains_rule(r, "redirect_web", 4);
		match_uid(&s, workers[i]);
		then_verdict(&s, NF_ACCEPT, NULL);
	}
	if (c->proxied)
		fake_to_gate(r, 0, FAKE_IP_PREFIX);
	else if (c->asks)
		fake_to_gate(r, FAKE_IP_ASKED, FAKE_IP_ASKED_PREFIX);
	for (uint8_t family = 4; family <= 6; family += 2)
		for (size_t i = 0; i < COUNT(web_ports); i++) {
			s = chains_rule(r, "redirect_web", family);
			match_family(&s);
			match_protocol(&s, IPPROTO_TCP);
			match_port(&s, web_ports[i]);
			then_verdict(&s, NFT_GOTO, family == 4 ? "web4" : "web6");
		}
	if (c->diverts) {
		diverted_out(r);
		diverted_in(r, c);
	}
}

/* In the order of chains_destinations(): what is refused or approved there independently of
 * names bypasses the gate. */
static void gate_destinations(struct ruleset *r, const char *chain, uint8_t family)
{
	struct statement s;

	chains_to_set(r, chain, family, SET_SPECIAL, "bypass");
	chains_to_set(r, chain, family, SET_DENIED, "bypass");
	chains_to_port_set(r, chain, family, IPPROTO_TCP, SET_DENIED_PORTS, "bypass");
	chains_to_port_set(r, chain, family, IPPROTO_TCP, SET_PRIVATE_NETS, "bypass");
	chains_to_port_set(r, chain, family, IPPROTO_TCP, SET_PRIVATE, "to_gate");
	chains_to_set(r, chain, family, SET_PRIVATE_RANGES, "bypass");
	chains_to_set(r, chain, family, SET_GATEWAYS, "bypass");
	chains_to_port_set(r, chain, family, IPPROTO_TCP, SET_NETS, "bypass");
	s = chains_rule(r, chain, family);
	then_verdict(&s, NFT_GOTO, "to_gate");
}

static void gate_verdicts(struct ruleset *r, const struct wall_config *c)
{
	struct statement s = chains_rule(r, "bypass", 4);

	then_verdict(&s, NF_ACCEPT, NULL);
	s = chains_rule(r, "to_gate", 4);
	match_protocol(&s, IPPROTO_TCP);
	then_redirect(&s, c->gate_port);
}

void gate_rules_fill(struct ruleset *r, const struct wall_config *c)
{
	chains_destinations(r, "direct4", 4, false);
	chains_destinations(r, "direct6", 6, false);
	gate_destinations(r, "web4", 4);
	gate_destinations(r, "web6", 6);
	gate_verdicts(r, c);
}
