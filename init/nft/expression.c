/* See expression.h. */
#include "../lib/netfilter.h"

#include "expression.h"

#include <string.h>

struct nftnl_expr *expression_add(struct statement *s, const char *name)
{
	struct nftnl_expr *e = *s->failed ? NULL : nftnl_expr_alloc(name);

	if (e)
		nftnl_rule_add_expr(s->rule, e);
	else
		*s->failed = true;
	return e;
}

void expression_u32(struct statement *s, struct nftnl_expr *e, uint16_t type, uint32_t value)
{
	if (!*s->failed)
		nftnl_expr_set_u32(e, type, value);
}

static void put_data(struct statement *s, struct nftnl_expr *e, uint16_t type, const void *data,
	uint32_t len)
{
	if (!*s->failed && nftnl_expr_set(e, type, data, len) < 0)
		*s->failed = true;
}

void expression_text(struct statement *s, struct nftnl_expr *e, uint16_t type, const char *name)
{
	if (!*s->failed && nftnl_expr_set_str(e, type, name) < 0)
		*s->failed = true;
}

/* A register by the number of its 32-bit word. The kernel reports the first of each four by
 * its old 128-bit name. */
static uint32_t register_of(unsigned word)
{
	return word % 4 ? NFT_REG32_00 + word : NFT_REG_1 + word / 4;
}

void expression_meta(struct statement *s, uint32_t key, unsigned word)
{
	struct nftnl_expr *e = expression_add(s, "meta");

	expression_u32(s, e, NFTNL_EXPR_META_KEY, key);
	expression_u32(s, e, NFTNL_EXPR_META_DREG, register_of(word));
}

void expression_payload(
	struct statement *s, uint32_t base, uint32_t offset, uint32_t len, unsigned word)
{
	struct nftnl_expr *e = expression_add(s, "payload");

	expression_u32(s, e, NFTNL_EXPR_PAYLOAD_DREG, register_of(word));
	expression_u32(s, e, NFTNL_EXPR_PAYLOAD_BASE, base);
	expression_u32(s, e, NFTNL_EXPR_PAYLOAD_OFFSET, offset);
	expression_u32(s, e, NFTNL_EXPR_PAYLOAD_LEN, len);
}

void expression_ct(struct statement *s, uint32_t key)
{
	struct nftnl_expr *e = expression_add(s, "ct");

	expression_u32(s, e, NFTNL_EXPR_CT_KEY, key);
	expression_u32(s, e, NFTNL_EXPR_CT_DREG, NFT_REG_1);
}

void expression_compare(struct statement *s, uint32_t op, const void *data, uint32_t len)
{
	struct nftnl_expr *e = expression_add(s, "cmp");

	expression_u32(s, e, NFTNL_EXPR_CMP_SREG, NFT_REG_1);
	expression_u32(s, e, NFTNL_EXPR_CMP_OP, op);
	put_data(s, e, NFTNL_EXPR_CMP_DATA, data, len);
}

void expression_mask(struct statement *s, const void *bits, uint32_t len)
{
	static const uint8_t zero[16];
	struct nftnl_expr *e = expression_add(s, "bitwise");

	expression_u32(s, e, NFTNL_EXPR_BITWISE_SREG, NFT_REG_1);
	expression_u32(s, e, NFTNL_EXPR_BITWISE_DREG, NFT_REG_1);
	expression_u32(s, e, NFTNL_EXPR_BITWISE_OP, NFT_BITWISE_BOOL);
	expression_u32(s, e, NFTNL_EXPR_BITWISE_LEN, len);
	put_data(s, e, NFTNL_EXPR_BITWISE_MASK, bits, len);
	put_data(s, e, NFTNL_EXPR_BITWISE_XOR, zero, len);
}

void expression_immediate(struct statement *s, unsigned word, const void *data, uint32_t len)
{
	struct nftnl_expr *e = expression_add(s, "immediate");

	expression_u32(s, e, NFTNL_EXPR_IMM_DREG, register_of(word));
	put_data(s, e, NFTNL_EXPR_IMM_DATA, data, len);
}

unsigned expression_address_words(const struct statement *s)
{
	return s->family == 4 ? 1 : 4;
}

/* The destination address is at offset 16 of the IPv4 header and 24 of the IPv6 header, the
 * source address before it. */
static void load_address(struct statement *s, uint32_t offset4, uint32_t offset6)
{
	expression_payload(s, NFT_PAYLOAD_NETWORK_HEADER, s->family == 4 ? offset4 : offset6,
		expression_address_words(s) * 4, 0);
}

void expression_to(struct statement *s)
{
	load_address(s, 16, 24);
}

void expression_from(struct statement *s)
{
	load_address(s, 12, 8);
}

/* The source port is at offset 0, the destination port at 2, in TCP, UDP and whatever else
 * match_protocol() is called with. */
void expression_to_port(struct statement *s, unsigned word)
{
	expression_payload(s, NFT_PAYLOAD_TRANSPORT_HEADER, 2, 2, word);
}

void expression_from_port(struct statement *s, unsigned word)
{
	expression_payload(s, NFT_PAYLOAD_TRANSPORT_HEADER, 0, 2, word);
}
