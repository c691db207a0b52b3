/*
 * The kernel's expressions, from which match.c and then.c build statements: libnftnl calls
 * that record errors in the rule's `failed`. Private to those two.
 *
 * Registers are numbered by 32-bit words. A concatenated key is consecutive words, each
 * field padded to four bytes: an IPv4 address fills the first quarter of register 1, an IPv6
 * address all of it.
 */
#ifndef INIT_NFT_EXPRESSION_H
#define INIT_NFT_EXPRESSION_H

#include "statement.h"

#include <libnftnl/expr.h>

/* Appends an expression of that kind to the rule. Returns NULL when out of memory, which the
 * other calls accept. */
struct nftnl_expr *expression_add(struct statement *s, const char *name);
/* Set one attribute of an expression. */
void expression_u32(struct statement *s, struct nftnl_expr *e, uint16_t type, uint32_t value);
void expression_text(
	struct statement *s, struct nftnl_expr *e, uint16_t type, const char *text);

/* Load into the given register word: packet metadata (NFT_META_*), header octets
 * (NFT_PAYLOAD_*), a constant; and into the first one connection data (NFT_CT_*). */
void expression_meta(struct statement *s, uint32_t key, unsigned word);
void expression_payload(
	struct statement *s, uint32_t base, uint32_t offset, uint32_t len, unsigned word);
void expression_immediate(struct statement *s, unsigned word, const void *data, uint32_t len);
void expression_ct(struct statement *s, uint32_t key);
/* Load the destination address into the first word, and its port; the same for the source. */
void expression_to(struct statement *s);
void expression_to_port(struct statement *s, unsigned word);
void expression_from(struct statement *s);
void expression_from_port(struct statement *s, unsigned word);

/* Mask the first register; compare it (NFT_CMP_*). */
void expression_mask(struct statement *s, const void *bits, uint32_t len);
void expression_compare(struct statement *s, uint32_t op, const void *data, uint32_t len);

/* The number of words in an address. */
unsigned expression_address_words(const struct statement *s);

#endif
