/*
 * The egress wall: one nftables table, `inet codex_init`, put up in one netlink transaction
 * and read back. Runs in PID 1 with CAP_NET_ADMIN; no other table is touched.
 *
 *	ruleset.c	policy -> libnftnl objects, pure; its sets in sets.c, the words that
 *			its rules are made of in match.c
 *	nft.c		libmnl transport: send a batch, wait for its acks, dump
 *	verify.c	read back and compare, object by object
 *	probe.c		try what must fail
 *	wall.c		the other calls below
 */
#ifndef INIT_NFT_WALL_H
#define INIT_NFT_WALL_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

#include "../lib/say.h"
#include "../policy/wall_config.h"

struct wall; /* opaque: the netlink socket */

/* Opens the netlink socket. EPERM: no CAP_NET_ADMIN; the hint names the flag. */
int wall_open(struct wall **out, struct failure *f);
void wall_close(struct wall *w);

/*
 * Puts the table up in one transaction: all of it or nothing. A table of the same name that
 * is there already (codex-init started twice in one namespace) is replaced in the same
 * transaction. Default drop for output, input and forward, for IPv4 and IPv6 alike.
 */
int wall_build(struct wall *w, const struct wall_config *c, struct failure *f);

/* Takes the table away. For a namespace that outlives the container, when nothing is left in it
 * that the wall was for. */
int wall_remove(struct wall *w, struct failure *f);

/* Reads the table back and compares it with what the config compiles to: chains with their
 * hooks, priorities and policies; sets with types and flags; rules one by one in order. */
int wall_verify(struct wall *w, const struct wall_config *c, struct failure *f);

/* Which of the sets a pin goes to. */
enum pin_kind {
	PIN_PUBLIC,
	PIN_PRIVATE, /* looked at before the private ranges are refused */
	PIN_PROXY,   /* the gate's alone, private or not */
};

struct pin {
	struct address address;
	uint16_t port;
	enum pin_kind kind;
	uint32_t seconds; /* life; 0: until the container ends */
};

/* Opens tcp to each address and port, in one transaction, acknowledged when this returns. A
 * pin that is there already gets the new life. */
int wall_pin(struct wall *w, const struct pin *pins, size_t count, struct failure *f);

/* Reads the pins that are open now; calls each() for every one, in no order, with seconds what
 * is left of its life, rounded up (0: until the container ends). */
int wall_pins(struct wall *w, void (*each)(void *context, const struct pin *p), void *context,
	struct failure *f);

/*
 * Shuts the networks that the policy denies by now, and for TCP these addresses and ports,
 * whatever opens them, for connections under way as for new ones; opens again those of an
 * earlier call. One transaction. The gate's connections under way are left to it.
 */
int wall_revoke(struct wall *w, const struct policy *p, const struct endpoint *list,
	size_t count, struct failure *f);

/* A destination that the wall refused, with how many packets it counted. */
struct wall_refusal {
	struct address address;
	uint8_t protocol; /* IPPROTO_TCP, IPPROTO_UDP; 0: another */
	uint16_t port;
	uint64_t packets;
};
/* Reads the wall's bounded set of refused destinations; calls each() for every one. */
int wall_refusals(struct wall *w, void (*each)(void *context, const struct wall_refusal *r),
	void *context, struct failure *f);

/*
 * Tries, as an unprivileged uid in a child, what the wall must refuse: TCP and UDP to public
 * documentation addresses, to the gateway and the metadata address, IPv4 and IPv6; and, in
 * audit mode too, from addresses and ports that aren't the payload's. Returns -1 when anything
 * of it is let through, or when what would be answered isn't refused at once.
 */
int wall_probe(const struct wall_config *c, struct failure *f);

#endif
