/*
 * Statements that restrict which packets a rule applies to. Each loads its operand into
 * register 1 and compares there, so no state is kept between statements.
 */
#include "../lib/netfilter.h"

#include "expression.h"

#include <linux/rtnetlink.h>

/* net/core/dev.c: the loopback device of every network namespace has index 1. */
#define LOOPBACK_IFINDEX 1

void match_family(struct statement *s)
{
	uint8_t family = s->family == 4 ? NFPROTO_IPV4 : NFPROTO_IPV6;

	expression_meta(s, NFT_META_NFPROTO, 0);
	expression_compare(s, NFT_CMP_EQ, &family, sizeof(family));
}

static void compare_protocol(struct statement *s, uint32_t op, uint8_t l4)
{
	expression_meta(s, NFT_META_L4PROTO, 0);
	expression_compare(s, op, &l4, sizeof(l4));
}

void match_protocol(struct statement *s, uint8_t l4)
{
	compare_protocol(s, NFT_CMP_EQ, l4);
}

void match_not_protocol(struct statement *s, uint8_t l4)
{
	compare_protocol(s, NFT_CMP_NEQ, l4);
}

static void compare_device(struct statement *s, uint32_t key, uint32_t op)
{
	uint32_t index = LOOPBACK_IFINDEX;

	expression_meta(s, key, 0);
	expression_compare(s, op, &index, sizeof(index));
}

void match_loopback_out(struct statement *s)
{
	compare_device(s, NFT_META_OIF, NFT_CMP_EQ);
}

void match_not_loopback_out(struct statement *s)
{
	compare_device(s, NFT_META_OIF, NFT_CMP_NEQ);
}

void match_loopback_in(struct statement *s)
{
	compare_device(s, NFT_META_IIF, NFT_CMP_EQ);
}

void match_not_loopback_in(struct statement *s)
{
	compare_device(s, NFT_META_IIF, NFT_CMP_NEQ);
}

/*
 * The owner of the socket. A packet without one (a socket in TIME_WAIT or closed but still
 * sending, or the kernel itself) matches neither statement: evaluation of the rule stops.
 */
void match_uid(struct statement *s, uint32_t uid)
{
	expression_meta(s, NFT_META_SKUID, 0);
	expression_compare(s, NFT_CMP_EQ, &uid, sizeof(uid));
}

void match_none_of(struct statement *s, const uid_t *uids, size_t count)
{
	expression_meta(s, NFT_META_SKUID, 0);
	for (size_t i = 0; i < count; i++)
		expression_compare(s, NFT_CMP_NEQ, &uids[i], sizeof(uids[i]));
}

void match_not_uid(struct statement *s, uint32_t uid)
{
	match_none_of(s, &uid, 1);
}

/* No socket has the uid that means "no change" to setreuid(2). */
void match_owned(struct statement *s)
{
	match_not_uid(s, (uid_t)-1);
}

void match_port(struct statement *s, uint16_t port)
{
	uint16_t wire = htons(port);

	expression_to_port(s, 0);
	expression_compare(s, NFT_CMP_EQ, &wire, sizeof(wire));
}

/* The kernel compares byte by byte, so network byte order gives the right order. */
static void compare_from_port(struct statement *s, uint32_t op, uint16_t port)
{
	uint16_t wire = htons(port);

	expression_from_port(s, 0);
	expression_compare(s, op, &wire, sizeof(wire));
}

void match_from_port(struct statement *s, uint16_t port)
{
	compare_from_port(s, NFT_CMP_EQ, port);
}

void match_from_ports_above(struct statement *s, uint16_t first)
{
	compare_from_port(s, NFT_CMP_GTE, first);
}

static void compare_address(struct statement *s, const struct address *a, unsigned prefix)
{
	uint32_t len = expression_address_words(s) * 4;
	uint8_t bits[16] = {0};

	for (unsigned i = 0; i < prefix; i++)
		bits[i / 8] |= (uint8_t)(0x80 >> i % 8);
	if (prefix < len * 8)
		expression_mask(s, bits, len);
	expression_compare(s, NFT_CMP_EQ, a->bytes, len);
}

void match_to(struct statement *s, const struct address *a, unsigned prefix)
{
	expression_to(s);
	compare_address(s, a, prefix);
}

void match_from(struct statement *s, const struct address *a, unsigned prefix)
{
	expression_from(s);
	compare_address(s, a, prefix);
}

static void compare_kind(struct statement *s, uint32_t whose)
{
	uint32_t local = RTN_LOCAL;
	struct nftnl_expr *e = expression_add(s, "fib");

	expression_u32(s, e, NFTNL_EXPR_FIB_DREG, NFT_REG_1);
	expression_u32(s, e, NFTNL_EXPR_FIB_RESULT, NFT_FIB_RESULT_ADDRTYPE);
	expression_u32(s, e, NFTNL_EXPR_FIB_FLAGS, whose);
	expression_compare(s, NFT_CMP_NEQ, &local, sizeof(local));
}

void match_not_local(struct statement *s)
{
	compare_kind(s, NFTA_FIB_F_DADDR);
}

void match_from_not_local(struct statement *s)
{
	compare_kind(s, NFTA_FIB_F_SADDR);
}

void match_icmp6(struct statement *s, uint8_t type)
{
	expression_payload(s, NFT_PAYLOAD_TRANSPORT_HEADER, 0, 1, 0);
	expression_compare(s, NFT_CMP_EQ, &type, sizeof(type));
}

static void match_ct_bits(struct statement *s, uint32_t key, uint32_t bits)
{
	uint32_t none = 0;

	expression_ct(s, key);
	expression_mask(s, &bits, sizeof(bits));
	expression_compare(s, NFT_CMP_NEQ, &none, sizeof(none));
}

void match_ct_state(struct statement *s, uint32_t states)
{
	match_ct_bits(s, NFT_CT_STATE, states);
}

void match_ct_original(struct statement *s)
{
	uint8_t original = IP_CT_DIR_ORIGINAL;

	expression_ct(s, NFT_CT_DIRECTION);
	expression_compare(s, NFT_CMP_EQ, &original, sizeof(original));
}

void match_ct_redirected(struct statement *s)
{
	match_ct_bits(s, NFT_CT_STATUS, IPS_DST_NAT);
}

void match_ct_approved(struct statement *s)
{
	uint32_t mark = APPROVED_MARK;

	expression_ct(s, NFT_CT_MARK);
	expression_compare(s, NFT_CMP_EQ, &mark, sizeof(mark));
}

static void look_up(struct statement *s, const char *set)
{
	struct nftnl_expr *e = expression_add(s, "lookup");

	expression_u32(s, e, NFTNL_EXPR_LOOKUP_SREG, NFT_REG_1);
	expression_text(s, e, NFTNL_EXPR_LOOKUP_SET, set);
}

void match_to_set(struct statement *s, const char *set)
{
	expression_to(s);
	look_up(s, set);
}

void match_from_set(struct statement *s, const char *set)
{
	expression_from(s);
	look_up(s, set);
}

void match_to_port_set(struct statement *s, const char *set)
{
	expression_to(s);
	expression_to_port(s, expression_address_words(s));
	look_up(s, set);
}

void match_from_port_set(struct statement *s, const char *set)
{
	expression_from(s);
	expression_from_port(s, expression_address_words(s));
	look_up(s, set);
}
