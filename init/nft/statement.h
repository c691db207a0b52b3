/*
 * The statements of nft(8) that our rules use, each a few of the kernel's expressions. A
 * rule is written by a sequence of calls: match_...() restrict the packets it applies to,
 * then_...() say what to do with them. Private to this folder.
 */
#ifndef INIT_NFT_STATEMENT_H
#define INIT_NFT_STATEMENT_H

#include <libnftnl/rule.h>
#include <stdbool.h>
#include <stdint.h>
#include <sys/types.h>

#include "../lib/address.h"

/* A rule under construction. failed stays true after an allocation failed, so one check at
 * the end is enough. */
struct statement {
	struct nftnl_rule *rule;
	uint8_t family; /* 4 or 6: the header that address statements read */
	bool *failed;
};

/* Conntrack mark of a connection that the wall has let out. The payload can't set marks. */
#define APPROVED_MARK 0x0c0de000

void match_family(struct statement *s);               /* meta nfproto ipv4|ipv6 */
void match_protocol(struct statement *s, uint8_t l4); /* meta l4proto L4 */
void match_not_protocol(struct statement *s, uint8_t l4);
void match_loopback_out(struct statement *s);     /* oif lo */
void match_not_loopback_out(struct statement *s); /* oif != lo */
void match_loopback_in(struct statement *s);      /* iif lo */
void match_not_loopback_in(struct statement *s);
void match_uid(struct statement *s, uint32_t uid);
/* Matches packets of a socket with another owner. Packets that the kernel sends itself have
 * no socket. */
void match_not_uid(struct statement *s, uint32_t uid);
void match_none_of(struct statement *s, const uid_t *uids, size_t count);
void match_owned(struct statement *s);                    /* has a socket */
void match_port(struct statement *s, uint16_t port);      /* th dport; match_protocol() first */
void match_from_port(struct statement *s, uint16_t port); /* th sport */
void match_from_ports_above(struct statement *s, uint16_t first); /* th sport >= first */
void match_to(struct statement *s, const struct address *a, unsigned prefix); /* daddr */
void match_not_local(struct statement *s); /* fib daddr type != local */
void match_from(struct statement *s, const struct address *a, unsigned prefix); /* saddr */
void match_from_not_local(struct statement *s);      /* fib saddr type != local */
void match_icmp6(struct statement *s, uint8_t type); /* match_protocol() first */
void match_ct_state(struct statement *s, uint32_t states);
void match_ct_original(struct statement *s);                    /* ct direction original */
void match_ct_redirected(struct statement *s);                  /* ct status dnat */
void match_ct_approved(struct statement *s);                    /* ct mark APPROVED_MARK */
void match_to_set(struct statement *s, const char *set);        /* daddr @set */
void match_from_set(struct statement *s, const char *set);      /* saddr @set */
void match_to_port_set(struct statement *s, const char *set);   /* daddr . th dport @set */
void match_from_port_set(struct statement *s, const char *set); /* saddr . th sport @set */

void then_approve(struct statement *s);
/* add @set { daddr . l4proto . th dport counter }; without with_port the port is 0. If the
 * set is full, evaluation of this rule stops, so the verdict must be in the next one. */
void then_count(struct statement *s, const char *set, bool with_port);
/* update @set { daddr . th dport timeout SECONDS }; a set that is full ends the rule here. */
void then_update(struct statement *s, const char *set, uint32_t seconds);
void then_redirect(struct statement *s, uint16_t port);
/* tproxy to :PORT on the loopback address; if nothing listens there, evaluation of the rule
 * stops. */
void then_tproxy(struct statement *s, uint16_t port);
void then_untrack(struct statement *s); /* notrack */
void then_reset(struct statement *s);
void then_prohibit(struct statement *s);
/* NF_ACCEPT, NF_DROP, NFT_RETURN, or NFT_JUMP and NFT_GOTO with a chain. */
void then_verdict(struct statement *s, int code, const char *chain);

#endif
