/*
 * The rules of the wall. In nft syntax, roughly:
 *
 *	chain input {	hook input, policy drop
 *		loopback, replies, ICMPv6 neighbour discovery: accept
 *		to a published port, from @gateways or anybody: goto approve
 *	}
 *	chain output {	hook output, policy drop
 *		skuid gate, established and approved: accept
 *		source address checks: sources.c
 *		skuid broker, original direction: refuse;  to 127.0.0.0/8: goto loopback
 *		skuid broker: refuse
 *		oif lo goto loopback
 *		redirected to our resolver: accept
 *		ICMPv6 neighbour discovery: accept
 *		nfproto ipv4 goto egress4;  nfproto ipv6 goto egress6
 *	}
 *	chain egress4 {			egress6 is written by the same code
 *		resolver to an upstream, original direction: accept; elsewhere: refuse
 *		uid 0 to port 53, if the engine's resolver runs in this namespace: accept
 *		an upstream, or port 53: refuse
 *		@denied, @revoked . port: refuse
 *		@retired . port, established and approved: goto pinned4
 *		ports 443 and 80, gate: goto pinned4;  any other socket: goto direct4
 *		established and approved: TCP: update @used; accept
 *		has a socket: goto pinned4
 *		refuse
 *	}
 *	chain pinned4 {
 *		@special: refuse
 *		@private . port, @private_nets . port: approve
 *		@private_ranges, @gateways: refuse
 *		@pins . port, @nets . port: approve
 *		refuse
 *	}
 *
 * The gate's chains are in gate_rules.c. The rest is one file, so that it can be read beside
 * this.
 *
 * (No chain has the name of an nft keyword, so the output of `nft list` can be loaded
 * again.)
 *
 * approve marks the connection in conntrack, and only marked connections continue by
 * themselves: a connection outlives its pin, but neither one that existed before the wall,
 * nor the resolver's own flow when somebody else's packet happens to match it (same ports,
 * the resolver's socket just closed), is a way out. In a network that is no longer allowed, an
 * approved connection continues if a new one would be approved.
 *
 * A packet without a socket owner (TIME_WAIT, orphans) matches no uid rule. It is accepted
 * as part of an approved connection, otherwise refused without being counted. The resolver's
 * last ACK to an upstream is refused like that, which doesn't matter: the response has been
 * read.
 */
#include "../lib/netfilter.h"

#include "chains.h"

#include <string.h>

#define DNS_PORT 53

static const struct address embedded = {4, {127, 0, 0, 11}};
static const struct address loopback4 = {4, {127, 0, 0, 1}};
static const struct address loopback_net = {4, {127}};
static const struct address loopback6 = {6, {[15] = 1}};
/* The transports whose ports rules can match. */
static const uint8_t transports[] = {IPPROTO_TCP, IPPROTO_UDP};

/* ICMPv6 types (RFC 4443, RFC 4861). */
enum {
	ND_ROUTER_SOLICIT = 133,
	ND_ROUTER_ADVERT = 134,
	ND_NEIGHBOUR_SOLICIT = 135,
	ND_NEIGHBOUR_ADVERT = 136,
};

/* An approved connection needs no pin. Where it goes is recorded, so that the pin is renewed.
 * The gate's connections don't get here: the gate looks names up itself. */
static void established(struct ruleset *r, const char *chain, uint8_t family)
{
	for (int accept = 0; accept <= 1; accept++) {
		struct statement s = chains_rule(r, chain, family);

		if (!accept)
			match_protocol(&s, IPPROTO_TCP);
		match_ct_state(&s, NF_CT_STATE_BIT(IP_CT_ESTABLISHED));
		match_ct_approved(&s);
		if (accept)
			then_verdict(&s, NF_ACCEPT, NULL);
		else
			then_update(&s, chains_set(SET_USED, &s), WALL_USED_SECONDS);
	}
}

/* Packets that leave the container, for one address family. */
static void egress(
	struct ruleset *r, const struct wall_config *c, const char *chain, uint8_t family)
{
	struct statement s;

	for (size_t i = 0; i < sizeof(transports); i++) {
		s = chains_rule(r, chain, family);
		match_uid(&s, c->resolver_uid);
		match_protocol(&s, transports[i]);
		match_ct_original(&s);
		match_to_port_set(&s, chains_set(SET_UPSTREAMS, &s));
		then_verdict(&s, NF_ACCEPT, NULL);
	}
	s = chains_rule(r, chain, family);
	match_uid(&s, c->resolver_uid);
	then_verdict(&s, NFT_GOTO, "refuse");

	/* In audit mode the gate connects to its client's original destination and reports
	 * what it would have refused. */
	if (c->gate_port && c->audit) {
		s = chains_rule(r, chain, family);
		match_uid(&s, c->gate_uid);
		then_verdict(&s, NF_ACCEPT, NULL);
	}

	/* The payload is never uid 0; the engine's resolver is, in this namespace. */
	for (size_t i = 0; c->embedded_dns && i < sizeof(transports); i++) {
		s = chains_rule(r, chain, family);
		match_uid(&s, 0);
		match_protocol(&s, transports[i]);
		match_port(&s, DNS_PORT);
		then_verdict(&s, NF_ACCEPT, NULL);
	}
	for (size_t i = 0; i < sizeof(transports); i++) {
		chains_to_port_set(r, chain, family, transports[i], SET_UPSTREAMS, "refuse");
		s = chains_rule(r, chain, family);
		match_protocol(&s, transports[i]);
		match_port(&s, DNS_PORT);
		then_verdict(&s, NFT_GOTO, "refuse");
	}
	chains_to_set(r, chain, family, SET_DENIED, "refuse");
	chains_to_port_set(r, chain, family, IPPROTO_TCP, SET_DENIED_PORTS, "refuse");
	chains_to_port_set(r, chain, family, IPPROTO_TCP, SET_REVOKED, "refuse");
	s = chains_rule(r, chain, family);
	match_protocol(&s, IPPROTO_TCP);
	match_to_port_set(&s, chains_set(SET_RETIRED, &s));
	match_ct_state(&s, NF_CT_STATE_BIT(IP_CT_ESTABLISHED));
	match_ct_approved(&s);
	then_verdict(&s, NFT_GOTO, family == 4 ? "pinned4" : "pinned6");

	/* Before the rule for established connections: when a socket of the gate is closed,
	 * its conntrack entry must not let another socket on the same port bypass the gate. */
	if (c->gate_port)
		gate_rules_egress(r, c, chain, family);
	established(r, chain, family);

	/* The gate as well: CONNECT leads to ports other than 443 and 80. */
	s = chains_rule(r, chain, family);
	match_owned(&s);
	then_verdict(&s, NFT_GOTO, family == 4 ? "pinned4" : "pinned6");
	s = chains_rule(r, chain, family);
	then_verdict(&s, NFT_GOTO, "refuse");
}

/* Counts a refused packet in the kernel, so that PID 1 never has to look at one. Those of
 * our own probe aren't counted. */
static void record(struct ruleset *r, const char *chain, uint8_t family)
{
	struct statement s;

	for (size_t i = 0; i < sizeof(transports); i++) {
		s = chains_rule(r, chain, family);
		match_protocol(&s, transports[i]);
		match_not_uid(&s, UID_PROBE);
		then_count(&s, chains_set(SET_REFUSED, &s), true);
	}
	s = chains_rule(r, chain, family);
	match_not_protocol(&s, IPPROTO_TCP);
	match_not_protocol(&s, IPPROTO_UDP);
	match_not_uid(&s, UID_PROBE);
	then_count(&s, chains_set(SET_REFUSED, &s), false);
}

static void approve_and_refuse(struct ruleset *r, const struct wall_config *c)
{
	struct statement s;

	s = chains_rule(r, "approve", 4);
	then_approve(&s);
	then_verdict(&s, NF_ACCEPT, NULL);

	s = chains_rule(r, "refuse", 4);
	match_family(&s);
	then_verdict(&s, NFT_JUMP, "record4");
	s = chains_rule(r, "refuse", 6);
	match_family(&s);
	then_verdict(&s, NFT_JUMP, "record6");
	s = chains_rule(r, "refuse", 4);
	if (c->audit)
		then_verdict(&s, NF_ACCEPT, NULL);
	else
		then_verdict(&s, NFT_GOTO, "reject_all");

	record(r, "record4", 4);
	record(r, "record6", 6);

	s = chains_rule(r, "reject_all", 4);
	match_protocol(&s, IPPROTO_TCP);
	then_reset(&s);
	s = chains_rule(r, "reject_all", 4);
	then_prohibit(&s);
}

/*
 * Loopback is open except for the engine's embedded resolver, on any port: the engine's NAT
 * has already changed 127.0.0.11:53 to a random port of that address. It stays closed in
 * audit mode too, since queries to it would not be recorded.
 */
static void loopback(struct ruleset *r, const struct wall_config *c)
{
	struct statement s;

	if (c->embedded_dns) {
		s = chains_rule(r, "loopback", 4);
		match_family(&s);
		match_uid(&s, c->resolver_uid);
		match_ct_original(&s);
		match_to(&s, &embedded, 32);
		then_verdict(&s, NF_ACCEPT, NULL);
	}
	s = chains_rule(r, "loopback", 4);
	match_family(&s);
	match_to(&s, &embedded, 32);
	then_verdict(&s, NFT_JUMP, "record4");
	s = chains_rule(r, "loopback", 4);
	match_family(&s);
	match_to(&s, &embedded, 32);
	then_verdict(&s, NFT_GOTO, "reject_all");
	s = chains_rule(r, "loopback", 4);
	then_verdict(&s, NF_ACCEPT, NULL);
}

/* A redirected packet has its new destination at this point, but the hook still reports the
 * old device. The chain `leaving` ensures that it really goes to lo. */
static void redirected(struct ruleset *r, uint8_t family, uint8_t protocol, uint16_t port)
{
	struct statement s = chains_rule(r, "output", family);

	match_family(&s);
	match_protocol(&s, protocol);
	match_to(&s, family == 4 ? &loopback4 : &loopback6, family == 4 ? 32 : 128);
	match_port(&s, port);
	match_ct_redirected(&s);
	then_verdict(&s, NF_ACCEPT, NULL);
}

/* The broker answers who connects to it on loopback, and connects to nobody: the way that the
 * gate keeps for it is no network socket. (What is diverted to the gate has no direction.) */
static void broker(struct ruleset *r)
{
	for (int i = 0; i < 3; i++) {
		struct statement s = chains_rule(r, "output", 4);

		match_uid(&s, UID_BROKER);
		if (i == 0)
			match_ct_original(&s);
		if (i == 1) {
			match_family(&s);
			match_to(&s, &loopback_net, 8);
		}
		then_verdict(&s, NFT_GOTO, i == 1 ? "loopback" : "refuse");
	}
}

static void output(struct ruleset *r, const struct wall_config *c)
{
	static const uint8_t discovery[] = {
		ND_ROUTER_SOLICIT, ND_NEIGHBOUR_SOLICIT, ND_NEIGHBOUR_ADVERT};
	struct statement s;

	if (c->gate_port)
		gate_rules_output(r, c);
	sources_output(r, c);
	broker(r);
	s = chains_rule(r, "output", 4);
	match_loopback_out(&s);
	then_verdict(&s, NFT_GOTO, "loopback");
	for (uint8_t family = 4; family <= 6; family += 2) {
		for (size_t i = 0; i < sizeof(transports); i++)
			redirected(r, family, transports[i], c->resolver_port);
		if (c->gate_port)
			redirected(r, family, IPPROTO_TCP, c->gate_port);
	}
	/* Only the kernel sends these: the payload has no raw sockets. */
	for (size_t i = 0; i < sizeof(discovery); i++) {
		s = chains_rule(r, "output", 6);
		match_family(&s);
		match_protocol(&s, IPPROTO_ICMPV6);
		match_icmp6(&s, discovery[i]);
		then_verdict(&s, NF_ACCEPT, NULL);
	}
	s = chains_rule(r, "output", 4);
	match_family(&s);
	then_verdict(&s, NFT_GOTO, "egress4");
	s = chains_rule(r, "output", 6);
	match_family(&s);
	then_verdict(&s, NFT_GOTO, "egress6");
}

/* A published port: the gateway, or anybody, may connect to it. The server's packets leave
 * like those of any approved connection. */
static void published(struct ruleset *r, const struct wall_config *c)
{
	for (size_t i = 0; i < c->published_count; i++)
		for (uint8_t family = 4; family <= 6; family += 2) {
			struct statement s = chains_rule(r, "input", family);

			match_family(&s);
			match_protocol(&s, IPPROTO_TCP);
			match_port(&s, c->published[i].port);
			if (!c->published[i].any)
				match_from_set(&s, chains_set(SET_GATEWAYS, &s));
			then_verdict(&s, NFT_GOTO, "approve");
		}
}

/* Replies, ICMP errors about them (including "too big"), neighbour discovery, and what is
 * published. */
static void input(struct ruleset *r, const struct wall_config *c)
{
	static const uint8_t discovery[] = {
		ND_ROUTER_ADVERT, ND_NEIGHBOUR_SOLICIT, ND_NEIGHBOUR_ADVERT};
	struct statement s = chains_rule(r, "input", 4);

	match_loopback_in(&s);
	then_verdict(&s, NF_ACCEPT, NULL);
	s = chains_rule(r, "input", 4);
	match_ct_state(&s, NF_CT_STATE_BIT(IP_CT_ESTABLISHED) | NF_CT_STATE_BIT(IP_CT_RELATED));
	then_verdict(&s, NF_ACCEPT, NULL);
	for (size_t i = 0; i < sizeof(discovery); i++) {
		s = chains_rule(r, "input", 6);
		match_family(&s);
		match_protocol(&s, IPPROTO_ICMPV6);
		match_icmp6(&s, discovery[i]);
		then_verdict(&s, NF_ACCEPT, NULL);
	}
	published(r, c);
}

/*
 * After routing, when the device is final: no packet from or to a loopback address leaves by
 * another device. A socket bound to eth0 could do that: its DNS query, redirected to ::1,
 * would be put on the wire. The same for the source address, since ::1 isn't bound to a
 * device.
 */
static void leave_loopback(struct ruleset *r)
{
	static const struct {
		const struct address *net;
		uint8_t prefix;
	} loopbacks[] = {{&loopback_net, 8}, {&loopback6, 128}};
	struct statement s = chains_rule(r, "leaving", 4);

	match_loopback_out(&s);
	then_verdict(&s, NF_ACCEPT, NULL);
	for (size_t i = 0; i < sizeof(loopbacks) / sizeof(loopbacks[0]); i++)
		for (int from = 0; from <= 1; from++) {
			s = chains_rule(r, "leaving", loopbacks[i].net->family);
			match_family(&s);
			(from ? match_from : match_to)(
				&s, loopbacks[i].net, loopbacks[i].prefix);
			then_verdict(&s, NF_DROP, NULL);
		}
}

/*
 * Redirects all DNS queries but the resolver's and the engine's to our resolver on 127.0.0.1
 * or ::1, depending on the query's family. The engine's own resolver works here as uid 0, and
 * never asks itself: so queries of uid 0 to it are of somebody whom the engine lets in (docker
 * exec). Where there is no such resolver all of uid 0's are.
 */
static void redirect(struct ruleset *r, const struct wall_config *c)
{
	struct statement s;

	for (size_t i = 0; i < sizeof(transports); i++) {
		s = chains_rule(r, "redirect_dns", 4);
		match_protocol(&s, transports[i]);
		match_port(&s, DNS_PORT);
		if (c->embedded_dns)
			match_not_uid(&s, 0);
		match_not_uid(&s, c->resolver_uid);
		then_redirect(&s, c->resolver_port);
	}
	for (size_t i = 0; c->embedded_dns && i < sizeof(transports); i++) {
		s = chains_rule(r, "redirect_dns", 4);
		match_family(&s);
		match_protocol(&s, transports[i]);
		match_to(&s, &embedded, 32);
		match_port(&s, DNS_PORT);
		match_uid(&s, 0);
		then_redirect(&s, c->resolver_port);
	}
}

int ruleset_compile(struct ruleset *out, const struct wall_config *c)
{
	memset(out, 0, sizeof(*out));
	out->table = nftnl_table_alloc();
	if (!out->table || nftnl_table_set_str(out->table, NFTNL_TABLE_NAME, TABLE_NAME) < 0)
		return -1;
	nftnl_table_set_u32(out->table, NFTNL_TABLE_FAMILY, NFPROTO_INET);

	sets_compile(out, c);

	chains_add_base(out, "output", "filter", NF_INET_LOCAL_OUT, 0, NF_DROP);
	chains_add_base(out, "input", "filter", NF_INET_LOCAL_IN, 0, NF_DROP);
	chains_add_base(out, "forward", "filter", NF_INET_FORWARD, 0, NF_DROP);
	chains_add_base(out, "leaving", "filter", NF_INET_POST_ROUTING, 0, NF_ACCEPT);
	chains_add_base(
		out, "redirect_dns", "nat", NF_INET_LOCAL_OUT, PRIORITY_REDIRECT, NF_ACCEPT);
	if (c->gate_port)
		gate_rules_base_chains(out, c);
	sources_chains(out);
	chains_add(out, "loopback");
	chains_add(out, "egress4");
	chains_add(out, "egress6");
	chains_add(out, "pinned4");
	chains_add(out, "pinned6");
	chains_add(out, "approve");
	chains_add(out, "refuse");
	chains_add(out, "record4");
	chains_add(out, "record6");
	chains_add(out, "reject_all");
	if (c->gate_port)
		gate_rules_chains(out);

	/* In the order of the chains, as the kernel reads them back. */
	output(out, c);
	input(out, c);
	leave_loopback(out);
	redirect(out, c);
	if (c->gate_port)
		gate_rules_base_rules(out, c);
	sources_rules(out, c);
	loopback(out, c);
	egress(out, c, "egress4", 4);
	egress(out, c, "egress6", 6);
	chains_destinations(out, "pinned4", 4, true);
	chains_destinations(out, "pinned6", 6, true);
	approve_and_refuse(out, c);
	if (c->gate_port)
		gate_rules_fill(out, c);
	return out->failed ? -1 : 0;
}

void ruleset_free(struct ruleset *r)
{
	for (size_t i = 0; i < r->rules_count; i++)
		nftnl_rule_free(r->rules[i]);
	for (size_t i = 0; i < r->chains_count; i++)
		nftnl_chain_free(r->chains[i]);
	for (size_t i = 0; i < SETS; i++)
		if (r->sets[i].set)
			nftnl_set_free(r->sets[i].set);
	if (r->table)
		nftnl_table_free(r->table);
	memset(r, 0, sizeof(*r));
}
