/*
 * The gate's part of the wall: what might be a web server goes to the gate, and only the gate
 * gets any further. In nft's words:
 *
 *	chain redirect_web {	type nat hook output
 *		oif lo, or of a worker: accept
 *		an address that stands for a name behind the proxy: to the gate
 *		the web's ports: goto web4;  web6
 *	}
 *	chain web4 {		straight: a network rule decides, or no rule that could be
 *		@special, @denied, @private_nets . port: straight
 *		@private . port: to the gate
 *		@inside, @gateways, @nets . port: straight
 *		to the gate
 *	}
 *	chain diverted_out {	type filter hook output, before conntrack
 *		oif lo, tcp, to or from the web's ports: notrack
 *	}
 *	chain diverted_in {	type filter hook prerouting
 *		iif lo, the web's ports, of an address that isn't ours: tproxy to the gate
 *	}
 *	chain output {		...
 *		of the gate, established and approved: accept
 *		...
 *	}
 *	chain egress4 {		...
 *		of the gate, @proxies . port: approve
 *		the web's ports, of the gate: goto pinned4;  of another socket: goto direct4
 *		...
 *	}
 *	chain direct4 {			as pinned4, without the pins
 *		@special: refuse;  @private_nets . port: approve
 *		@inside, @gateways: refuse;  @nets . port: approve;  refuse
 *	}
 *
 * So every address that could be a web server's goes to the gate, pinned or not: a client with
 * an old address of an allowed name gets through, by an address that is that name's now.
 *
 * Most get there without redirect_web: routing leads them to lo (divert.c), and diverted_in to
 * the gate's socket. NAT costs each packet a third of its way; what is left to it is what only
 * the sets know, pins in private networks above all.
 */
#include "../lib/netfilter.h"

#include "../lib/fake_ip.h"
#include "chains.h"

#define COUNT(array) (sizeof(array) / sizeof((array)[0]))

/* Where names are inside what is sent: https and http. */
static const uint16_t web_ports[] = {443, 80};

/* Where conntrack has not seen a packet yet, and where it is about to be routed. */
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

/* Nearly every packet is one of these. No rule could say otherwise: what is denied or special
 * is never approved, and the sets for that are fixed. What is denied after the start the gate
 * ends itself. */
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

/* A server of the payload's own on these ports is untracked as well, and misses nothing. */
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
	if (c->proxied) {
		const struct address base = fake_ip_address(0);

		s = chains_rule(r, "redirect_web", 4);
		match_family(&s);
		match_protocol(&s, IPPROTO_TCP);
		match_to(&s, &base, FAKE_IP_PREFIX);
		then_verdict(&s, NFT_GOTO, "to_gate");
	}
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

/* The order is that of chains_destinations(): what is refused or approved there without a name
 * isn't the gate's business. */
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
