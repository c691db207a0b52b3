/* See chains.h. */
#include "../lib/netfilter.h"

#include "chains.h"

void chains_add(struct ruleset *r, const char *name)
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

void chains_add_base(struct ruleset *r, const char *name, const char *type, uint32_t hook,
	int32_t priority, uint32_t policy)
{
	struct nftnl_chain *c;

	chains_add(r, name);
	if (r->failed)
		return;
	c = r->chains[r->chains_count - 1];
	nftnl_chain_set_u32(c, NFTNL_CHAIN_HOOKNUM, hook);
	nftnl_chain_set_s32(c, NFTNL_CHAIN_PRIO, priority);
	nftnl_chain_set_u32(c, NFTNL_CHAIN_POLICY, policy);
	if (nftnl_chain_set_str(c, NFTNL_CHAIN_TYPE, type) < 0)
		r->failed = true;
}

struct statement chains_rule(struct ruleset *r, const char *chain, uint8_t family)
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

const char *chains_set(enum set_kind kind, const struct statement *s)
{
	return ruleset_set_name(kind, s->family);
}

void chains_to_set(struct ruleset *r, const char *chain, uint8_t family, enum set_kind kind,
	const char *to)
{
	struct statement s = chains_rule(r, chain, family);

	match_to_set(&s, chains_set(kind, &s));
	then_verdict(&s, NFT_GOTO, to);
}

void chains_to_port_set(struct ruleset *r, const char *chain, uint8_t family, uint8_t protocol,
	enum set_kind kind, const char *to)
{
	struct statement s = chains_rule(r, chain, family);

	match_protocol(&s, protocol);
	match_to_port_set(&s, chains_set(kind, &s));
	then_verdict(&s, NFT_GOTO, to);
}

void chains_destinations(struct ruleset *r, const char *chain, uint8_t family, bool pins)
{
	struct statement s;

	chains_to_set(r, chain, family, SET_SPECIAL, "refuse");
	if (pins)
		chains_to_port_set(r, chain, family, IPPROTO_TCP, SET_PRIVATE, "approve");
	chains_to_port_set(r, chain, family, IPPROTO_TCP, SET_PRIVATE_NETS, "approve");
	chains_to_set(r, chain, family, SET_PRIVATE_RANGES, "refuse");
	chains_to_set(r, chain, family, SET_GATEWAYS, "refuse");
	if (pins)
		chains_to_port_set(r, chain, family, IPPROTO_TCP, SET_PINS, "approve");
	chains_to_port_set(r, chain, family, IPPROTO_TCP, SET_NETS, "approve");
	s = chains_rule(r, chain, family);
	then_verdict(&s, NFT_GOTO, "refuse");
}
