/*
 * What client*.c and service.c share; nobody else includes it. Each calls those above it:
 *
 *	client_tcp.c	connections
 *	client_reply.c	answers, and who waits for one
 *	service.c	questions for services
 *	client.c	all other questions
 */
#ifndef INIT_RESOLVER_CLIENT_H
#define INIT_RESOLVER_CLIENT_H

#include <netinet/in.h>
#include <sys/socket.h>

#include "resolver_private.h"

#include "../lib/sockaddr.h"

#define NONE (-1)
/* The longest question that is read; honest ones have 300 octets at most. */
#define QUERY_ROOM LIMIT_DNS_UDP

/* Where an answer goes. */
struct origin {
	int fd;              /* the UDP socket, or -1: */
	int tcp;             /* the TCP connection ... */
	uint32_t generation; /* ... if it is that one still */
	socklen_t len;
	union sockaddr_any address;
};

struct waiter {
	int next; /* of the same record, or in the free list */
	struct origin origin;
	struct dns_asked asked;
};

struct client_connection {
	int fd; /* -1: free */
	uint32_t generation;
	bool waiting; /* for an answer to what it asked */
	int64_t since;
	size_t got, out_len, out_sent;
};

/* What a connection reads and writes: apart, so that pages are touched by use alone. */
struct connection_data {
	uint8_t in[2 + QUERY_ROOM];
	uint8_t out[2 + LIMIT_DNS_UDP];
};

/* Datagrams that one system call sends, or takes from one socket before the upstreams have
 * their turn. */
#define DATAGRAMS 32

/* Questions just taken, and answers by UDP that wait to be sent, all by one socket. The
 * headers that the kernel is given point to the rest, once and for all. */
struct datagrams {
	int fd;
	unsigned count;
	struct mmsghdr header[DATAGRAMS];
	struct iovec part[DATAGRAMS];
	struct origin with[DATAGRAMS];
	uint8_t packet[DATAGRAMS][LIMIT_DNS_UDP];
};

struct clients {
	struct datagrams inbox, outbox;
	struct waiter waiters[LIMIT_WAITERS];
	int free;
	unsigned fresh;
	struct client_connection connections[LIMIT_CLIENT_TCP];
	struct connection_data data[LIMIT_CLIENT_TCP];
	unsigned open;
};

/* client_reply.c. Answers a question now, and lets the one who asked wait in a list; false:
 * there is no place for that, which was answered. The list's next, which is free from then on;
 * NULL: its end. */
void client_reply(struct worker *w, const struct origin *o, const struct dns_asked *asked,
	const struct dns_reply *r);
bool client_wait(
	struct worker *w, int *list, const struct dns_query *q, const struct origin *o);
struct waiter *client_next(struct worker *w, int *list);
/* The same with a code alone, and why we refuse it, or NULL. */
void client_reply_code(struct worker *w, const struct origin *o, const struct dns_asked *asked,
	enum dns_rcode rcode, const char *why);

/* service.c: answers a question for a service (SRV) of an allowed name, or for its text (TXT),
 * now or later; false: it is no such question. */
bool service_question(struct worker *w, const struct dns_query *q, const struct origin *o);

/* client_tcp.c */
void client_tcp_accept(struct worker *w, int listener);
/* A question has been read. */
typedef void client_taken(
	struct worker *w, const uint8_t *packet, size_t len, const struct origin *o);
void client_tcp_ready(struct worker *w, int slot, uint32_t events, client_taken *taken);
/* The answer for a connection; it is dropped when the one who asked is gone. */
void client_tcp_reply(
	struct worker *w, const struct origin *o, const uint8_t *packet, size_t len);
/* The question got no answer and won't (it was none): the connection ends. */
void client_tcp_drop(struct worker *w, const struct origin *o);
int64_t client_tcp_tick(struct worker *w);

#endif
