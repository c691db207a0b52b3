/*
 * Questions to the upstreams: sending, retransmitting, failing over, TCP for what was
 * truncated. Knows nothing of policy or clients; whoever asks gets one call back.
 *
 * Against forged answers (RFC 5452): each upstream has a pool of connected UDP sockets, each
 * with a random port, replaced after LIMIT_UPSTREAM_USES questions; which socket the questions
 * of one wake-up go by and which id each gets is random; an answer must come from who was
 * asked, and repeat the question, its letters large and small as they were sent ("0x20") but
 * for an upstream that was seen to lose them. Who guesses at that is told by
 * upstream_forged.c.
 */
#ifndef INIT_RESOLVER_UPSTREAM_H
#define INIT_RESOLVER_UPSTREAM_H

#include "../lib/dns_message.h"
#include "../lib/resolvconf.h"
#include "resolver_ipc.h"

struct upstream;

/* Called before each question leaves, again or for the first time, by UDP or TCP; false: it
 * doesn't. */
typedef bool upstream_may_ask(void *context, int tag);
/*
 * The name, and the tag, of a question for A that upstreams have answered before; -1: there is
 * none. It is asked of one that answers nothing, to see whether it is still there.
 */
typedef int upstream_known(void *context, const char **name);
/*
 * Called once for each question that upstream_ask() took, never from inside upstream_ask():
 * reason REASON_NONE and outcome ADDRESSES, EMPTY or NXDOMAIN with *answer; or another reason
 * (TIMEOUT, SERVER, HOSTILE, LIMIT where may_ask() said no) and answer NULL.
 */
typedef void upstream_answered(void *context, int tag, uint16_t type, enum dns_outcome outcome,
	const struct dns_answer *answer, enum resolver_reason reason);
/*
 * Called for each malformed answer of an upstream; with UPSTREAM_UNSOLICITED for each datagram
 * that was no answer to a question of ours; and with UPSTREAM_GUESSED when there were so many
 * that questions were asked anew by another port.
 */
typedef void upstream_malformed(void *context, int tag);
#define UPSTREAM_UNSOLICITED (-1)
#define UPSTREAM_GUESSED     (-2)

struct upstream_config {
	const struct endpoint *endpoints;
	size_t count;
	int epoll;     /* where sockets are added ... */
	uint64_t data; /* ... with this value plus a number below UPSTREAM_NUMBERS */
	upstream_may_ask *may_ask;
	upstream_known *known;
	upstream_answered *answered;
	upstream_malformed *malformed;
	void *context;
};
#define UPSTREAM_NUMBERS (LIMIT_UPSTREAMS * LIMIT_UPSTREAM_SOCKETS + LIMIT_UPSTREAM_TCP)

/* All the memory it will ever use. NULL: none left. */
struct upstream *upstream_new(const struct upstream_config *c);

/*
 * Asks for a record of a name, with a search domain behind it where suffix isn't NULL; both
 * must stay where they are until the answer. stale: it is given up early, since there is an
 * old answer to give. Returns REASON_NONE; or, and then there will be no
 * answer, REASON_LIMIT where it may not leave, and REASON_TIMEOUT when there is no upstream, no
 * place for the question, or the two are too long for a name.
 */
enum resolver_reason upstream_ask(struct upstream *u, const char *name, const char *suffix,
	uint16_t type, int tag, bool stale, int64_t now);
/* Sends the questions that wait; to be called before the process does. */
void upstream_flush(struct upstream *u);
/* Has any upstream ever answered? */
bool upstream_any_heard(const struct upstream *u);
/* Places left. */
size_t upstream_room(const struct upstream *u);

/* A socket is ready: `number` as added to the epoll, its events. */
void upstream_ready(struct upstream *u, unsigned number, uint32_t events, int64_t now);
/* Retransmits and gives up what is due. Returns when to call again, or INT64_MAX. */
int64_t upstream_tick(struct upstream *u, int64_t now);

#endif
