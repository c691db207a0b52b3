/*
 * What the files upstream*.c share; nobody else includes it. Each calls those above it:
 *
 *	upstream_questions.c	the questions that are out: places, times, ends
 *	upstream_send.c		ids, ports, letters; datagrams leave
 *	upstream_order.c	to whom a question goes, and whom an answer is believed of
 *	upstream_tcp.c		an answer that is fetched by TCP
 *	upstream_forged.c	who guesses at answers
 *	upstream.c		what is asked, what has come, what is due
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
/* Questions that leave, and answers that are taken, by one system call and by one socket. */
#define TOGETHER    16
#define QUERY_BYTES (DNS_HEADER + DNS_QUESTION + 11)

/* Control data of a message of several segments: their length (udp(7), UDP_SEGMENT). */
union segment {
	struct cmsghdr header;
	uint8_t octets[CMSG_SPACE(sizeof(uint16_t))];
};

/* Questions that wait to be sent, all by one socket. */
struct tx_batch {
	int fd;
	unsigned count;
	union segment segment[TOGETHER];
	struct mmsghdr header[TOGETHER];
	struct iovec part[TOGETHER];
	uint8_t packet[TOGETHER][QUERY_BYTES];
};

/* Answers just taken from a socket. */
struct rx_batch {
	struct mmsghdr header[TOGETHER];
	struct iovec part[TOGETHER];
	union sockaddr_any from[TOGETHER];
	uint8_t packet[TOGETHER][LIMIT_DNS_UDP + 1]; /* longer is more than we offered to take
						      */
};

/* One question as sent to one upstream. */
struct sent {
	uint16_t id;
	uint8_t slot;  /* of the pool */
	bool live;     /* in its bucket */
	bool plain;    /* without EDNS, the last time */
	bool edns;     /* never without */
	uint8_t tries; /* by UDP */
	bool moving;   /* about to be asked anew */
	uint8_t moves; /* how often it was, because somebody guessed at its answer */
	uint64_t bits; /* the spelling (dns_mix_case()); 0: all small */
	int chain;     /* the next in the bucket, question * LIMIT_UPSTREAMS + upstream */
};

/* What an upstream does to a question's letters. */
enum spelling { SPELLING_UNKNOWN, SPELLING_KEPT, SPELLING_LOST };

struct server {
	enum spelling spelling;
	unsigned respelt; /* answers in a row, each by another socket, in other letters */
	bool edns;        /* answered a question with EDNS */
	bool plain;       /* can't be asked with EDNS: says so, or doesn't answer */
	bool silent;      /* later ones are asked instead */
	bool probed;      /* a probe is out */
	int64_t heard;    /* when it last answered; 0: never */
	int64_t retry;    /* when a silent one is asked again */
	union sockaddr_any address;
};

struct question {
	const char *name;
	const char *suffix; /* a search domain behind it, or NULL */
	int64_t deadline;
	int64_t since; /* asked of `current` */
	int current;   /* the upstream whose answer is waited for */
	int tag;
	struct index_link link; /* in its attempt's list; next: in the free list, too */
	int tcp;                /* the connection that fetches it, or NONE */
	uint16_t type;
	uint8_t attempt, last, rounds;
	uint8_t failed; /* bit i: upstream i could not answer in this round */
	bool probe;     /* nobody waits for it: is the upstream there? */
	bool held; /* a later upstream says that there is none, and an earlier may know better
		    */
	uint8_t held_by, held_outcome;
	uint32_t held_ttl;
	enum resolver_reason reason;
	struct sent sent[LIMIT_UPSTREAMS];
};

/* A question that is done with: an answer that comes to it now is late, not forged. */
struct late {
	uint16_t id;
	uint8_t which, slot;
};

struct pool_socket {
	int fd;
	unsigned uses, out;
	unsigned wrong;  /* datagrams that answered no question */
	unsigned opened; /* how often */
};

struct tcp_fetch {
	int fd; /* -1: free */
	int question, which;
	size_t sent, query_len, got;
};

/* What it sends and receives: apart, so that pages are touched by use alone. */
struct tcp_data {
	uint8_t query[2 + QUERY_BYTES];
	uint8_t answer[2 + LIMIT_DNS_TCP];
};

struct upstream {
	struct upstream_config config;
	struct question questions[LIMIT_QUESTIONS];
	int free;       /* the first of those that were used before, or NONE */
	unsigned fresh; /* from here on never used: pages not touched yet */
	size_t room;
	struct index_list list[ATTEMPTS];
	int buckets[BUCKETS];
	struct pool_socket sockets[LIMIT_UPSTREAMS][LIMIT_UPSTREAM_SOCKETS];
	struct server servers[LIMIT_UPSTREAMS];
	struct late late[LIMIT_QUESTIONS]; /* the last ones, round and round */
	unsigned late_next;
	struct tx_batch tx_batch;
	bool apart; /* segments can't be sent: an old kernel, a device, or a small MTU */
	struct rx_batch rx_batch;
	int slot[LIMIT_UPSTREAMS]; /* where this wake-up's questions go, or NONE */
	uint8_t random[256];
	size_t random_left;
	struct tcp_fetch tcp[LIMIT_UPSTREAM_TCP];
	struct tcp_data tcp_data[LIMIT_UPSTREAM_TCP];
};

/* upstream_questions.c */
/* A place for a question, all else of it zero; NULL: there is none. */
struct question *upstream_place(
	struct upstream *u, const char *name, uint16_t type, int tag, int64_t now);
/* Gives it back. */
void upstream_release(struct upstream *u, struct question *q);
/* The question is no longer out by its socket. */
void upstream_unsend(struct upstream *u, struct question *q, int which);
/* The question's end: its place is free, and who asked is told (a probe: nobody). */
void upstream_finish(struct upstream *u, struct question *q, enum dns_outcome outcome,
	const struct dns_answer *answer, enum resolver_reason reason);
/* Takes what a later upstream said for the answer. */
void upstream_finish_held(struct upstream *u, struct question *q);
/* Its time of this attempt is up: the next one's begins. */
void upstream_next_attempt(struct upstream *u, struct question *q, int64_t now);
/* It takes two more round trips at least: none of the short times is to end it. */
void upstream_postpone(struct upstream *u, struct question *q, int64_t now);
/* Closes the connection that fetches its answer, if there is one. */
void upstream_tcp_close(struct upstream *u, struct question *q);

/* upstream_send.c */
uint16_t upstream_random(struct upstream *u);
/* False: its name's questions are used up. */
bool upstream_may_leave(struct upstream *u, struct question *q);
/* A new id and spelling. */
void upstream_renew(struct upstream *u, struct sent *s, int which);
void upstream_close(struct pool_socket *s);
/* The question that was sent with this id by this socket; NULL: none is out. */
struct question *upstream_find(struct upstream *u, int which, int slot, uint16_t id);
/* Sends, or sends again: the same id from the same port, so that a late answer still counts. */
void upstream_send(struct upstream *u, struct question *q, int which);
/* The whole name that the question asks for; text is where it is put together if need be. */
const char *upstream_name(const struct question *q, char text[NAME_TEXT]);
/* A non-blocking socket connected to an upstream and added to the epoll; or -1. */
int upstream_connect(struct upstream *u, int which, int type, unsigned number, uint32_t events);

/* upstream_order.c */
/* An upstream has answered. */
void upstream_heard(struct upstream *u, int which, int64_t now);
/* Sends a new question; false: nothing may leave. */
bool upstream_begin(struct upstream *u, struct question *q, int64_t now);
/* Sends it again, or to the next upstream. This may be its end, as in the next two. */
void upstream_go_on(struct upstream *u, struct question *q, int64_t now);
/* One upstream can't tell: the next, or all of them once more. */
void upstream_failed(
	struct upstream *u, struct question *q, int which, enum resolver_reason r, int64_t now);
/* The upstream's machine says that nobody listens (ICMP): no need to wait for the time. */
void upstream_nobody_there(struct upstream *u, int which, int slot, int64_t now);
/* Its time is up. */
void upstream_ran_out(struct upstream *u, const struct question *q, int64_t now);
/* Is an upstream before this one asked, too, and can it still answer? */
bool upstream_earlier_may_answer(const struct question *q, int which);

/* upstream_forged.c */
/* Is the answer's question spelt as ours was, or does the upstream lose letters anyway? */
bool upstream_right_spelling(struct upstream *u, const struct sent *s, int which,
	const char *name, const uint8_t *packet, size_t len, bool tcp);
/* A datagram of this length that answers nothing that was asked by this socket. */
void upstream_wrong(struct upstream *u, int which, int slot, size_t len, int64_t now);
/* Asks anew, by another socket, what was asked by this one. */
void upstream_change_port(struct upstream *u, int which, int slot, int64_t now);
/* Has a forger guessed at this question so often that UDP won't do? */
static inline bool upstream_needs_tcp(const struct sent *s)
{
	return s->moves > 1;
}

/* upstream_tcp.c: fetches the question's answer from this upstream. False: no place, or it is
 * being fetched already. */
bool upstream_tcp_open(struct upstream *u, struct question *q, int which, int64_t now);
/* True: the connection's answer is whole, in tcp_data[slot].answer behind its length. */
bool upstream_tcp_ready(struct upstream *u, int slot, uint32_t events, int64_t now);
/* It brings nothing: its question is asked elsewhere, or ends. */
void upstream_tcp_give_up(
	struct upstream *u, struct tcp_fetch *t, enum resolver_reason reason, int64_t now);

#endif
