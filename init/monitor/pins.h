/*
 * PID 1's half of the talk with the resolver: each message is checked, field by field, against
 * its range and the policy; what passes becomes pins in the wall. Nothing in a message is
 * believed: the name is decided by the policy again, and so is each address.
 */
#ifndef INIT_MONITOR_PINS_H
#define INIT_MONITOR_PINS_H

#include <stdbool.h>
#include <stdint.h>

#include "../nft/wall.h"
#include "../policy/policy.h"
#include "../resolver/resolver_ipc.h"
#include "../route/routes.h"
#include "events.h"
#include "pin_index.h"

/*
 * How long a pin lives: the record's TTL, not below the floor (clients reconnect within a
 * minute whatever the record says) nor above the ceiling (RFC 8767 §4 caps at a day), and a
 * grace for clients that cache longer than they should.
 */
#define PINS_TTL_FLOOR   60
#define PINS_TTL_CEILING 86400
#define PINS_GRACE       120

/* Requests whose pins go into the wall in one transaction: as many as the resolver has out. */
#define PINS_REQUESTS LIMIT_PINS_OUT

struct pins_batch; /* pins.c: what is checked and not in the wall yet */

struct pins {
	const struct policy *policy;
	struct wall *wall;
	struct routes *routes;
	struct events *events;
	bool booted;              /* RESOLVER_BOOTED has come */
	uint32_t boot_pinned;     /* names pinned by then */
	uint64_t pinned;          /* addresses opened since the start */
	struct pins_batch *batch; /* owned; had with the first request */
	struct pin_index
		*pin_index; /* owned; by pin_index_new(), where something can be denied later */
	bool reopened;      /* what waits has an address at which something is shut */
};

/*
 * Takes one message. A request for pins is checked and waits for pins_flush().
 * Returns 0; or -1 when it breaks the protocol (or PID 1 has no memory left): the worker that
 * sent it must not go on, and what it asked for and isn't in the wall is forgotten.
 */
int pins_message(struct pins *p, const struct resolver_message *m);

/* Where the answers to requests go, PINS_REQUESTS at most and in their order. */
typedef void pins_answer(void *context, const struct resolver_pinned *answers, size_t count);

/*
 * Puts all that waits into the wall, in one transaction; when that fails, each request in its
 * own, so that one that can't be met is no other's harm. Then answers them, all by one call of
 * answer(), and only then tells the events: somebody waits for the answers. To be called when
 * the datagrams at hand are taken.
 */
void pins_flush(struct pins *p, pins_answer *answer, void *context);
void pins_free(struct pins *p);

/*
 * To be called when the policy has got denials: shuts in the wall what they take away, which
 * ends its flows but for the gate's. Its pins stay until their time is up, and open nothing.
 * Returns 0; or -1 with *f filled: not all of it is done, or not all that was opened is still
 * known.
 */
int pins_deny(struct pins *p, struct failure *f);

/* The text of an enum resolver_reason; NULL for REASON_NONE. */
const char *pins_reason(uint32_t reason);
/* The same with the address that a message is about, where it has one; static, or in text. */
const char *pins_why(
	const struct policy *p, const struct resolver_message *m, char text[POLICY_WHY]);

#endif
