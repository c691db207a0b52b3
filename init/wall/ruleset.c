/*
 * The rules of the wall. In nft's words:
 *
 *	chain output {	hook output, policy drop
 *		oif lo goto loopback
 *		redirected to our resolver: accept
 *		ICMPv6 neighbour discovery: accept
 *		nfproto ipv4 goto egress4;  nfproto ipv6 goto egress6
 *	}
 *	chain egress4 {			egress6 is written by the same code
 *		the resolver to an upstream: accept; to anything else: refuse
 *		uid 0 to port 53, where the engine's resolver works in this namespace: accept
 *		an upstream, or port 53: refuse
 *		@denied: refuse
 *		established and approved: accept
 *		@special: refuse
 *		@private . port, @private_nets . port: approve
 *		@inside, @gateways: refuse
 *		@pins . port, @nets . port: approve
 *		refuse
 *	}
 *
 * (No chain bears the name of one of nft's words, so that `nft list` can be fed back to it.)
 *
 * approve marks the connection in conntrack, and only a marked one goes on by itself: a flow
 * whose pin has run out lives on, while neither one that was there before the wall, nor the
 * resolver's own flow that somebody else's packet happens to match (same ports, the resolver's
 * socket just closed), is a way out.
 *
 * A packet without a socket's owner (TIME_WAIT, orphans) matches no rule about uids. It can be
 * accepted as part of an approved connection or to a pin, as anybody's packet can; else it is
 * refused, without being counted. The resolver's last ACK to an upstream falls to that: the
 * answer was read long before.
 */
#include "kernel.h"

#include "ruleset.h"

#include <string.h>

#include "statement.h"

#define DNS_PORT 53
/* Before the engine's own NAT of 127.0.0.11, which sits at NF_IP_PRI_NAT_DST, -100. */
#define PRIORITY_REDIRECT (-105)

static const struct address embedded = {4, {127, 0, 0, 11}};
static const struct address loopback4 = {4, {127, 0, 0, 1}};
static const struct address loopback_net = {4, {127}};
static const struct address loopback6 = {6, {[15] = 1}};
/* TCP and UDP: what has ports that rules can speak of. */
static const uint8_t transports[] = {IPPROTO_TCP, IPPROTO_UDP};

/* ICMPv6 types (RFC 4443, RFC 4861). */
enum {
	ND_ROUTER_SOLICIT = 133,
	ND_ROUTER_ADVERT = 134,
	ND_NEIGHBOUR_SOLICIT = 135,
	ND_NEIGHBOUR_ADVERT = 136,
};

static void add_chain(struct ruleset *r, const char *name)
{
	struct nftnl_chain *c;

	if (r->failed || r->chains_count == CHAINS_MAX || !(c = nftnl_chain_alloc())) {
		r->failed = true;
		return;
	}
	r->chains[r->chains_count++] = c;
	nftnl_chain_set_u32(c, NFTNL_CHAIN_FAMILY, NFPROTO_INET);
	if (nftnl_chain_set_str(c, NFTNL_CHAIN_TABLE, TABLE_NAME) < 0 ||
		nftnl_chain_set_str(c, NFTNL_CHAIN_NAME, name) < 0)
		r->failed = true;
}

static void add_base_chain(struct ruleset *r, const char *name, const char *type, uint32_t hook,
	int32_t priority, uint32_t policy)
{
	struct nftnl_chain *c;

	add_chain(r, name);
	if (r->failed)
		return;
	c = r->chains[r->chains_count - 1];
	nftnl_chain_set_u32(c, NFTNL_CHAIN_HOOKNUM, hook);
	nftnl_chain_set_s32(c, NFTNL_CHAIN_PRIO, priority);
	nftnl_chain_set_u32(c, NFTNL_CHAIN_POLICY, policy);
	if (nftnl_chain_set_str(c, NFTNL_CHAIN_TYPE, type) < 0)
		r->failed = true;
}

/* A new, empty rule at the end of a chain; family is what its address words look at. */
static struct statement rule(struct ruleset *r, const char *chain, uint8_t family)
{
	struct statement s = {.family = family, .failed = &r->failed};

	if (r->failed || r->rules_count == RULES_MAX || !(s.rule = nftnl_rule_alloc())) {
		r->failed = true;
		return s;
	}
	r->rules[r->rules_count++] = s.rule;
	nftnl_rule_set_u32(s.rule, NFTNL_RULE_FAMILY, NFPROTO_INET);
	if (nftnl_rule_set_str(s.rule, NFTNL_RULE_TABLE, TABLE_NAME) < 0 ||
		nftnl_rule_set_str(s.rule, NFTNL_RULE_CHAIN, chain) < 0)
		r->failed = true;
	return s;
}

static const char *set_of(enum set_kind kind, const struct statement *s)
{
	return ruleset_set_name(kind, s->family);
}

/* `chain: @set goto|...`: destinations of a set, on whatever port and protocol. */
static void rule_to_set(struct ruleset *r, const char *chain, uint8_t family,
	enum set_kind kind, const char *to)
{
	struct statement s = rule(r, chain, family);

	match_to_set(&s, set_of(kind, &s));
	then_verdict(&s, NFT_GOTO, to);
}

static void rule_to_port_set(struct ruleset *r, const char *chain, uint8_t family,
	uint8_t protocol, enum set_kind kind, const char *to)
{
	struct statement s = rule(r, chain, family);

	match_protocol(&s, protocol);
	match_to_port_set(&s, set_of(kind, &s));
	then_verdict(&s, NFT_GOTO, to);
}

/* What leaves the container, by one address family. */
static void egress(
	struct ruleset *r, const struct wall_config *c, const char *chain, uint8_t family)
{
	struct statement s;

	for (size_t i = 0; i < sizeof(transports); i++) {
		s = rule(r, chain, family);
		match_uid(&s, c->resolver_uid);
		match_protocol(&s, transports[i]);
		match_to_port_set(&s, set_of(SET_UPSTREAMS, &s));
		then_verdict(&s, NF_ACCEPT, NULL);
	}
	s = rule(r, chain, family);
	match_uid(&s, c->resolver_uid);
	then_verdict(&s, NFT_GOTO, "refuse");

	/* The payload is never uid 0; the engine's resolver is, in this namespace. */
	for (size_t i = 0; c->embedded_dns && i < sizeof(transports); i++) {
		s = rule(r, chain, family);
		match_uid(&s, 0);
		match_protocol(&s, transports[i]);
		match_port(&s, DNS_PORT);
		then_verdict(&s, NF_ACCEPT, NULL);
	}
	for (size_t i = 0; i < sizeof(transports); i++) {
		rule_to_port_set(r, chain, family, transports[i], SET_UPSTREAMS, "refuse");
		s = rule(r, chain, family);
		match_protocol(&s, transports[i]);
		match_port(&s, DNS_PORT);
		then_verdict(&s, NFT_GOTO, "refuse");
	}
	rule_to_set(r, chain, family, SET_DENIED, "refuse");
	rule_to_port_set(r, chain, family, IPPROTO_TCP, SET_DENIED_PORTS, "refuse");

	s = rule(r, chain, family);
	match_ct_state(&s, NF_CT_STATE_BIT(IP_CT_ESTABLISHED));
	match_ct_approved(&s);
	then_verdict(&s, NF_ACCEPT, NULL);

	rule_to_set(r, chain, family, SET_SPECIAL, "refuse");
	rule_to_port_set(r, chain, family, IPPROTO_TCP, SET_PRIVATE, "approve");
	rule_to_port_set(r, chain, family, IPPROTO_TCP, SET_PRIVATE_NETS, "approve");
	rule_to_set(r, chain, family, SET_INSIDE, "refuse");
	rule_to_set(r, chain, family, SET_GATEWAYS, "refuse");
	rule_to_port_set(r, chain, family, IPPROTO_TCP, SET_PINS, "approve");
	rule_to_port_set(r, chain, family, IPPROTO_TCP, SET_NETS, "approve");

	s = rule(r, chain, family);
	then_verdict(&s, NFT_GOTO, "refuse");
}

/* Counts a refused packet in the kernel, so that PID 1 never has to look at one. Our own
 * probe's tries are nobody's business. */
static void record(struct ruleset *r, const char *chain, uint8_t family)
{
	struct statement s;

	for (size_t i = 0; i < sizeof(transports); i++) {
		s = rule(r, chain, family);
		match_protocol(&s, transports[i]);
		match_not_uid(&s, UID_PROBE);
		then_count(&s, set_of(SET_REFUSED, &s), true);
	}
	s = rule(r, chain, family);
	match_not_protocol(&s, IPPROTO_TCP);
	match_not_protocol(&s, IPPROTO_UDP);
	match_not_uid(&s, UID_PROBE);
	then_count(&s, set_of(SET_REFUSED, &s), false);
}

static void conclusion(struct ruleset *r, const struct wall_config *c)
{
	struct statement s;

	s = rule(r, "approve", 4);
	then_approve(&s);
	then_verdict(&s, NF_ACCEPT, NULL);

	s = rule(r, "refuse", 4);
	match_family(&s);
	then_verdict(&s, NFT_JUMP, "record4");
	s = rule(r, "refuse", 6);
	match_family(&s);
	then_verdict(&s, NFT_JUMP, "record6");
	s = rule(r, "refuse", 4);
	if (c->audit)
		then_verdict(&s, NF_ACCEPT, NULL);
	else
		then_verdict(&s, NFT_GOTO, "reject_all");

	record(r, "record4", 4);
	record(r, "record6", 6);

	s = rule(r, "reject_all", 4);
	match_protocol(&s, IPPROTO_TCP);
	then_reset(&s);
	s = rule(r, "reject_all", 4);
	then_prohibit(&s);
}

/*
 * Loopback is open, but for the engine's embedded resolver, on any port: the engine's NAT has
 * turned 127.0.0.11:53 into a random port of it before this hook. Not in audit mode either: who
 * reaches it has DNS that nobody records.
 */
static void loopback(struct ruleset *r, const struct wall_config *c)
{
	struct statement s;

	if (c->embedded_dns) {
		s = rule(r, "loopback", 4);
		match_family(&s);
		match_uid(&s, c->resolver_uid);
		match_to(&s, &embedded, 32);
		then_verdict(&s, NF_ACCEPT, NULL);
	}
	s = rule(r, "loopback", 4);
	match_family(&s);
	match_to(&s, &embedded, 32);
	then_verdict(&s, NFT_JUMP, "record4");
	s = rule(r, "loopback", 4);
	match_family(&s);
	match_to(&s, &embedded, 32);
	then_verdict(&s, NFT_GOTO, "reject_all");
	s = rule(r, "loopback", 4);
	then_verdict(&s, NF_ACCEPT, NULL);
}

static void output(struct ruleset *r, const struct wall_config *c)
{
	static const uint8_t discovery[] = {
		ND_ROUTER_SOLICIT, ND_NEIGHBOUR_SOLICIT, ND_NEIGHBOUR_ADVERT};
	struct statement s = rule(r, "output", 4);

	match_loopback_out(&s);
	then_verdict(&s, NFT_GOTO, "loopback");
	/* A redirected packet has its new destination here, but the hook still calls its device
	 * by the old one. The chain `leaving` sees to it that it really goes to lo. */
	for (uint8_t family = 4; family <= 6; family += 2)
		for (size_t i = 0; i < sizeof(transports); i++) {
			s = rule(r, "output", family);
			match_family(&s);
			match_protocol(&s, transports[i]);
			match_to(&s, family == 4 ? &loopback4 : &loopback6,
				family == 4 ? 32 : 128);
			match_port(&s, c->resolver_port);
			match_ct_redirected(&s);
			then_verdict(&s, NF_ACCEPT, NULL);
		}
	/* Sent by the kernel alone: no socket of the payload can (it has no raw ones). */
	for (size_t i = 0; i < sizeof(discovery); i++) {
		s = rule(r, "output", 6);
		match_family(&s);
		match_protocol(&s, IPPROTO_ICMPV6);
		match_icmp6(&s, discovery[i]);
		then_verdict(&s, NF_ACCEPT, NULL);
	}
	s = rule(r, "output", 4);
	match_family(&s);
	then_verdict(&s, NFT_GOTO, "egress4");
	s = rule(r, "output", 6);
	match_family(&s);
	then_verdict(&s, NFT_GOTO, "egress6");
}

/* Replies and ICMP errors about them (too big among them), neighbour discovery, no more. */
static void input(struct ruleset *r)
{
	static const uint8_t discovery[] = {
		ND_ROUTER_ADVERT, ND_NEIGHBOUR_SOLICIT, ND_NEIGHBOUR_ADVERT};
	struct statement s = rule(r, "input", 4);

	match_loopback_in(&s);
	then_verdict(&s, NF_ACCEPT, NULL);
	s = rule(r, "input", 4);
	match_ct_state(&s, NF_CT_STATE_BIT(IP_CT_ESTABLISHED) | NF_CT_STATE_BIT(IP_CT_RELATED));
	then_verdict(&s, NF_ACCEPT, NULL);
	for (size_t i = 0; i < sizeof(discovery); i++) {
		s = rule(r, "input", 6);
		match_family(&s);
		match_protocol(&s, IPPROTO_ICMPV6);
		match_icmp6(&s, discovery[i]);
		then_verdict(&s, NF_ACCEPT, NULL);
	}
}

/*
 * After routing, when the device is certain: nothing for a loopback address may leave by
 * another one. A socket bound to eth0 gets there: its redirected DNS question, with ::1 as its
 * destination now, would be put on the wire.
 */
static void leaving(struct ruleset *r)
{
	struct statement s = rule(r, "leaving", 4);

	match_not_loopback_out(&s);
	match_family(&s);
	match_to(&s, &loopback_net, 8);
	then_verdict(&s, NF_DROP, NULL);
	s = rule(r, "leaving", 6);
	match_not_loopback_out(&s);
	match_family(&s);
	match_to(&s, &loopback6, 128);
	then_verdict(&s, NF_DROP, NULL);
}

/* Every DNS question but the resolver's and the engine's comes to our resolver: 127.0.0.1 or
 * ::1, as the question's family is. */
static void redirect(struct ruleset *r, const struct wall_config *c)
{
	for (size_t i = 0; i < sizeof(transports); i++) {
		struct statement s = rule(r, "redirect_dns", 4);

		match_protocol(&s, transports[i]);
		match_port(&s, DNS_PORT);
		match_not_uid(&s, 0);
		match_not_uid(&s, c->resolver_uid);
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

	add_base_chain(out, "output", "filter", NF_INET_LOCAL_OUT, 0, NF_DROP);
	add_base_chain(out, "input", "filter", NF_INET_LOCAL_IN, 0, NF_DROP);
	add_base_chain(out, "forward", "filter", NF_INET_FORWARD, 0, NF_DROP);
	add_base_chain(out, "leaving", "filter", NF_INET_POST_ROUTING, 0, NF_ACCEPT);
	add_base_chain(
		out, "redirect_dns", "nat", NF_INET_LOCAL_OUT, PRIORITY_REDIRECT, NF_ACCEPT);
	add_chain(out, "loopback");
	add_chain(out, "egress4");
	add_chain(out, "egress6");
	add_chain(out, "approve");
	add_chain(out, "refuse");
	add_chain(out, "record4");
	add_chain(out, "record6");
	add_chain(out, "reject_all");

	/* In the order of the chains: the kernel reads them back like that. */
	output(out, c);
	input(out);
	leaving(out);
	redirect(out, c);
	loopback(out, c);
	egress(out, c, "egress4", 4);
	egress(out, c, "egress6", 6);
	conclusion(out, c);
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
