/*
 * The egress wall: one nftables table, `inet codex_init`, created in one netlink transaction
 * and read back. Runs in PID 1 with CAP_NET_ADMIN; no other table is touched.
 *
 *	ruleset.c	policy -> libnftnl objects, pure; sets in sets.c, statements in match.c
 *			and then.c
 *	nft.c		libmnl transport: send a batch, wait for its acks, dump
 *	verify.c	read back and compare, object by object
 *	probe.c		try what must fail
 *	wall.c		the other functions below
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

/* Opens the netlink socket. EPERM without CAP_NET_ADMIN; the hint names the flag. */
int wall_open(struct wall **out, struct failure *f);
void wall_close(struct wall *w);

/*
 * Creates the table in one transaction: all of it or nothing. An existing table of that name
 * (codex-init was started twice in one namespace) is replaced in the same transaction.
 * Default drop for output, input and forward, for IPv4 and IPv6.
 */
int wall_build(struct wall *w, const struct wall_config *c, struct failure *f);

/* Removes the table, from a namespace that outlives the container, once nothing is left in
 * it that the wall was for. */
int wall_remove(struct wall *w, struct failure *f);

/* Reads the table back and compares it with what the config compiles to: chains with hooks,
 * priorities and policies; sets with types and flags; rules one by one in order. */
int wall_verify(struct wall *w, const struct wall_config *c, struct failure *f);

/* Determines the set that a pin goes into. */
enum pin_kind {
	PIN_PUBLIC,
	PIN_PRIVATE, /* checked before private ranges are refused */
	PIN_PROXY,   /* for the gate only, private or not */
};

struct pin {
	struct address address;
	uint16_t port;
	enum pin_kind kind;
	uint32_t seconds; /* lifetime; 0: until the container ends */
};

/* Opens TCP to each address and port, in one transaction, which is acknowledged when this
 * returns. An existing pin gets the new lifetime. */
int wall_pin(struct wall *w, const struct pin *pins, size_t count, struct failure *f);

/* Calls each() for every current pin, in no particular order, with the remaining seconds,
 * rounded up (0: until the container ends). */
int wall_pins(struct wall *w, void (*each)(void *context, const struct pin *p), void *context,
	struct failure *f);

/*
 * How long a destination counts as in use after its last packet: pools keep idle connections
 * and addresses for half an hour and more. And how many are recorded; a build has a dozen.
 * Beyond that a pin just lives as long as the record's TTL says.
 */
#define WALL_USED_SECONDS 3600
#define WALL_USED_MAX     4096
/* Reads the destinations of approved TCP connections within that time, without the gate's.
 * Calls each() for every one, in no order, at most 2 * WALL_USED_MAX times. */
int wall_used(struct wall *w, void (*each)(void *context, const struct endpoint *e),
	void *context, struct failure *f);

/*
 * Closes TCP to these addresses and ports, whatever else opens them, for established
 * connections too; reopens those of an earlier call. With networks, also applies the policy's
 * current network rules. One transaction. Established connections of the gate are left to the
 * gate.
 */
int wall_follow(struct wall *w, const struct policy *p, bool networks,
	const struct endpoint *list, size_t count, struct failure *f);

/* A refused destination, and the number of packets. */
struct wall_refusal {
	struct address address;
	uint8_t protocol; /* IPPROTO_TCP, IPPROTO_UDP; 0: any other */
	uint16_t port;
	uint64_t packets;
};
/* Calls each() for every entry of the wall's bounded set of refused destinations. */
int wall_refusals(struct wall *w, void (*each)(void *context, const struct wall_refusal *r),
	void *context, struct failure *f);

/*
 * Tries, as an unprivileged uid in a child, what the wall must refuse: TCP and UDP to public
 * documentation addresses, the gateway and the metadata address, IPv4 and IPv6; and, in
 * audit mode too, from addresses and ports that aren't the payload's. Returns -1 if any of
 * it is let through, or if anything that gets a reply isn't refused at once.
 */
int wall_probe(const struct wall_config *c, struct failure *f);

#endif
