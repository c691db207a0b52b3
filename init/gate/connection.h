/*
 * The gate's process from inside: one structure that its files pass around. Only the files of
 * this room include it.
 *
 * A connection is in one phase at a time, and each phase has one handler. A handler works on
 * its connection as far as it can, perhaps moves it to another phase, and returns what is to
 * happen next (enum action). Only gate.c calls handlers, ends connections, refuses and reports;
 * its table of phases says which one may follow which. So no handler frees what its caller
 * holds, and the files below gate.c don't call each other in circles:
 *
 *	table.c, report.c	know nobody
 *	refuse.c		what a refused client is told
 *	client.c		what a client says first, and whether it may be reached
 *	names.c <- connect.c	where it lives, and the connection to it
 *	relay.c			moves octets
 *	handshake.c		TLS, and a proxy's or a server's first answer
 *	requests.c		HTTP, request by request
 *	denied.c		judges a connection again
 *	gate.c			the loop, above all
 *
 * Sockets are edge-triggered: what a descriptor is ready for is remembered in struct side until
 * a call says that it isn't any more.
 */
#ifndef INIT_GATE_CONNECTION_H
#define INIT_GATE_CONNECTION_H

#include <stdatomic.h>
#include <stddef.h>

#include "clienthello.h"
#include "gate.h"
#include "http.h"

#define NONE (-1)

enum phase {
	PHASE_FREE,
	PHASE_HEAD,      /* the client's hello or request is being read */
	PHASE_NAME,      /* the resolver is asked */
	PHASE_CONNECT,   /* attempts are under way */
	PHASE_PROXY,     /* the proxy is asked for the way, and has not answered yet */
	PHASE_STANDS,    /* the connection to the server stands: what comes first? */
	PHASE_HANDSHAKE, /* TLS: the hello is sent; the server's first flight is awaited */
	PHASE_SECOND,    /* TLS: the client's second hello is awaited */
	PHASE_HTTP,      /* each request is read before it goes on */
	PHASE_UPGRADE, /* HTTP: the server is asked for a websocket, and has not answered yet */
	PHASE_RAW,     /* bytes move, nothing is looked at */
	PHASE_LINGER,  /* what is left goes to the client, then it is over */
};

/* What a handler has gate.c do. Whatever it is, a connection that is in another phase now is
 * worked on by that phase's handler at once. */
enum action {
	WAIT,  /* nothing, until something happens to one of its sockets or its time is up */
	AGAIN, /* work on it once more in this round, when the others have had their turn */
	NO_BUFFER, /* get it a desk, and call the same handler again */
	REFUSE,    /* for the reason in c->refusal */
	END,       /* all is said and done */
	RESET,     /* so that nobody takes what came for all there was to come */
};

/* One end of a connection. */
struct side {
	int fd; /* -1: none */
	bool readable, writable;
	bool hung_up;  /* the other has ended its half (EPOLLRDHUP): a short read isn't all */
	bool finished; /* nothing more comes from here */
	bool shut;     /* we have ended our half towards it */
	bool open;     /* it is not to be ended yet: more may have to be said to it */
};

/* Bytes on their way from one side to the other. */
struct direction {
	int32_t pipe;  /* index in the pool, or NONE */
	uint32_t held; /* octets in the pipe */
	bool splicing; /* else copying: relay.c decides by what arrives */
	uint8_t small; /* small arrivals in a row */
};

struct connection {
	uint8_t phase; /* enum phase */
	bool tls;      /* the client speaks TLS */
	bool raw;    /* nothing is looked at: behind a proxy, on a port that isn't the web's */
	bool direct; /* it came to our own port, without being redirected */
	bool tunnel; /* what follows CONNECT: to tunnel_port */
	bool established; /* CONNECT to a port that isn't the web's: 200 is due once it stands
			   */
	bool pass;        /* audit mode: it was refused, and goes where the client aimed at */
	bool refused; /* HTTP: the last request was refused; the refusal follows the answers */
	bool asked;   /* PHASE_PROXY: the proxy is asked */
	bool queued;  /* in gate.again */
	uint8_t refusal; /* enum gate_reason */
	uint8_t attempt; /* which one became the server's side */
	uint16_t generation;
	uint16_t port;           /* that the name is asked for */
	uint16_t orig_dst_port;  /* where the client wanted to go */
	struct address orig_dst; /* family 0: not known */
	struct side client, server;
	struct direction up, down; /* client to server, server to client */
	int32_t inspect_buffer;    /* index, or NONE */
	int32_t older, newer;  /* of those with a deadline, by age; older: also of free ones */
	int32_t next;          /* of those to be worked on again */
	int64_t deadline;      /* ms; INT64_MAX: none, and in no list */
	uint32_t discarded;    /* PHASE_LINGER: octets read */
	struct http_body body; /* PHASE_HTTP: of the request under way; done: a head is next */
};

/* Attempts to connect for one connection. */
#define ATTEMPTS 8

/*
 * Where a connection is worked on while its bytes have to be looked at. There are few: who has
 * none goes without, and who sits at one for long gives way.
 */
struct inspect_buffer {
	int32_t connection;
	size_t got;      /* octets in `in` */
	size_t approved; /* of them, from the start, those that may go to the server */
	size_t hello;    /* TLS: where the hello ends */
	char name[NAME_TEXT];
	bool upgrade;         /* the request asks for a websocket */
	char said[GATE_SAID]; /* what the proxy answered with, where it refused */
	bool expect;          /* the client waits for our word before it sends the body */
	/* connect.c */
	bool resolved; /* names.c: candidates are there, or there are none */
	uint8_t candidates_count, tried;
	struct address candidates[ATTEMPTS];
	int attempt[ATTEMPTS]; /* -1: not under way */
	int64_t next_attempt;  /* ms */
	uint8_t in[LIMIT_GATE_HEAD];
};

struct names;          /* names.c */
struct refusal_report; /* report.c */

struct pipe {
	int fd[2]; /* -1: to be made */
	int32_t next;
};

struct gate {
	const struct gate_config *config;
	int epoll;
	int64_t now; /* CLOCK_MONOTONIC, milliseconds, as of the last wake-up */
	struct connection *connections;
	char (*hosts)[NAME_TEXT]; /* of connections in PHASE_HTTP: whom they are for */
	size_t room, used;        /* of connections; those up to used have been in use */
	int32_t free;
	int32_t oldest, newest; /* with a deadline */
	uint32_t
		secret; /* connect.c: where its ports begin for a server; how many were taken */
	uint32_t ports;
	int64_t connect_due; /* connect.c: when the next attempt is due */
	int32_t again_first, again_last;
	struct inspect_buffer *buffers;
	int32_t waits_for[LIMIT_GATE_BUFFERS]; /* names.c: the entry that a desk waits for, or
						NONE */
	int32_t buffers_free[LIMIT_GATE_BUFFERS];
	size_t buffers_left;
	struct pipe *pipes;
	size_t pipes_made;
	int32_t pipes_free;
	struct names *names;
	struct refusal_report *report;
	size_t spliced;   /* octets, in this round */
	bool listening;   /* new connections are taken */
	uint8_t *scratch; /* relay.c: GATE_SCRATCH octets that nobody keeps */
};
#define GATE_SCRATCH (128 * 1024)
/* Copied at one time; every pipe takes as much. */
#define GATE_COPY (64 * 1024)

/* What an epoll event is about. */
enum gate_event { EVENT_LISTEN, EVENT_CHANNEL, EVENT_NAMES, EVENT_CLIENT, EVENT_SERVER };
/* more: of EVENT_SERVER, which attempt it was. */
#define EVENT_DATA(kind, more, generation, number)                                             \
	((uint64_t)(kind) << 56 | (uint64_t)(more) << 48 | (uint64_t)(generation) << 32 |      \
		(uint32_t)(number))

/* To be returned by a handler. */
static inline enum action gate_refused(struct connection *c, enum gate_reason reason)
{
	c->refusal = (uint8_t)reason;
	return REFUSE;
}

/* table.c */
struct connection *table_of(struct gate *g, int32_t number);
int32_t table_number(const struct gate *g, const struct connection *c);
struct inspect_buffer *table_buffer(struct gate *g, const struct connection *c);
/* Adds a descriptor to the loop; data is made by EVENT_DATA. 0, or -1 with errno. */
int table_watch(struct gate *g, int fd, uint32_t events, uint64_t data);
/* Is there a place for another connection? */
bool table_slot_left(const struct gate *g);
/* A new connection, where there is a place. */
struct connection *table_new(struct gate *g);
/* The oldest that has not said yet what it wants; with_buffer: of those at a desk. NULL: none.
 */
struct connection *table_silent(struct gate *g, bool with_buffer);
/* Takes new connections, or leaves them where they wait. */
void table_listen(struct gate *g, bool on);
/* Gives a connection a desk; false: there is none. */
bool table_acquire_buffer(struct gate *g, struct connection *c);
/* Takes it back, and closes the attempts to connect that were under way. */
void table_release_buffer(struct gate *g, struct connection *c);
void table_close_attempts(struct inspect_buffer *d);
/* Gives the phase LIMIT_GATE_PATIENCE_MS from now on, or all the time there is. */
void table_deadline(struct gate *g, struct connection *c, bool on);
/* Ends a connection; reset: with RST. For gate.c alone. */
void table_end(struct gate *g, struct connection *c, bool reset);
/* The server's side alone, and what was on its way. */
void table_end_server(struct gate *g, struct connection *c);
/* To be worked on once more in this round, after the others. */
void table_again(struct gate *g, struct connection *c);
/* A pipe from the pool; false: none is left. */
bool table_pipe_take(struct gate *g, struct direction *w);
void table_pipe_give(struct gate *g, struct direction *w);

/* listen.c: the sockets of gate_listen() get their options and their place in the loop. */
int listen_init(struct gate *g);
/* Takes one client from the socket of IPv4 (0) or IPv6 (1), where there is a place for it; NULL
 * with errno: none came. Its socket is not in the loop yet. */
struct connection *listen_take(struct gate *g, uint32_t which);

/* client.c: PHASE_HEAD. */
enum action client_work(struct gate *g, struct connection *c);
/* Reads more of what a client says to its desk, which it is given where it has none. */
enum client_filled {
	FILL_SOME,
	FILL_NONE,      /* nothing is there now, or there is no room */
	FILL_ENDED,     /* it has ended its half */
	FILL_GONE,      /* an error */
	FILL_NO_BUFFER, /* none is free */
};
enum client_filled client_fill(struct gate *g, struct connection *c);
/* May this name be reached on this port? GATE_FINE, or why not. */
enum gate_reason client_judge(struct gate *g, const char *name, uint16_t port, bool ech);
/*
 * Clients name a host as they were given it, short perhaps, while DNS completed it by a search
 * domain (resolv.conf(5)). So where the short name isn't allowed, name becomes the first
 * complete one that is.
 */
void client_complete(struct gate *g, char name[NAME_TEXT], uint16_t port);
/* What a request says about its port, with what is known of it already: sets c->port. */
enum gate_reason client_port(struct connection *c, const struct http_head *h);

/* requests.c: PHASE_HTTP: reads requests, approves what may go on, and sends it. */
enum action requests_work(struct gate *g, struct connection *c);

/* refuse.c */
/* Tells the client in its own protocol why (c->refusal): what is to be done with it then. */
enum action refuse_client(struct gate *g, struct connection *c);
/* The refusal of a request that came after others, whose answers have gone before it. */
void refuse_behind(struct gate *g, struct connection *c);
/* Sends a few octets to a client, which has got nothing so far, or all of the answers. */
void refuse_tell(struct connection *c, const void *bytes, size_t len);
/* All is said: PHASE_LINGER, in which the client may read it to its end. */
void refuse_linger(struct gate *g, struct connection *c);
/* PHASE_LINGER. */
enum action refuse_wait(struct gate *g, struct connection *c);

/* names.c: the addresses of names, asked of our own resolver by DNS. */
int names_init(struct gate *g);
void names_ready(struct gate *g);
int64_t names_tick(struct gate *g);
/*
 * Gives a desk the addresses of its name, d->resolved, at once or later: then the connection is
 * worked on AGAIN. False: there is no room to remember another name.
 */
bool names_resolve(struct gate *g, struct connection *c, const char *name);
/* None of its addresses works: ask afresh. */
void names_invalidate(struct gate *g, const char *name);

/* connect.c: PHASE_NAME and PHASE_CONNECT. */
/* Behind the proxy: was its address made up for a name (lib/fake_ip.h)? */
bool connect_stands_for_name(const struct gate *g, const struct connection *c);
enum action connect_resolve(struct gate *g, struct connection *c);
enum action connect_work(struct gate *g, struct connection *c);
/* Something has happened to an attempt; in PHASE_CONNECT. */
enum action connect_ready(
	struct gate *g, struct connection *c, unsigned attempt, uint32_t events);
int64_t connect_tick(struct gate *g);

/* handshake.c: PHASE_PROXY, PHASE_STANDS, PHASE_HANDSHAKE, PHASE_SECOND, PHASE_UPGRADE. */
enum action handshake_proxy(struct gate *g, struct connection *c);
enum action handshake_stands(struct gate *g, struct connection *c);
enum action handshake_first(struct gate *g, struct connection *c);
enum action handshake_second(struct gate *g, struct connection *c);
enum action handshake_upgrade(struct gate *g, struct connection *c);

/* relay.c: PHASE_RAW. */
enum action relay_work(struct gate *g, struct connection *c);
/* Moves what there is from the server to the client: WAIT, AGAIN or RESET. */
enum action relay_down(struct gate *g, struct connection *c);
/* Sends a desk's approved octets to the server. */
enum relay_flushed { FLUSH_ALL, FLUSH_SOME, FLUSH_BROKEN };
enum relay_flushed relay_flush(struct gate *g, struct connection *c);

/* denied.c: would a new connection like this one be refused by what PID 1 has denied? */
bool denied_judge(struct gate *g, const struct connection *c);
/* Whom it is for, as far as it is known. */
const char *denied_name(struct gate *g, const struct connection *c);

/* report.c */
int report_init(struct gate *g, int channel);
void report_serving(struct gate *g);
/* PID 1 has denied something, and this returns; or it is gone, or wants the accounts closed,
 * and this ends the process. */
void report_ready(struct gate *g);
void report_refused(
	struct gate *g, const struct connection *c, const char *name, enum gate_reason reason);
int64_t report_tick(struct gate *g);

#endif
