/*
 * PID 1's half of the talk with the resolver: each message is checked, field by field, against
 * its range and the policy; what passes becomes pins in the wall. Nothing in a message is
 * believed: the name is decided by the policy again, and so is each address.
 */
#ifndef INIT_WALL_PINS_H
#define INIT_WALL_PINS_H

#include <stdbool.h>
#include <stdint.h>

#include "../control/events.h"
#include "../dns/protocol.h"
#include "../policy/policy.h"
#include "routes.h"
#include "wall.h"

/*
 * How long a pin lives: the record's TTL, not below the floor (clients reconnect within a
 * minute whatever the record says) nor above the ceiling (RFC 8767 §4 caps at a day), and a
 * grace for clients that cache longer than they should.
 */
#define PINS_TTL_FLOOR   60
#define PINS_TTL_CEILING 86400
#define PINS_GRACE       120

struct pins {
	const struct policy *policy;
	struct wall *wall;
	struct routes *routes;
	struct events *events;
	bool booted;          /* RESOLVER_BOOTED has come */
	uint32_t boot_pinned; /* names pinned by then */
	uint64_t pinned;      /* addresses opened since the start */
};

/*
 * Takes one datagram of size bytes. Returns 0, with *reply to be sent back where *has_reply;
 * or -1 when it breaks the protocol: the worker that sent it must not go on.
 */
int pins_message(struct pins *p, const struct resolver_message *m, size_t size,
	struct resolver_message *reply, bool *has_reply);

/* The text of an enum resolver_reason; NULL for REASON_NONE. */
const char *pins_reason(uint32_t reason);

#endif
