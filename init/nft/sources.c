/*
 * Which source addresses a packet may have. In nft syntax, roughly:
 *
 *	chain output {		first of all
 *		skuid gate, established and approved: accept
 *		ipv4, socket neither root's nor a worker's: jump sources4;  ipv6: sources6
 *		first packet of a connection: jump unowned
 *		...
 *	}
 *	chain sources4 {	returns if the sender may use the source
 *		redirected by us, from a port in the workers' range: goto reject_all
 *		saddr . sport @upstreams: drop
 *		saddr 127.0.0.11: drop		not in sources6
 *		saddr 127.0.0.1: return		::1
 *		saddr not local: drop		(without fib: any IPv6: reject)
 *	}
 *	chain unowned {
 *		has a socket: return
 *		drop
 *	}
 *
 * This applies on loopback as on the wire, and to any destination: conntrack takes a packet
 * in the reverse direction for the reply. A datagram from 127.0.0.11:53 to the port of a
 * future query turns that query into a reply: NAT leaves it alone, and the engine's resolver
 * never receives it. A packet dropped here leaves nothing in conntrack, since an entry is
 * kept only if its first packet has passed all hooks.
 *
 * An entry that matches the workers' own direction would have to begin with a packet from
 * the same address and port to the same server. The payload's packets to ports 53, 443 and
 * 80 are redirected, and the worker's would be too if they matched that entry. Hence the
 * workers' own port range. (What isn't redirected goes to its destination, whoever sends
 * it.)
 *
 * These packets are dropped silently, since a reply would go to an address that isn't the
 * sender's. For a datagram the sending call fails nevertheless.
 *
 * Root is exempt because the engine's resolver answers from 127.0.0.11; the gate is exempt
 * because it answers from its client's original destination. So does the kernel for a socket
 * of the gate that is gone, which is why an unowned packet is only checked if it would start
 * a connection. Those that the kernel sends itself (ICMP errors, resets) never do. Kernel
 * sockets that act for others would (AF_RXRPC, AF_SMC); the payload can't create them
 * (lib/filters_gen.c).
 */
#include "../lib/netfilter.h"

#include "../lib/worker.h"
#include "chains.h"

static const struct address embedded = {4, {127, 0, 0, 11}};
static const struct address loopback4 = {4, {127, 0, 0, 1}};
static const struct address loopback6 = {6, {[15] = 1}};

static const char *chain_of(uint8_t family)
{
	return family == 4 ? "sources4" : "sources6";
}

void sources_chains(struct ruleset *r)
{
	chains_add(r, chain_of(4));
	chains_add(r, chain_of(6));
	chains_add(r, "unowned");
}

void sources_output(struct ruleset *r, const struct wall_config *c)
{
	const uid_t others[] = {0, c->resolver_uid, c->gate_uid};
	struct statement s;

	for (uint8_t family = 4; family <= 6; family += 2) {
		s = chains_rule(r, "output", family);
		match_family(&s);
		match_none_of(&s, others, sizeof(others) / sizeof(others[0]));
		then_verdict(&s, NFT_JUMP, chain_of(family));
	}
	s = chains_rule(r, "output", 4);
	match_ct_state(&s, NF_CT_STATE_BIT(IP_CT_NEW));
	then_verdict(&s, NFT_JUMP, "unowned");
}

static void sources(struct ruleset *r, const struct wall_config *c, uint8_t family)
{
	static const uint8_t transports[] = {IPPROTO_TCP, IPPROTO_UDP};
	const char *chain = chain_of(family);
	/* Only TCP and UDP are redirected, so there are ports. */
	struct statement s = chains_rule(r, chain, family);

	match_ct_redirected(&s);
	match_from_ports_above(&s, WORKER_FIRST_PORT);
	then_verdict(&s, NFT_GOTO, "reject_all");
	for (size_t i = 0; i < sizeof(transports); i++) {
		s = chains_rule(r, chain, family);
		match_family(&s); /* nft(8) can't list the key without it */
		match_protocol(&s, transports[i]);
		match_from_port_set(&s, chains_set(SET_UPSTREAMS, &s));
		then_verdict(&s, NF_DROP, NULL);
	}
	if (family == 4) {
		s = chains_rule(r, chain, family);
		match_from(&s, &embedded, 32);
		then_verdict(&s, NF_DROP, NULL);
	}
	s = chains_rule(r, chain, family);
	match_from(&s, family == 4 ? &loopback4 : &loopback6, family == 4 ? 32 : 128);
	then_verdict(&s, NFT_RETURN, NULL);
	if (!c->no_fib) {
		s = chains_rule(r, chain, family);
		match_from_not_local(&s);
		then_verdict(&s, NF_DROP, NULL);
	} else if (family == 6) { /* the address may well be the sender's, so reply */
		s = chains_rule(r, chain, family);
		then_verdict(&s, NFT_GOTO, "reject_all");
	}
}

void sources_rules(struct ruleset *r, const struct wall_config *c)
{
	struct statement s;

	sources(r, c, 4);
	sources(r, c, 6);
	s = chains_rule(r, "unowned", 4);
	match_owned(&s);
	then_verdict(&s, NFT_RETURN, NULL);
	s = chains_rule(r, "unowned", 4);
	then_verdict(&s, NF_DROP, NULL);
}
