/*
 * Rule words as libnftnl expressions. Each word loads what it looks at into register 1 and
 * compares there, so that rules have no state between words.
 *
 * Concatenated keys are what lies side by side in the 32-bit registers, each field padded to
 * four bytes: an IPv4 address fills register 1's first quarter, an IPv6 address all four.
 */
#include "kernel.h"

#include "statement.h"

#include <libnftnl/expr.h>
#include <linux/rtnetlink.h>
#include <string.h>

/* net/core/dev.c: the loopback device of every network namespace has index 1. */
#define LOOPBACK_IFINDEX 1

static struct nftnl_expr *add(struct statement *s, const char *name)
{
	struct nftnl_expr *e = *s->failed ? NULL : nftnl_expr_alloc(name);

	if (e)
		nftnl_rule_add_expr(s->rule, e);
	else
		*s->failed = true;
	return e;
}

static void put(struct statement *s, struct nftnl_expr *e, uint16_t type, uint32_t value)
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

static void put_name(struct statement *s, struct nftnl_expr *e, uint16_t type, const char *name)
{
	if (!*s->failed && nftnl_expr_set_str(e, type, name) < 0)
		*s->failed = true;
}

/* A register by its number of 32-bit words from the first. The kernel itself calls the first
 * of each four by its old 128-bit name. */
static uint32_t word_register(unsigned word)
{
	return word % 4 ? NFT_REG32_00 + word : NFT_REG_1 + word / 4;
}

static void load_meta(struct statement *s, uint32_t key, unsigned word)
{
	struct nftnl_expr *e = add(s, "meta");

	put(s, e, NFTNL_EXPR_META_KEY, key);
	put(s, e, NFTNL_EXPR_META_DREG, word_register(word));
}

static void load_payload(
	struct statement *s, uint32_t base, uint32_t offset, uint32_t len, unsigned word)
{
	struct nftnl_expr *e = add(s, "payload");

	put(s, e, NFTNL_EXPR_PAYLOAD_DREG, word_register(word));
	put(s, e, NFTNL_EXPR_PAYLOAD_BASE, base);
	put(s, e, NFTNL_EXPR_PAYLOAD_OFFSET, offset);
	put(s, e, NFTNL_EXPR_PAYLOAD_LEN, len);
}

static void load_ct(struct statement *s, uint32_t key)
{
	struct nftnl_expr *e = add(s, "ct");

	put(s, e, NFTNL_EXPR_CT_KEY, key);
	put(s, e, NFTNL_EXPR_CT_DREG, NFT_REG_1);
}

static void compare(struct statement *s, uint32_t op, const void *data, uint32_t len)
{
	struct nftnl_expr *e = add(s, "cmp");

	put(s, e, NFTNL_EXPR_CMP_SREG, NFT_REG_1);
	put(s, e, NFTNL_EXPR_CMP_OP, op);
	put_data(s, e, NFTNL_EXPR_CMP_DATA, data, len);
}

static void apply_mask(struct statement *s, const void *bits, uint32_t len)
{
	static const uint8_t zero[16];
	struct nftnl_expr *e = add(s, "bitwise");

	put(s, e, NFTNL_EXPR_BITWISE_SREG, NFT_REG_1);
	put(s, e, NFTNL_EXPR_BITWISE_DREG, NFT_REG_1);
	put(s, e, NFTNL_EXPR_BITWISE_OP, NFT_BITWISE_BOOL);
	put(s, e, NFTNL_EXPR_BITWISE_LEN, len);
	put_data(s, e, NFTNL_EXPR_BITWISE_MASK, bits, len);
	put_data(s, e, NFTNL_EXPR_BITWISE_XOR, zero, len);
}

static void immediate(struct statement *s, unsigned word, const void *data, uint32_t len)
{
	struct nftnl_expr *e = add(s, "immediate");

	put(s, e, NFTNL_EXPR_IMM_DREG, word_register(word));
	put_data(s, e, NFTNL_EXPR_IMM_DATA, data, len);
}

static unsigned address_words(const struct statement *s)
{
	return s->family == 4 ? 1 : 4;
}

/* The destination address: at 16 in the IPv4 header, at 24 in the IPv6 header. */
static void load_to(struct statement *s)
{
	load_payload(s, NFT_PAYLOAD_NETWORK_HEADER, s->family == 4 ? 16 : 24,
		address_words(s) * 4, 0);
}

/* The destination port: at 2 in TCP, UDP, and all that match_protocol() is called with. */
static void load_port(struct statement *s, unsigned word)
{
	load_payload(s, NFT_PAYLOAD_TRANSPORT_HEADER, 2, 2, word);
}

void match_family(struct statement *s)
{
	uint8_t family = s->family == 4 ? NFPROTO_IPV4 : NFPROTO_IPV6;

	load_meta(s, NFT_META_NFPROTO, 0);
	compare(s, NFT_CMP_EQ, &family, sizeof(family));
}

static void compare_protocol(struct statement *s, uint32_t op, uint8_t l4)
{
	load_meta(s, NFT_META_L4PROTO, 0);
	compare(s, op, &l4, sizeof(l4));
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

	load_meta(s, key, 0);
	compare(s, op, &index, sizeof(index));
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
 * The owner of the socket's file. A packet without one (a socket in TIME_WAIT or closed but
 * still sending, or the kernel itself) matches neither word: the rule simply ends.
 */
void match_uid(struct statement *s, uint32_t uid)
{
	load_meta(s, NFT_META_SKUID, 0);
	compare(s, NFT_CMP_EQ, &uid, sizeof(uid));
}

void match_not_uid(struct statement *s, uint32_t uid)
{
	load_meta(s, NFT_META_SKUID, 0);
	compare(s, NFT_CMP_NEQ, &uid, sizeof(uid));
}

void match_port(struct statement *s, uint16_t port)
{
	uint16_t wire = htons(port);

	load_port(s, 0);
	compare(s, NFT_CMP_EQ, &wire, sizeof(wire));
}

void match_from_port(struct statement *s, uint16_t port)
{
	uint16_t wire = htons(port);

	load_payload(s, NFT_PAYLOAD_TRANSPORT_HEADER, 0, 2, 0);
	compare(s, NFT_CMP_EQ, &wire, sizeof(wire));
}

void match_to(struct statement *s, const struct address *a, unsigned prefix)
{
	uint32_t len = address_words(s) * 4;
	uint8_t bits[16] = {0};

	for (unsigned i = 0; i < prefix; i++)
		bits[i / 8] |= (uint8_t)(0x80 >> i % 8);
	load_to(s);
	if (prefix < len * 8)
		apply_mask(s, bits, len);
	compare(s, NFT_CMP_EQ, a->bytes, len);
}

void match_not_local(struct statement *s)
{
	uint32_t local = RTN_LOCAL;
	struct nftnl_expr *e = add(s, "fib");

	put(s, e, NFTNL_EXPR_FIB_DREG, NFT_REG_1);
	put(s, e, NFTNL_EXPR_FIB_RESULT, NFT_FIB_RESULT_ADDRTYPE);
	put(s, e, NFTNL_EXPR_FIB_FLAGS, NFTA_FIB_F_DADDR);
	compare(s, NFT_CMP_NEQ, &local, sizeof(local));
}

void match_icmp6(struct statement *s, uint8_t type)
{
	load_payload(s, NFT_PAYLOAD_TRANSPORT_HEADER, 0, 1, 0);
	compare(s, NFT_CMP_EQ, &type, sizeof(type));
}

static void match_ct_bits(struct statement *s, uint32_t key, uint32_t bits)
{
	uint32_t none = 0;

	load_ct(s, key);
	apply_mask(s, &bits, sizeof(bits));
	compare(s, NFT_CMP_NEQ, &none, sizeof(none));
}

void match_ct_state(struct statement *s, uint32_t states)
{
	match_ct_bits(s, NFT_CT_STATE, states);
}

void match_ct_redirected(struct statement *s)
{
	match_ct_bits(s, NFT_CT_STATUS, IPS_DST_NAT);
}

void match_ct_approved(struct statement *s)
{
	uint32_t mark = APPROVED_MARK;

	load_ct(s, NFT_CT_MARK);
	compare(s, NFT_CMP_EQ, &mark, sizeof(mark));
}

static void look_up(struct statement *s, const char *set)
{
	struct nftnl_expr *e = add(s, "lookup");

	put(s, e, NFTNL_EXPR_LOOKUP_SREG, NFT_REG_1);
	put_name(s, e, NFTNL_EXPR_LOOKUP_SET, set);
}

void match_to_set(struct statement *s, const char *set)
{
	load_to(s);
	look_up(s, set);
}

void match_to_port_set(struct statement *s, const char *set)
{
	load_to(s);
	load_port(s, address_words(s));
	look_up(s, set);
}

void then_approve(struct statement *s)
{
	uint32_t mark = APPROVED_MARK;
	struct nftnl_expr *e;

	immediate(s, 0, &mark, sizeof(mark));
	e = add(s, "ct");
	put(s, e, NFTNL_EXPR_CT_KEY, NFT_CT_MARK);
	put(s, e, NFTNL_EXPR_CT_SREG, NFT_REG_1);
}

void then_count(struct statement *s, const char *set, bool with_port)
{
	uint32_t no_port = 0;
	struct nftnl_expr *e, *counter;

	load_to(s);
	load_meta(s, NFT_META_L4PROTO, address_words(s));
	if (with_port)
		load_port(s, address_words(s) + 1);
	else
		immediate(s, address_words(s) + 1, &no_port, sizeof(no_port));
	e = add(s, "dynset");
	put(s, e, NFTNL_EXPR_DYNSET_SREG_KEY, NFT_REG_1);
	put(s, e, NFTNL_EXPR_DYNSET_OP, NFT_DYNSET_OP_ADD);
	put_name(s, e, NFTNL_EXPR_DYNSET_SET_NAME, set);
	counter = *s->failed ? NULL : nftnl_expr_alloc("counter");
	if (!counter) {
		*s->failed = true;
		return;
	}
	/* As the kernel reads it back. */
	nftnl_expr_set_u64(counter, NFTNL_EXPR_CTR_PACKETS, 0);
	nftnl_expr_set_u64(counter, NFTNL_EXPR_CTR_BYTES, 0);
	nftnl_expr_add_expr(e, NFTNL_EXPR_DYNSET_EXPR, counter);
}

void then_redirect(struct statement *s, uint16_t port)
{
	uint16_t wire = htons(port);
	struct nftnl_expr *e;

	immediate(s, 0, &wire, sizeof(wire));
	e = add(s, "redir");
	put(s, e, NFTNL_EXPR_REDIR_REG_PROTO_MIN, NFT_REG_1);
	/* These two the kernel adds by itself, so that verify.c would miss them. */
	put(s, e, NFTNL_EXPR_REDIR_REG_PROTO_MAX, NFT_REG_1);
	put(s, e, NFTNL_EXPR_REDIR_FLAGS, NF_NAT_RANGE_PROTO_SPECIFIED);
}

void then_tproxy(struct statement *s, uint16_t port)
{
	uint16_t wire = htons(port);
	struct nftnl_expr *e;

	immediate(s, 0, &wire, sizeof(wire));
	e = add(s, "tproxy");
	put(s, e, NFTNL_EXPR_TPROXY_FAMILY, s->family == 4 ? NFPROTO_IPV4 : NFPROTO_IPV6);
	put(s, e, NFTNL_EXPR_TPROXY_REG_PORT, NFT_REG_1);
}

void then_untrack(struct statement *s)
{
	add(s, "notrack");
}

static void reject(struct statement *s, uint32_t type, uint8_t code)
{
	struct nftnl_expr *e = add(s, "reject");

	put(s, e, NFTNL_EXPR_REJECT_TYPE, type);
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
	struct nftnl_expr *e = add(s, "immediate");

	put(s, e, NFTNL_EXPR_IMM_DREG, NFT_REG_VERDICT);
	put(s, e, NFTNL_EXPR_IMM_VERDICT, (uint32_t)code);
	if (chain)
		put_name(s, e, NFTNL_EXPR_IMM_CHAIN, chain);
}
