/*
 * The kernel's expressions, of which match.c and then.c make words: libnftnl's
 * calls with the error remembered in the rule's `failed`. Private to those two.
 *
 * Registers are numbered by 32-bit words from the first. Concatenated keys are what lies side
 * by side in them, each field padded to four bytes: an IPv4 address fills register 1's first
 * quarter, an IPv6 address all four.
 */
#ifndef INIT_NFT_EXPRESSION_H
#define INIT_NFT_EXPRESSION_H

#include "statement.h"

#include <libnftnl/expr.h>

/* Appends an expression of that kind to the rule; NULL once memory has run out, which the
 * other calls take. */
struct nftnl_expr *expression_add(struct statement *s, const char *name);
/* One attribute of it. */
void expression_u32(struct statement *s, struct nftnl_expr *e, uint16_t type, uint32_t value);
void expression_data(struct statement *s, struct nftnl_expr *e, uint16_t type, const void *data,
	uint32_t len);
void expression_text(
	struct statement *s, struct nftnl_expr *e, uint16_t type, const char *text);

/* Load into the register with that number: a packet's property (NFT_META_*), octets of one of
 * its headers (NFT_PAYLOAD_*), a constant; and of its connection (NFT_CT_*), into the first. */
void expression_meta(struct statement *s, uint32_t key, unsigned word);
void expression_payload(
	struct statement *s, uint32_t base, uint32_t offset, uint32_t len, unsigned word);
void expression_immediate(struct statement *s, unsigned word, const void *data, uint32_t len);
void expression_ct(struct statement *s, uint32_t key);
/* The destination's address, into the first, and its port; the source's. */
void expression_to(struct statement *s);
void expression_to_port(struct statement *s, unsigned word);
void expression_from(struct statement *s);
void expression_from_port(struct statement *s, unsigned word);

/* Keep those bits of the first register alone; compare it (NFT_CMP_*). */
void expression_mask(struct statement *s, const void *bits, uint32_t len);
void expression_compare(struct statement *s, uint32_t op, const void *data, uint32_t len);

/* A register by its number, as the kernel calls it. */
uint32_t expression_register(unsigned word);
/* Registers that an address takes. */
unsigned expression_address_words(const struct statement *s);

#endif
