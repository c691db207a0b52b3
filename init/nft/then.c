/* Statements that act on the packets a rule applies to. */
#include "../lib/netfilter.h"

#include "expression.h"

void then_approve(struct statement *s)
{
	uint32_t mark = APPROVED_MARK;
	struct nftnl_expr *e;

	expression_immediate(s, 0, &mark, sizeof(mark));
	e = expression_add(s, "ct");
	expression_u32(s, e, NFTNL_EXPR_CT_KEY, NFT_CT_MARK);
	expression_u32(s, e, NFTNL_EXPR_CT_SREG, NFT_REG_1);
}

void then_count(struct statement *s, const char *set, bool with_port)
{
	uint32_t no_port = 0;
	struct nftnl_expr *e, *counter;

	expression_to(s);
	expression_meta(s, NFT_META_L4PROTO, expression_address_words(s));
	if (with_port)
		expression_to_port(s, expression_address_words(s) + 1);
	else
		expression_immediate(
			s, expression_address_words(s) + 1, &no_port, sizeof(no_port));
	e = expression_add(s, "dynset");
	expression_u32(s, e, NFTNL_EXPR_DYNSET_SREG_KEY, NFT_REG_1);
	expression_u32(s, e, NFTNL_EXPR_DYNSET_OP, NFT_DYNSET_OP_ADD);
	expression_text(s, e, NFTNL_EXPR_DYNSET_SET_NAME, set);
	counter = *s->failed ? NULL : nftnl_expr_alloc("counter");
	if (!counter) {
		*s->failed = true;
		return;
	}
	/* As the kernel returns it. */
	nftnl_expr_set_u64(counter, NFTNL_EXPR_CTR_PACKETS, 0);
	nftnl_expr_set_u64(counter, NFTNL_EXPR_CTR_BYTES, 0);
	nftnl_expr_add_expr(e, NFTNL_EXPR_DYNSET_EXPR, counter);
}

void then_update(struct statement *s, const char *set, uint32_t seconds)
{
	struct nftnl_expr *e;

	expression_to(s);
	expression_to_port(s, expression_address_words(s));
	e = expression_add(s, "dynset");
	expression_u32(s, e, NFTNL_EXPR_DYNSET_SREG_KEY, NFT_REG_1);
	expression_u32(s, e, NFTNL_EXPR_DYNSET_OP, NFT_DYNSET_OP_UPDATE);
	expression_text(s, e, NFTNL_EXPR_DYNSET_SET_NAME, set);
	if (!*s->failed)
		nftnl_expr_set_u64(e, NFTNL_EXPR_DYNSET_TIMEOUT, seconds * UINT64_C(1000));
}

void then_redirect(struct statement *s, uint16_t port)
{
	uint16_t wire = htons(port);
	struct nftnl_expr *e;

	expression_immediate(s, 0, &wire, sizeof(wire));
	e = expression_add(s, "redir");
	expression_u32(s, e, NFTNL_EXPR_REDIR_REG_PROTO_MIN, NFT_REG_1);
	/* The kernel adds these two by itself; without them verify.c would see a difference. */
	expression_u32(s, e, NFTNL_EXPR_REDIR_REG_PROTO_MAX, NFT_REG_1);
	expression_u32(s, e, NFTNL_EXPR_REDIR_FLAGS, NF_NAT_RANGE_PROTO_SPECIFIED);
}

void then_tproxy(struct statement *s, uint16_t port)
{
	uint16_t wire = htons(port);
	struct nftnl_expr *e;

	expression_immediate(s, 0, &wire, sizeof(wire));
	e = expression_add(s, "tproxy");
	expression_u32(
		s, e, NFTNL_EXPR_TPROXY_FAMILY, s->family == 4 ? NFPROTO_IPV4 : NFPROTO_IPV6);
	expression_u32(s, e, NFTNL_EXPR_TPROXY_REG_PORT, NFT_REG_1);
}

void then_untrack(struct statement *s)
{
	expression_add(s, "notrack");
}

static void reject(struct statement *s, uint32_t type, uint8_t code)
{
	struct nftnl_expr *e = expression_add(s, "reject");

	expression_u32(s, e, NFTNL_EXPR_REJECT_TYPE, type);
	if (!*s->failed)
		nftnl_expr_set_u8(e, NFTNL_EXPR_REJECT_CODE, code);
}

void then_reset(struct statement *s)
{
	reject(s, NFT_REJECT_TCP_RST, 0);
}

void then_prohibit(struct statement *s)
{
	reject(s, NFT_REJECT_ICMPX_UNREACH, NFT_REJECT_ICMPX_ADMIN_PROHIBITED);
}

void then_verdict(struct statement *s, int code, const char *chain)
{
	struct nftnl_expr *e = expression_add(s, "immediate");

	expression_u32(s, e, NFTNL_EXPR_IMM_DREG, NFT_REG_VERDICT);
	expression_u32(s, e, NFTNL_EXPR_IMM_VERDICT, (uint32_t)code);
	if (chain)
		expression_text(s, e, NFTNL_EXPR_IMM_CHAIN, chain);
}
