/*
 * Who may say that a packet is from where. In nft's words:
 *
 *	chain output {		first of all
 *		of the gate, established and approved: accept
 *		ipv4, of a socket that isn't root's or a worker's: jump sources4;  ipv6:
 *sources6 the first of its connection: jump unowned
 *		...
 *	}
 *	chain sources4 {	returns where the packet's source is its sender's to use
 *		redirected by us, from a port of the workers': goto reject_all
 *		from @upstreams . port: drop
 *		from 127.0.0.11: drop		sources6 has no such address
 *		from 127.0.0.1: return		::1
 *		from an address that isn't ours: drop	(without fib: IPv6 at all: reject)
 *	}
 *	chain unowned {
 *		of a socket: return
 *		drop
 *	}
 *
 * On loopback as on the wire, and whatever the destination is: conntrack takes a packet that
 * goes the other way for the answer. A datagram from 127.0.0.11:53 to the port of a question to
 * come makes that question an answer: NAT leaves it alone, and the engine's resolver never
 * hears of it. A packet that is dropped here leaves nothing in conntrack, since an entry is
 * only kept when its first packet has passed all hooks.
 *
 * An entry of the resolver's or the gate's own direction begins with a packet from the same
 * address and port to the same server; the payload's to port 53 and to the web's ports are
 * redirected, and so would the worker's be. Hence the range of ports that is the workers'.
 * (What isn't redirected goes where it says, whoever sends it.)
 *
 * Dropped and not answered, since the answer would go to the address that isn't the sender's.
 * A datagram fails in the call that sends it nevertheless.
 *
 * Root's are left out because the engine's resolver answers from 127.0.0.11; the gate answers
 * from the address that its client aimed at. So does the kernel for a socket of the gate's that
 * is gone, which is why a packet that no socket owns isn't looked at but when it would begin
 * something. The kernel's own (ICMP errors, resets) never do. Sockets of the kernel's that work
 * for others would (AF_RXRPC, AF_SMC); the payload can't have any (lib/filters_gen.c).
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
	/* Only TCP and UDP are redirected, so it has ports. */
	struct statement s = chains_rule(r, chain, family);

	match_ct_redirected(&s);
	match_from_ports_above(&s, WORKER_FIRST_PORT);
	then_verdict(&s, NFT_GOTO, "reject_all");
	for (size_t i = 0; i < sizeof(transports); i++) {
		s = chains_rule(r, chain, family);
		match_family(&s); /* for nft(8), which can't read a source in a key without */
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
	} else if (family == 6) { /* its sender may well have the address, so it is told */
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
