/*
 * Shared by upstream*.c; private to them. Each calls those above it:
 *
 *	upstream_questions.c	outstanding queries: slots, timers, completion
 *	upstream_send.c		ids, ports, letter case; sending
 *	upstream_order.c	which server to query, and whose answer counts
 *	upstream_tcp.c		fetching a response by TCP
 *	upstream_forged.c	guessed responses
 *	upstream.c		new queries, responses, timeouts
 */
#ifndef INIT_RESOLVER_UPSTREAM_PRIVATE_H
#define INIT_RESOLVER_UPSTREAM_PRIVATE_H

#include <sys/socket.h>

#include "../lib/index_list.h"
#include "../lib/sockaddr.h"
#include "upstream.h"

#define NONE     (-1)
#define ATTEMPTS 4
#define BUCKETS  1024
/* Queries sent, and responses received, by one system call on one socket. */
#define TOGETHER    16
#define QUERY_BYTES (DNS_HEADER + DNS_QUESTION + 11)

/* Control data of a message with several segments: their size (udp(7), UDP_SEGMENT). */
union segment {
	struct cmsghdr header;
	uint8_t octets[CMSG_SPACE(sizeof(uint16_t))];
};

/* Queries waiting to be sent by one socket. */
struct tx_batch {
	int fd;
	unsigned count;
	union segment segment[TOGETHER];
	struct mmsghdr header[TOGETHER];
	struct iovec part[TOGETHER];
	uint8_t packet[TOGETHER][QUERY_BYTES];
};

/* Responses just received from a socket. */
struct rx_batch {
	struct mmsghdr header[TOGETHER];
	struct iovec part[TOGETHER];
	union sockaddr_any from[TOGETHER];
	uint8_t packet[TOGETHER]
		      [LIMIT_DNS_UDP + 1]; /* a longer response exceeds what we offered */
};

/* One query as sent to one upstream. */
struct sent {
	uint16_t id;
	uint8_t slot;  /* in the pool */
	bool live;     /* outstanding, in its bucket */
	bool plain;    /* sent without EDNS the last time */
	bool edns;     /* always sent with EDNS */
	uint8_t tries; /* by UDP */
	bool moving;   /* about to be sent again */
	uint8_t moves; /* how often it was sent again because somebody guessed */
	uint64_t bits; /* letter case (dns_mix_case()); 0: all lower */
	int chain;     /* next in the bucket: question * LIMIT_UPSTREAMS + upstream */
};

/* What an upstream does to the letter case of a query. */
enum spelling { SPELLING_UNKNOWN, SPELLING_KEPT, SPELLING_LOST };

struct server {
	enum spelling spelling;
	unsigned respelt;  /* consecutive responses, each to another socket, with wrong letter
			      case */
	bool edns;         /* has answered a query with EDNS */
	bool plain;        /* must be queried without EDNS: says so, or doesn't answer */
	bool silent;       /* later servers are used instead */
	bool probed;       /* a probe is outstanding */
	int64_t heard;     /* time of its last answer; 0: never */
	int64_t retry;     /* when to query a silent one again */
	uint16_t retry_id; /* of the last such query, and its socket */
	uint8_t retry_slot;
	union sockaddr_any address;
};

struct upstream_question {
	const char *name;
	const char *suffix; /* a search domain to append, or NULL */
	int64_t deadline;
	int64_t since; /* when `current` was first queried */
	int current;   /* the server whose answer is awaited */
	int tag;
	struct index_link link; /* in its attempt's list; next: in the free list, too */
	int tcp;                /* the connection that fetches it, or NONE */
	uint16_t type;
	uint8_t attempt, last, rounds;
	uint8_t failed; /* bit i: upstream i failed in this round */
	bool probe;     /* no caller: tests whether the server answers */
	bool held; /* a later server gave a negative answer, which an earlier one may contradict
		    */
	uint8_t held_by, held_outcome;
	uint32_t held_ttl;
	enum resolver_reason reason;
	struct sent sent[LIMIT_UPSTREAMS];
};

/* A completed query: a response to it is late, not forged. */
struct late {
	uint16_t id;
	uint8_t which, slot;
};

struct pool_socket {
	int fd;
	unsigned uses, out;
	unsigned wrong;  /* datagrams that matched no query */
	unsigned opened; /* number of times opened */
};

struct tcp_fetch {
	int fd; /* -1: free */
	int question, which;
	size_t sent, query_len, got;
};

/* Buffers of a fetch, separate so that unused pages aren't touched. */
struct tcp_data {
	uint8_t query[2 + QUERY_BYTES];
	uint8_t answer[2 + LIMIT_DNS_TCP];
};

struct upstream {
	struct upstream_config config;
	struct upstream_question questions[LIMIT_QUESTIONS];
	int free;       /* first of the free list, or NONE */
	unsigned fresh; /* from here on never used: pages untouched */
	size_t room;
	struct index_list list[ATTEMPTS];
	int buckets[BUCKETS];
	struct pool_socket sockets[LIMIT_UPSTREAMS][LIMIT_UPSTREAM_SOCKETS];
	struct server servers[LIMIT_UPSTREAMS];
	struct late late[LIMIT_QUESTIONS]; /* the latest ones, a ring */
	unsigned late_next;
	struct tx_batch tx_batch;
	bool apart; /* segmentation doesn't work: an old kernel, a device, or a small MTU */
	struct rx_batch rx_batch;
	int slot[LIMIT_UPSTREAMS]; /* socket for this wake-up's queries, or NONE */
	uint8_t random[256];
	size_t random_left;
	struct tcp_fetch tcp[LIMIT_UPSTREAM_TCP];
	struct tcp_data tcp_data[LIMIT_UPSTREAM_TCP];
};

/* upstream_questions.c */
/* A slot for a query, otherwise zeroed; NULL if there is none. */
struct upstream_question *upstream_slot(
	struct upstream *u, const char *name, uint16_t type, int tag, int64_t now);
/* Frees the slot. */
void upstream_release(struct upstream *u, struct upstream_question *q);
/* The query is no longer outstanding at this server. */
void upstream_withdraw(struct upstream *u, struct upstream_question *q, int which);
/* Completes a query: frees its slot and calls the caller back (not for a probe). */
void upstream_finish(struct upstream *u, struct upstream_question *q, enum dns_outcome outcome,
	const struct dns_answer *answer, enum resolver_reason reason);
/* Uses the negative answer of a later server. */
void upstream_finish_held(struct upstream *u, struct upstream_question *q);
/* The current attempt has timed out: starts the next one. */
void upstream_next_attempt(struct upstream *u, struct upstream_question *q, int64_t now);
/* Fetching by TCP takes at least two more round trips: avoids the short timeouts. */
void upstream_postpone(struct upstream *u, struct upstream_question *q, int64_t now);
/* Closes the connection that fetches its response, if any. */
void upstream_tcp_close(struct upstream *u, struct upstream_question *q);

/* upstream_send.c */
/* Returns false if the rate limit of its name is exceeded. */
bool upstream_may_send(struct upstream *u, struct upstream_question *q);
/* Chooses a new id and letter case. */
void upstream_renew(struct upstream *u, struct sent *s, int which);
void upstream_close(struct pool_socket *s);
/* The query sent with this id by this socket; NULL if none is outstanding. */
struct upstream_question *upstream_find(struct upstream *u, int which, int slot, uint16_t id);
/* Sends, or sends again with the same id from the same port, so that a late response still
 * counts. */
void upstream_send(struct upstream *u, struct upstream_question *q, int which);
/* The full name that is queried, in text if it has to be composed. */
const char *upstream_name(const struct upstream_question *q, char text[NAME_TEXT]);
/* A non-blocking socket connected to an upstream and added to the epoll set; or -1. */
int upstream_connect(struct upstream *u, int which, int type, unsigned number, uint32_t events);

/* upstream_order.c */
/* An upstream has answered. */
void upstream_answered_by(struct upstream *u, int which, int64_t now);
/* A response to a completed query. That to the retry of a silent server shows that it is back:
 * others may be faster each time. The id and the port are checked, no more: only the order
 * depends on it. */
void upstream_late(struct upstream *u, int which, int slot, uint16_t id, int64_t now);
/* Sends a new query. Returns false if nothing may be sent. */
bool upstream_begin(struct upstream *u, struct upstream_question *q, int64_t now);
/* Sends it again, or to the next server. This may complete it, as may the next two. */
void upstream_proceed(struct upstream *u, struct upstream_question *q, int64_t now);
/* One server failed: tries the next, or all of them once more. */
void upstream_failed(struct upstream *u, struct upstream_question *q, int which,
	enum resolver_reason r, int64_t now);
/* ICMP says that nobody listens there: no need to wait for the timeout. */
void upstream_unreachable(struct upstream *u, int which, int slot, int64_t now);
/* The query has timed out. */
void upstream_timed_out(struct upstream *u, const struct upstream_question *q, int64_t now);
/* True if a server before this one was queried too, and can still answer. */
bool upstream_earlier_pending(const struct upstream_question *q, int which);

/* upstream_forged.c */
/* True if the response has our letter case, or the server doesn't keep it anyway. */
bool upstream_right_spelling(struct upstream *u, const struct sent *s, int which,
	const char *name, const uint8_t *packet, size_t len, bool tcp);
/* A datagram of this length matched no query of this socket. */
void upstream_wrong(struct upstream *u, int which, int slot, size_t len, int64_t now);
/* Sends the queries of this socket again from another one. */
void upstream_change_port(struct upstream *u, int which, int slot, int64_t now);
/* True if a forger has guessed at this query so often that UDP won't do. */
static inline bool upstream_needs_tcp(const struct sent *s)
{
	return s->moves > 1;
}

/* upstream_tcp.c: fetches the query's response from this server. Returns false if there is
 * no room, or it is being fetched already. */
bool upstream_tcp_open(struct upstream *u, struct upstream_question *q, int which, int64_t now);
/* Returns true if the response is complete, in tcp_data[slot].answer after its length. */
bool upstream_tcp_ready(struct upstream *u, int slot, uint32_t events, int64_t now);
/* The fetch failed: its query goes to another server, or ends. */
void upstream_tcp_fail(
	struct upstream *u, struct tcp_fetch *t, enum resolver_reason reason, int64_t now);

#endif
