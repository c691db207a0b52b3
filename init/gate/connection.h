/*
 * The internals of the gate process: one structure that its files pass around. Private to
 * this folder.
 *
 * A connection is in one phase at a time, and each phase has one handler. A handler does as
 * much for its connection as it can, possibly moves it to another phase, and returns what is
 * to happen next (enum action). Only gate.c calls handlers, closes connections, refuses and
 * reports; its table of phases lists the permitted transitions. So no handler frees what its
 * caller uses, and the files below gate.c don't call each other in circles:
 *
 *	table.c, report.c	call no other file
 *	refuse.c		replies to refused clients
 *	held.c			connections that wait for what a person says
 *	client.c		what a client sends first, and the policy's decision
 *	names.c <- connect.c	addresses of a name, and the connection to it
 *	relay.c			moves data
 *	handshake.c		TLS, and the first reply of a proxy or server
 *	requests.c		HTTP, request by request
 *	denied.c		applies the policy again
 *	gate.c			the loop, on top of all
 *
 * Sockets are edge-triggered: struct side remembers what a descriptor is ready for until a
 * call returns EAGAIN.
 */
#ifndef INIT_GATE_CONNECTION_H
#define INIT_GATE_CONNECTION_H

#include <stdatomic.h>
#include <stddef.h>

#include "clienthello.h"
#include "../lib/index_list.h"
#include "gate.h"
#include "http.h"

#define NONE (-1)

enum phase {
	PHASE_FREE,
	PHASE_HEAD,      /* reading the client's hello or request */
	PHASE_HELD,      /* a person is asked about its name (--ask) */
	PHASE_NAME,      /* waiting for the resolver */
	PHASE_CONNECT,   /* connection attempts are under way */
	PHASE_PROXY,     /* waiting for the proxy's reply to CONNECT */
	PHASE_CONNECTED, /* the server is connected: decide what is next */
	PHASE_HANDSHAKE, /* TLS: waiting for the server's first flight */
	PHASE_SECOND,    /* TLS: waiting for the client's second hello */
	PHASE_HTTP,      /* each request is parsed before it is forwarded */
	PHASE_UPGRADE,   /* HTTP: waiting for the server's reply to a websocket upgrade */
	PHASE_RAW,       /* data is forwarded without inspection */
	PHASE_LINGER,    /* lingering close: sending the rest to the client */
};

/* What a handler asks of gate.c. In every case, if the connection has changed its phase,
 * that phase's handler is called at once. */
enum action {
	WAIT,      /* nothing, until one of its sockets is ready or its deadline passes */
	AGAIN,     /* call the handler again in this round, after the other connections */
	NO_BUFFER, /* acquire an inspect buffer and call the same handler again */
	REFUSE,    /* refuse it, for the reason in c->refusal */
	END,       /* close it */
	RESET,     /* close it with RST, so that the peers don't take it for complete */
};

/* One end of a connection. */
struct side {
	int fd; /* -1: none */
	bool readable, writable;
	bool hung_up;  /* the peer has closed its half (EPOLLRDHUP) */
	bool finished; /* we have read its end of file */
	bool shut;     /* we have shut down our half towards it */
	bool open;     /* don't shut it down yet: we may have to send more */
};

/* Data on its way from one side to the other. */
struct direction {
	int32_t pipe;  /* index in the pool, or NONE */
	uint32_t held; /* octets in the pipe */
	bool splicing; /* otherwise copying; relay.c decides by the size of reads */
	uint8_t small; /* consecutive small reads */
};

struct connection {
	uint8_t phase;    /* enum phase */
	bool tls;         /* the client speaks TLS */
	bool raw;         /* not inspected: behind a proxy, on a port other than 443 and 80 */
	bool direct;      /* made to our own port, without redirection */
	bool tunnel;      /* after CONNECT, to `port` */
	bool established; /* CONNECT to a port other than 443 and 80: 200 is due */
	bool pass;        /* audit mode: was refused, and goes to its original destination */
	bool refused;     /* HTTP: the last request was refused; the refusal follows earlier
			     responses */
	bool broker;      /* the client is the broker */
	bool asked;       /* PHASE_PROXY: CONNECT has been sent */
	bool again;       /* PHASE_HEAD: parse what is there once more */
	bool queued;      /* in gate.again */
	uint8_t refusal;  /* enum gate_reason */
	uint8_t attempt;  /* the attempt that succeeded */
	uint16_t generation;
	uint16_t port;           /* the destination port that the policy is asked about */
	uint16_t orig_dst_port;  /* the client's original destination */
	uint16_t client_port;    /* its own */
	struct address orig_dst; /* family 0: unknown */
	struct side client, server;
	struct direction up, down; /* client to server, server to client */
	int32_t inspect_buffer;    /* index, or NONE */
	struct index_link link; /* list of connections with a deadline, by age; next also links
				 * free ones */
	int32_t next;           /* list of connections to be handled again */
	int64_t deadline;       /* ms; INT64_MAX: none, and not in the list */
	int64_t until;          /* PHASE_HELD: when the time to answer is over */
	uint32_t discarded;     /* PHASE_LINGER: octets read and dropped */
	struct http_body
		body; /* PHASE_HTTP: body of the current request; if done, a head is next */
};

/* Connection attempts for one connection. */
#define ATTEMPTS 8

/*
 * State of a connection whose data is being inspected. There are few of them: if none is
 * free, the oldest connection that hasn't sent a complete head is closed.
 */
struct inspect_buffer {
	int32_t connection;
	size_t got;      /* octets in `in` */
	size_t approved; /* number of these, from the start, that may be sent to the server */
	char name[NAME_TEXT];
	bool upgrade;                /* the request is for a websocket */
	char said[GATE_PROXY_REPLY]; /* the reply of a proxy that refused */
	bool expect; /* the client waits for 100 (Continue) before it sends the body */
	/* connect.c */
	bool resolved; /* names.c: candidates is valid, possibly empty */
	uint8_t candidates_count, tried;
	struct address candidates[ATTEMPTS];
	int attempt[ATTEMPTS]; /* -1: none */
	int64_t next_attempt;  /* ms */
	uint8_t in[LIMIT_GATE_HEAD];
};

struct asking;         /* held.c */
struct names;          /* names.c */
struct refusal_report; /* report.c */

struct pipe {
	int fd[2]; /* -1: to be created */
	int32_t next;
};

struct gate {
	const struct gate_config *config;
	int epoll;
	int64_t now; /* CLOCK_MONOTONIC in milliseconds at the last wake-up */
	struct connection *connections;
	char (*hosts)[NAME_TEXT]; /* host of each connection that is established */
	size_t room, used;        /* allocated connections; those ever in use */
	int32_t free;
	struct index_list deadlines; /* the earliest first */
	uint32_t secret; /* connect.c: secret for source ports; number of ports used */
	uint32_t ports;
	int64_t connect_due; /* connect.c: when the next attempt is due */
	int32_t again_first, again_last;
	struct inspect_buffer *buffers;
	int32_t waits_for[LIMIT_GATE_BUFFERS]; /* names.c: the entry that an inspect buffer
						  waits for, or NONE */
	int32_t buffers_free[LIMIT_GATE_BUFFERS];
	size_t buffers_left;
	struct pipe *pipes;
	size_t pipes_made;
	int32_t pipes_free;
	struct names *names;
	struct asking *asking;
	struct refusal_report *report;
	size_t spliced;   /* octets spliced in this round */
	bool listening;   /* accepting connections */
	uint8_t *scratch; /* relay.c: GATE_SCRATCH octets, valid during one call */
};
#define GATE_SCRATCH (128 * 1024)
/* Copied at a time; every pipe holds at least as much. */
#define GATE_COPY (64 * 1024)

/* The source of an epoll event. */
enum gate_event { EVENT_LISTEN, EVENT_CHANNEL, EVENT_NAMES, EVENT_CLIENT, EVENT_SERVER };
/* more: for EVENT_SERVER, the number of the attempt. */
#define EVENT_DATA(kind, more, generation, number)                                             \
	((uint64_t)(kind) << 56 | (uint64_t)(more) << 48 | (uint64_t)(generation) << 32 |      \
		(uint32_t)(number))

/* For a handler to return. */
static inline enum action gate_refused(struct connection *c, enum gate_reason reason)
{
	c->refusal = (uint8_t)reason;
	return REFUSE;
}

/* table.c */
struct connection *table_of(struct gate *g, int32_t number);
int32_t table_number(const struct gate *g, const struct connection *c);
struct inspect_buffer *table_buffer(struct gate *g, const struct connection *c);
/* Adds a descriptor to the epoll set; data comes from EVENT_DATA. Returns 0, or -1 with
 * errno. */
int table_watch(struct gate *g, int fd, uint32_t events, uint64_t data);
/* True if there is room for another connection. */
bool table_slot_left(const struct gate *g);
/* A new connection; requires table_slot_left(). */
struct connection *table_new(struct gate *g);
/* The oldest connection that hasn't sent a complete head; with_buffer: that has an inspect
 * buffer. NULL if there is none. */
struct connection *table_silent(struct gate *g, bool with_buffer);
/* The listening sockets by number: 127.0.0.1, ::1, the broker's, then those of the cell; -1 if
 * there is none. */
enum { TABLE_BROKER = 2, TABLE_INWARD };
int table_listener(const struct gate *g, uint32_t which);
/* Starts or stops accepting connections. */
void table_listen(struct gate *g, bool on);
/* Gives a connection an inspect buffer. Returns false if none is free. */
bool table_acquire_buffer(struct gate *g, struct connection *c);
/* Releases the buffer and closes its pending attempts. */
void table_release_buffer(struct gate *g, struct connection *c);
void table_close_attempts(struct inspect_buffer *d);
/* Sets a deadline LIMIT_GATE_PATIENCE_MS from now, or none. */
void table_deadline(struct gate *g, struct connection *c, bool on);
/* Closes a connection; reset: with RST. Only gate.c calls it. */
void table_end(struct gate *g, struct connection *c, bool reset);
/* Closes the server side only, and drops data in transit. */
void table_end_server(struct gate *g, struct connection *c);
/* Queues the connection to be handled again in this round, after the others. */
void table_again(struct gate *g, struct connection *c);
/* Takes a pipe from the pool. Returns false if there is none. */
bool table_pipe_take(struct gate *g, struct direction *w);
void table_pipe_give(struct gate *g, struct direction *w);

/* listen.c: sets the options of the sockets from gate_listen() and adds them to the epoll
 * set. */
int listen_init(struct gate *g);
/* Accepts one client from that socket; requires table_slot_left().
 * Returns NULL with errno if there was none. Its socket isn't in the epoll set yet. */
struct connection *listen_take(struct gate *g, uint32_t which);

/* client.c: PHASE_HEAD. */
enum action client_work(struct gate *g, struct connection *c);
/* Reads more from the client into its inspect buffer, acquiring one if necessary. */
enum client_filled {
	FILL_SOME,
	FILL_NONE,      /* nothing to read now, or the buffer is full */
	FILL_ENDED,     /* end of file */
	FILL_GONE,      /* an error */
	FILL_NO_BUFFER, /* no inspect buffer is free */
};
enum client_filled client_fill(struct gate *g, struct connection *c);
/* GATE_FINE if this client may reach the name on its port, else the reason. */
enum gate_reason client_judge(
	struct gate *g, const struct connection *c, const char *name, bool ech);
/*
 * Clients name a host as the user wrote it, possibly in a short form that DNS completes with
 * a search domain (resolv.conf(5)). So if the short name isn't allowed, name is replaced by
 * the first completed one that is.
 */
void client_complete(struct gate *g, const struct connection *c, char name[NAME_TEXT]);
/* Checks the port in a request against what is known, and sets c->port. */
enum gate_reason client_port(struct connection *c, const struct http_head *h);

/* held.c: PHASE_HELD. */
int held_init(struct gate *g);
/*
 * The connection's name isn't allowed: holds it if somebody can be asked. Returns whether it
 * does; the reason for the refusal stands otherwise.
 */
bool held_begin(struct gate *g, struct connection *c);
enum action held_work(struct gate *g, struct connection *c);
/* Each held connection in turn, from *at = 0 on; NULL at the end. It may be closed meanwhile.
 */
struct connection *held_next(struct gate *g, size_t *at);
int64_t held_tick(struct gate *g);

/* requests.c: PHASE_HTTP: parses requests and forwards those that are approved. */
enum action requests_work(struct gate *g, struct connection *c);

/* refuse.c */
/* Sends the client the refusal (c->refusal) in its own protocol. Returns what to do next. */
enum action refuse_client(struct gate *g, struct connection *c);
/* Refuses a request that was preceded by others, once their responses have been sent. */
void refuse_behind(struct gate *g, struct connection *c);
/* Sends a few octets to a client whose send buffer is empty. */
void refuse_send(struct connection *c, const void *bytes, size_t len);
/* Begins a lingering close: PHASE_LINGER. */
void refuse_linger(struct gate *g, struct connection *c);
/* PHASE_LINGER. */
enum action refuse_wait(struct gate *g, struct connection *c);

/* names.c: resolves names at our own resolver, by DNS. */
int names_init(struct gate *g);
void names_ready(struct gate *g);
int64_t names_tick(struct gate *g);
/*
 * Provides the addresses of a name to the connection's inspect buffer and sets resolved,
 * either at once or later; in that case the connection is handled AGAIN. Returns false if
 * the cache has no room for another name.
 */
bool names_resolve(struct gate *g, struct connection *c, const char *name);
/* Forgets the addresses of a name because none of them works. */
void names_invalidate(struct gate *g, const char *name);

/* connect.c: PHASE_NAME and PHASE_CONNECT. */
/* True if the original destination is a fake IP, which stands for a name behind the proxy. */
bool connect_to_fake_ip(const struct gate *g, const struct connection *c);
enum action connect_resolve(struct gate *g, struct connection *c);
enum action connect_work(struct gate *g, struct connection *c);
/* Handles an event of a connection attempt; in PHASE_CONNECT. */
enum action connect_ready(
	struct gate *g, struct connection *c, unsigned attempt, uint32_t events);
int64_t connect_tick(struct gate *g);

/* handshake.c: PHASE_PROXY, PHASE_CONNECTED, PHASE_HANDSHAKE, PHASE_SECOND, PHASE_UPGRADE. */
enum action handshake_proxy(struct gate *g, struct connection *c);
enum action handshake_connected(struct gate *g, struct connection *c);
enum action handshake_first(struct gate *g, struct connection *c);
enum action handshake_second(struct gate *g, struct connection *c);
enum action handshake_upgrade(struct gate *g, struct connection *c);

/* relay.c: PHASE_RAW. */
enum action relay_work(struct gate *g, struct connection *c);
/* Moves available data from the server to the client. Returns WAIT, AGAIN or RESET. */
enum action relay_down(struct gate *g, struct connection *c);
/* Sends the approved octets of the inspect buffer to the server. */
enum relay_flushed { FLUSH_ALL, FLUSH_SOME, FLUSH_BROKEN };
enum relay_flushed relay_flush(struct gate *g, struct connection *c);

/* denied.c: true if a new connection like this one would be refused by now. */
bool denied_judge(struct gate *g, const struct connection *c);
/* The connection's host, as far as it is known. */
const char *denied_name(struct gate *g, const struct connection *c);

/* phases.c: calls the handlers above. */
/* Closes the connection that has gone longest without sending a complete head. Returns false
 * if there is none. */
bool phases_make_room(struct gate *g, bool with_buffer);
/* Performs the action that a handler returned, and those of the handlers that follow. Returns
 * false if the connection was closed. */
bool phases_perform(struct gate *g, struct connection *c, enum phase from, enum action next);
/* Calls the handler of the current phase. Returns false if the connection was closed. */
bool phases_work(struct gate *g, struct connection *c);
/* What to do with a connection whose deadline has passed. */
enum action phases_timed_out(struct gate *g, struct connection *c);

/* report.c */
int report_init(struct gate *g, int channel);
void report_serving(struct gate *g);
/* Called when the channel is readable. Returns what PID 1 says; ends the process, after a last
 * report, if PID 1 is gone or has closed its half. */
enum gate_notice report_ready(struct gate *g);
/* Sends a message now, whatever the rate; false: PID 1 hasn't read the earlier ones. */
bool report_message(struct gate *g, const struct gate_message *m);
void report_refused(
	struct gate *g, const struct connection *c, const char *name, enum gate_reason reason);
int64_t report_tick(struct gate *g);

#endif
