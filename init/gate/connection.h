/*
 * The gate's process from inside: one structure that its files pass around, and who calls
 * whom. Only the files of this room include it.
 *
 *	gate.c			the process and its loop; all it has to give is in table.c
 *	gate.c -> listen.c	a client has come: where did it want to go?
 *	gate.c -> client.c	a client's bytes: which name, and may it be reached?
 *	client.c -> refuse.c	no
 *	client.c -> names.c -> connect.c	where does it live?
 *	connect.c -> relay.c	a connection stands: bytes move
 *	connect.c -> flight.c	bytes that have to be looked at still; requests.c: requests
 *	all -> report.c		what PID 1 is told
 *	report.c -> denied.c	PID 1 has denied something
 *
 * A connection goes through its phases in order and never back, but for a tunnel (CONNECT),
 * in which a client begins anew. Sockets are edge-triggered: what a descriptor is ready for is
 * remembered in struct side until a call says that it isn't any more.
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
	PHASE_HEAD,    /* the client's hello or request is being read */
	PHASE_NAME,    /* the resolver is asked */
	PHASE_CONNECT, /* attempts are under way */
	PHASE_PROXY,   /* the proxy is asked for the way, and has not answered yet */
	PHASE_FLIGHT,  /* TLS: the hello is sent; the server's first flight is awaited */
	PHASE_SECOND,  /* TLS: the client's second hello is awaited */
	PHASE_HTTP,    /* each request is read before it goes on */
	PHASE_UPGRADE, /* HTTP: the server is asked for a websocket, and has not answered yet */
	PHASE_RAW,     /* bytes move, nothing is looked at */
	PHASE_LAST,    /* what is left goes to the client, then it is over */
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
struct way {
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
	bool queued;  /* in gate.again */
	uint8_t refusal; /* enum gate_reason */
	uint8_t attempt; /* which one became the server's side */
	uint16_t generation;
	uint16_t port;      /* that the name is asked for */
	uint16_t aim_port;  /* where the client wanted to go */
	struct address aim; /* family 0: not known */
	struct side client, server;
	struct way up, down;   /* client to server, server to client */
	int32_t desk;          /* index, or NONE */
	int32_t older, newer;  /* of those with a deadline, by age; older: also of free ones */
	int32_t next;          /* of those to be worked on again */
	int64_t deadline;      /* ms; INT64_MAX: none, and in no list */
	uint32_t discarded;    /* PHASE_LAST: octets read */
	struct http_body body; /* PHASE_HTTP: of the request under way; done: a head is next */
};

/* Attempts to connect for one connection. */
#define ATTEMPTS 8

/*
 * Where a connection is worked on while its bytes have to be looked at. There are few: who has
 * none goes without, and who sits at one for long gives way.
 */
struct desk {
	int32_t connection;
	size_t got;      /* octets in `in` */
	size_t approved; /* of them, from the start, those that may go to the server */
	size_t hello;    /* TLS: where the hello ends */
	char name[NAME_TEXT];
	bool upgrade; /* the request asks for a websocket */
	bool expect;  /* the client waits for our word before it sends the body */
	/* connect.c */
	int32_t waits; /* names.c: the next desk that waits for the same name, or NONE */
	int32_t entry; /* names.c: the name it waits for, or NONE */
	uint8_t candidates_count, tried;
	struct address candidates[ATTEMPTS];
	int attempt[ATTEMPTS]; /* -1: not under way */
	int64_t next_attempt;  /* ms */
	uint8_t in[LIMIT_GATE_HEAD];
};

struct names;  /* names.c */
struct report; /* report.c */

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
	struct desk *desks;
	int32_t desks_free[LIMIT_GATE_DESKS];
	size_t desks_left;
	struct pipe *pipes;
	size_t pipes_made;
	int32_t pipes_free;
	struct names *names;
	struct report *report;
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

/* gate.c */
int gate_add(struct gate *g, int fd, uint32_t events, uint64_t data);
/* Whatever the phase is for: goes on with it. */
void gate_work(struct gate *g, struct connection *c);

/* table.c */
struct connection *table_of(struct gate *g, int32_t number);
int32_t table_number(const struct gate *g, const struct connection *c);
struct desk *table_desk(struct gate *g, const struct connection *c);
/* Is there a place for another connection? One that has said nothing gives way to it. */
bool table_slot_left(struct gate *g);
/* The same where descriptors are what lacks. */
bool table_make_room(struct gate *g, bool with_desk);
/* A new connection, in a place that table_slot_left() knew. */
struct connection *table_new(struct gate *g);
/* Takes new connections, or leaves them where they wait. */
void table_listen(struct gate *g, bool on);
/* Gives a connection a desk; false: there is none. */
bool table_sit(struct gate *g, struct connection *c);
void table_leave_desk(struct gate *g, struct connection *c);
/* Gives the phase LIMIT_GATE_PATIENCE_MS from now on, or all the time there is. */
void table_deadline(struct gate *g, struct connection *c, bool on);
/* Ends a connection; reset: with RST, so that nobody takes it for a whole answer. */
void table_end(struct gate *g, struct connection *c, bool reset);
/* The server's side alone, and what was on its way. */
void table_end_server(struct gate *g, struct connection *c);
/* To be worked on once more in this round, after the others. */
void table_again(struct gate *g, struct connection *c);
/* A pipe from the pool; false: none is left. */
bool table_pipe_take(struct gate *g, struct way *w);
void table_pipe_give(struct gate *g, struct way *w);

/* client.c */
/* A connection to an address that stands for a name, on a port that isn't the web's. */
void client_named(struct gate *g, struct connection *c, const char *name);
void client_read(struct gate *g, struct connection *c);
/* Reads more of what a client says to its desk, which it is given where it has none. */
enum client_filled {
	FILL_SOME,
	FILL_NONE,  /* nothing is there now, or there is no room */
	FILL_ENDED, /* it has ended its half */
	FILL_GONE,  /* an error, or no desk is free */
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
void requests_work(struct gate *g, struct connection *c);

/* refuse.c */
/* Tells the client in its own protocol, and PID 1; or, in audit mode, lets pass. */
void refuse_client(struct gate *g, struct connection *c, enum gate_reason reason);
/* It took too long to say what it wants. */
void refuse_slow(struct gate *g, struct connection *c);
/* The refusal of a request that came after others, whose answers have gone before it. */
void refuse_behind(struct gate *g, struct connection *c);
/* Sends a few octets to a client, which has got nothing so far, or all of the answers. */
void refuse_tell(struct connection *c, const void *bytes, size_t len);
/* All is said: the connection ends when the client has read it. */
void refuse_last_words(struct gate *g, struct connection *c);
/* PHASE_LAST: waits for the client to end. */
void refuse_wait(struct gate *g, struct connection *c);

/* listen.c: the sockets of gate_listen() get their options and their place in the loop; takes
 * one client from the one of IPv4 (0) or IPv6 (1). */
int listen_init(struct gate *g);
void listen_ready(struct gate *g, uint32_t which);

/* names.c: the addresses of names, asked of our own resolver by DNS. */
int names_init(struct gate *g);
void names_ready(struct gate *g);
int64_t names_tick(struct gate *g);
/* Sees to it that connect_begin() is called for the connection, at once or later. */
void names_need(struct gate *g, struct connection *c);
/* The desk waits no longer. */
void names_forget(struct gate *g, struct desk *d);
/* None of its addresses works: ask afresh. */
void names_distrust(struct gate *g, const char *name);

/* connect.c */
void connect_begin(
	struct gate *g, struct connection *c, const struct address *addresses, size_t count);
void connect_ready(struct gate *g, struct connection *c, unsigned attempt, uint32_t events);
int64_t connect_tick(struct gate *g);
void connect_close(struct desk *d);

/* flight.c: what has to be looked at once a connection stands. */
void flight_begin(struct gate *g, struct connection *c);
void flight_work(struct gate *g, struct connection *c);
/* Sends a desk's approved octets; false: not all of them yet, or the connection ended. */
bool flight_flush(struct gate *g, struct connection *c);

/* relay.c */
void relay_begin(struct gate *g, struct connection *c);
void relay_work(struct gate *g, struct connection *c);
/* Moves what there is from the server to the client. False: the connection has ended. */
bool relay_down(struct gate *g, struct connection *c);

/* denied.c: ends what the rules no longer allow, and nothing else. */
void denied_end(struct gate *g);

/* report.c */
int report_init(struct gate *g, int channel);
void report_serving(struct gate *g);
void report_ready(struct gate *g);
void report_refused(
	struct gate *g, const struct connection *c, const char *name, enum gate_reason reason);
int64_t report_tick(struct gate *g);

#endif
