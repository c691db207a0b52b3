/*
 * Shared by client*.c and service.c; private to them. Each calls those above it:
 *
 *	client_tcp.c	connections
 *	client_reply.c	replies, and lists of waiting clients
 *	service.c	queries for services
 *	client.c	all other queries
 */
#ifndef INIT_RESOLVER_CLIENT_H
#define INIT_RESOLVER_CLIENT_H

#include <netinet/in.h>
#include <sys/socket.h>

#include "resolver_private.h"

#include "../lib/sockaddr.h"

#define NONE (-1)
/* The longest query that is read; honest ones have at most 300 octets. */
#define QUERY_ROOM LIMIT_DNS_UDP

/* Where a reply goes. */
struct origin {
	int fd;              /* the UDP socket, or -1 for TCP: */
	int tcp;             /* the TCP connection, */
	uint32_t generation; /* if it is still the same one */
	uint16_t port;       /* the client's, of a TCP connection */
	socklen_t len;
	union sockaddr_any address;
};

struct waiter {
	int next; /* in the same list, or in the free list */
	struct origin origin;
	struct dns_asked asked;
};

struct client_connection {
	int fd; /* -1: free */
	uint32_t generation;
	bool waiting;  /* for the reply to its query */
	uint16_t port; /* its own */
	int64_t since;
	size_t got, out_len, out_sent;
};

/* Buffers of a connection, separate so that unused pages aren't touched. */
struct connection_data {
	uint8_t in[2 + QUERY_ROOM];
	uint8_t out[2 + LIMIT_DNS_UDP];
};

/* Datagrams sent by one system call, or received from one socket before the upstreams get
 * their turn. */
#define DATAGRAMS 32

/* Queries just received, or UDP replies waiting to be sent by one socket. The message
 * headers point to the other arrays, set up once. */
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
	/* The query being answered, and why it is refused. Variables would be zeroed for
	 * each. */
	struct dns_query query;
	char why[ADMIT_TEXT];
	struct waiter waiters[LIMIT_WAITERS];
	int free;
	unsigned fresh;
	struct client_connection connections[LIMIT_CLIENT_TCP];
	struct connection_data data[LIMIT_CLIENT_TCP];
	unsigned open;
};

/*
 * client_reply.c. client_reply() answers a query. client_wait() adds the client to a list of
 * waiters; false: there is no room, and it has been answered. client_next() removes the next
 * waiter, which is valid until another is added; NULL at the end.
 */
void client_reply(struct worker *w, const struct origin *o, const struct dns_asked *asked,
	const struct dns_reply *r);
bool client_wait(
	struct worker *w, int *list, const struct dns_query *q, const struct origin *o);
struct waiter *client_next(struct worker *w, int *list);
/* The same with only a code, and the reason for a refusal, or NULL. */
void client_reply_code(struct worker *w, const struct origin *o, const struct dns_asked *asked,
	enum dns_rcode rcode, const char *why);

/* service.c: answers a query for a service (SRV) of an allowed name, or for its text (TXT),
 * now or later. Returns false if it isn't such a query. */
bool service_question(struct worker *w, const struct dns_query *q, const struct origin *o);

/* client_tcp.c */
void client_tcp_accept(struct worker *w, int listener);
/* Called when a query has been read. */
typedef void client_taken(
	struct worker *w, const uint8_t *packet, size_t len, const struct origin *o);
void client_tcp_ready(struct worker *w, int slot, uint32_t events, client_taken *taken);
/* Sends a reply by TCP; drops it if the client is gone. */
void client_tcp_reply(
	struct worker *w, const struct origin *o, const uint8_t *packet, size_t len);
/* The query gets no reply, because it is invalid: closes the connection. */
void client_tcp_drop(struct worker *w, const struct origin *o);
int64_t client_tcp_tick(struct worker *w);

#endif
