/*
 * Queries to the upstreams: sending, retransmission, failover, TCP for truncated responses.
 * Knows nothing of policy or clients; each query gets one callback.
 *
 * Against forged responses (RFC 5452): each upstream has a pool of connected UDP sockets,
 * each on a random port, replaced after LIMIT_UPSTREAM_USES queries; the socket for the
 * queries of one wake-up and the id of each are random; a response must come from the server
 * that was queried and repeat the question, including its letter case ("0x20") unless that
 * server has been seen not to keep it. upstream_forged.c deals with guessing.
 */
#ifndef INIT_RESOLVER_UPSTREAM_H
#define INIT_RESOLVER_UPSTREAM_H

#include "../lib/dns_message.h"
#include "../lib/resolvconf.h"
#include "resolver_ipc.h"

struct upstream;

/* Called before each query is sent, for the first time or again, by UDP or TCP. Returns
 * false if it must not be sent. */
typedef bool upstream_may_ask(void *context, int tag);
/*
 * Returns the tag, and *name, of an A query that upstreams have answered before, or -1 if
 * there is none. It is used to probe a server that doesn't answer.
 */
typedef int upstream_known(void *context, const char **name);
/*
 * Called once for each query that upstream_ask() accepted, never from within upstream_ask():
 * reason REASON_NONE and outcome ADDRESSES, EMPTY or NXDOMAIN with *answer; or another
 * reason (TIMEOUT, SERVER, MALFORMED, LIMIT if may_ask() refused) and answer NULL.
 */
typedef void upstream_answered(void *context, int tag, uint16_t type, enum dns_outcome outcome,
	const struct dns_answer *answer, enum resolver_reason reason);
/*
 * Called for each malformed response; with UPSTREAM_UNSOLICITED for each datagram that
 * matches no query; and with UPSTREAM_GUESSED when there were so many that queries were sent
 * again from another port.
 */
typedef void upstream_malformed(void *context, int tag);
#define UPSTREAM_UNSOLICITED (-1)
#define UPSTREAM_GUESSED     (-2)

struct upstream_config {
	const struct endpoint *endpoints;
	size_t count;
	int epoll;     /* sockets are added here, */
	uint64_t data; /* with this value plus a number below UPSTREAM_NUMBERS */
	upstream_may_ask *may_ask;
	upstream_known *known;
	upstream_answered *answered;
	upstream_malformed *malformed;
	void *context;
};
#define UPSTREAM_NUMBERS (LIMIT_UPSTREAMS * LIMIT_UPSTREAM_SOCKETS + LIMIT_UPSTREAM_TCP)

/* Allocates all memory that will be needed. Returns NULL if there isn't enough. */
struct upstream *upstream_new(const struct upstream_config *c);

/*
 * Queries a record of a name, followed by a search domain if suffix isn't NULL; both must
 * stay valid until the answer. stale: gives up early, since there is a stale answer. Returns
 * REASON_NONE; or, without a later callback, REASON_LIMIT if it must not be sent, and
 * REASON_TIMEOUT if there is no upstream, no room, or the name would be too long.
 */
enum resolver_reason upstream_ask(struct upstream *u, const char *name, const char *suffix,
	uint16_t type, int tag, bool stale, int64_t now);
/* Sends batched queries; call before sleeping. */
void upstream_flush(struct upstream *u);
/* True if any upstream has ever answered. */
bool upstream_any_answered(const struct upstream *u);
/* Remaining room for queries. */
size_t upstream_room(const struct upstream *u);

/* Handles events of a socket; `number` as added to the epoll set. */
void upstream_ready(struct upstream *u, unsigned number, uint32_t events, int64_t now);
/* Retransmits, and gives up what has timed out. Returns when to call again, or INT64_MAX. */
int64_t upstream_tick(struct upstream *u, int64_t now);

#endif
