/*
 * PID 1's side of the resolver's protocol: each field of a message is checked against its
 * range and the policy; what passes becomes pins in the wall. Nothing in a message is
 * trusted: the policy decides again about the name and each address.
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
 * Lifetime of a pin: the record's TTL, at least the floor (clients reconnect within a minute
 * whatever the record says), at most the ceiling (RFC 8767 §4 caps at a day), plus a grace
 * period for clients that cache longer than they should.
 */
#define PINS_TTL_FLOOR   60
#define PINS_TTL_CEILING 86400
#define PINS_GRACE       120

/* Requests whose pins go into one transaction: as many as the resolver may have outstanding. */
#define PINS_REQUESTS LIMIT_PINS_OUT

struct pins_batch; /* pins.c: checked, but not in the wall yet */

struct pins {
	const struct policy *policy;
	struct wall *wall; /* NULL in the cell: nothing has to be opened, only judged */
	struct routes *routes;
	struct events *events;
	bool booted;                 /* RESOLVER_BOOTED has been received */
	uint32_t boot_pinned;        /* names pinned by then */
	uint64_t pinned;             /* addresses opened since the start */
	struct pins_batch *batch;    /* owned; allocated with the first request */
	struct pin_index *pin_index; /* owned; from pin_index_new(), if the policy can change */
	bool reopened;      /* the pending batch has an address at which something is closed */
	bool networks;      /* the wall doesn't have the current network rules yet */
	size_t next_in_use; /* cursor of pin_index_walk() for pins in use */
};

/*
 * Handles one message. A request for pins is checked and queued for pins_flush(). Returns 0;
 * or -1 if it violates the protocol (or PID 1 is out of memory): the worker must be killed,
 * and its queued requests are dropped.
 */
int pins_message(struct pins *p, const struct resolver_message *m);

/* Receives the replies to requests, at most PINS_REQUESTS, in their order. */
typedef void pins_answer(void *context, const struct resolver_pinned *answers, size_t count);

/*
 * Adds all queued pins to the wall in one transaction; if that fails, one transaction for
 * each request, so that one that can't be satisfied doesn't affect others. Then replies to
 * all of them by one call of answer(), and only then logs the events, since clients wait for
 * the replies. Call when the available messages have been handled.
 */
void pins_flush(struct pins *p, pins_answer *answer, void *context);

/*
 * Pins in use (pins_in_use.c). A program may look up a name once and connect much later, as
 * connection pools do. Passes to ask(), for the resolver to look up, at most PINS_LOOKUPS names
 * that have a pin which expires within PINS_SOON seconds and was used (wall_used()). The
 * addresses in the answer are pinned again; others expire. To be called every
 * PINS_IN_USE_SECONDS seconds as long as there are pins. Returns the number of pins that
 * expire, or -1 with *f filled.
 */
#define PINS_IN_USE_SECONDS 15
#define PINS_SOON           60 /* time for the look, a slow answer and a second try */
#define PINS_LOOKUPS        32 /* per minute about as many questions as a wildcard rule has */
typedef void pins_lookup(void *context, const struct resolver_in_use *m);
int pins_in_use(struct pins *p, pins_lookup *ask, void *context, struct failure *f);

/*
 * Call when the policy has changed: closes in the wall and the fence what is no longer allowed,
 * which ends its connections except the gate's, and opens what is. Pins stay until they expire,
 * but open nothing that isn't allowed. Returns 0; or -1 with *f filled if this is incomplete,
 * or if not everything that was opened is still known.
 */
int pins_follow(struct pins *p, const struct wall_config *c, const struct policy_change *change,
	struct failure *f);

/* The text of an enum resolver_reason; NULL for REASON_NONE. */
const char *pins_reason(uint32_t reason);
/* The same, with the address that the message is about, if it has one; static, or in text. */
const char *pins_why(
	const struct policy *p, const struct resolver_message *m, char text[POLICY_WHY]);

#endif
