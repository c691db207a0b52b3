/*
 * The resolver's process from inside: one structure that its files pass around, and who calls
 * whom. Only the files of this room include it.
 *
 *	client.c -> admit.c	is the name allowed, and where in the cache is it?
 *	client.c -> lookup.c	this record is needed
 *	lookup.c -> upstream.c	a question
 *	lookup.c -> channel.c	a pin request
 *
 * What comes back goes by callbacks, which resolver.c sets: an answer (upstream_config), an
 * acknowledgement (channel.pinned), and that a record is settled (lookup.settled).
 */
#ifndef INIT_RESOLVER_RESOLVER_PRIVATE_H
#define INIT_RESOLVER_RESOLVER_PRIVATE_H

#include "../lib/dns_message.h"
#include "cache.h"
#include "resolver.h"
#include "upstream.h"

/* A refused name whose repeats are counted before they are told. */
struct refused_held {
	char name[NAME_TEXT];
	uint32_t reason;
	uint32_t count;
};

struct worker;

/* channel.c: the talk with PID 1. */
struct channel {
	int fd;
	/* PID 1 has opened these of the name's addresses: bit i is the i-th that was sent. */
	void (*pinned)(struct worker *w, int index, uint32_t accepted);
	bool blocked;       /* waits for EPOLLOUT */
	unsigned out_count; /* messages written, to be sent in one datagram */
	struct resolver_message out[RESOLVER_TOGETHER];
	int first, last;   /* names with something to send */
	unsigned pins_out; /* requests not acknowledged */
	uint32_t sequence;
	bool booted_due; /* RESOLVER_BOOTED follows when the queue is empty */
	uint32_t booted_count;
	int64_t second;       /* this second's reports: their start ... */
	unsigned told;        /* ... and how many */
	uint32_t untold;      /* refused, told neither one by one nor by name */
	uint32_t unsolicited; /* datagrams of upstreams that were no answers, not told yet */
	bool guessed;         /* ... and so many that a port was changed */
	int64_t flush;        /* when what is held is told; INT64_MAX: nothing is */
	struct refused_held held[LIMIT_REFUSED_HELD];
};

/* lookup.c: boot and renewal. */
struct lookup {
	/* The record is what it will be for a while: whoever waits for it can be answered. */
	void (*settled)(struct worker *w, int index, enum cache_family family);
	bool booting;
	size_t next;      /* the first name not asked for yet */
	size_t left;      /* names not settled */
	uint32_t pinned;  /* names settled with an address */
	int64_t hold;     /* until then both families of a name go in one pin request */
	int64_t patience; /* from then on a name with one family is settled */
	int64_t deadline; /* the boot's end as things stand ... */
	int64_t latest;   /* ... and at the latest */
	int64_t refresh;  /* no record is due for renewal before; INT64_MAX: none */
	int64_t lame; /* nobody has waited too long for an AAAA before; INT64_MAX: none does */
};

struct clients;  /* client.c */
struct services; /* service.c */

struct worker {
	const struct resolver_config *config;
	bool boot; /* the names of the policy are to be asked for */
	int epoll;
	int64_t now; /* CLOCK_MONOTONIC, milliseconds, as of the last wake-up */
	struct cache cache;
	struct upstream *upstream;
	struct channel channel;
	struct lookup lookup;
	size_t denials; /* those of the policy that the cache goes by */
	struct clients *clients;
	struct services *services;
};

/* What an epoll event is about: one of these plus a number. */
#define WORKER_KIND(data)   ((data) >> 32)
#define WORKER_NUMBER(data) ((unsigned)(data))
enum worker_kind { KIND_CHANNEL, KIND_UPSTREAM, KIND_UDP, KIND_LISTEN, KIND_TCP };
#define WORKER_DATA(kind, number) ((uint64_t)(kind) << 32 | (unsigned)(number))

/* ---- channel.c. PID 1 that is gone, or says what it must not: the process ends. ---------- */
int channel_init(struct worker *w, int fd);
void channel_ready(struct worker *w, uint32_t events);
/* The name has addresses to be pinned (WORK_PIN), or a report due. */
void channel_queue(struct worker *w, int index);
void channel_flush(struct worker *w);
void channel_refused(struct worker *w, const char *name, enum resolver_reason reason);
void channel_dropped(struct worker *w, const char *name, enum resolver_reason reason,
	const struct address *address);
/* A service's target that no rule allows. */
void channel_target(struct worker *w, const struct dns_service *v);
/* A datagram of an upstream's that answered no question of ours; or, for guessed, so many of
 * them that a port was changed. */
void channel_unsolicited(struct worker *w, bool guessed);
void channel_booted(struct worker *w, uint32_t count);
int64_t channel_tick(struct worker *w); /* returns when to be called again */

/* ---- admit.c ----------------------------------------------------------------------------- */
#define ADMIT_TEXT 640
/* The name may be asked about, but isn't in the table, and no question needs that. */
#define ADMIT_ABSENT (-2)
/*
 * The index of a name that may be asked for. Or -1, and text holds what the client is told:
 * refusals are reported. plain: as in struct dns_query. lookup: its addresses are asked
 * for; else a name that isn't in the table is ADMIT_ABSENT.
 */
int admit_name(
	struct worker *w, const char *name, bool plain, bool lookup, char text[ADMIT_TEXT]);
/* What the client is told when it may not. */
void admit_explain_ration(
	const struct worker *w, const struct cache_name *n, char text[ADMIT_TEXT]);

/* ---- denied.c: makes the cache go by what was denied since. ------------------------------ */
void denied_invalidate(struct worker *w);

/* ---- lookup.c ---------------------------------------------------------------------------- */
int lookup_init(struct worker *w, bool boot);
/* Sees to it that the record gets settled, unless it is fresh or on its way; then settled()
 * is called, perhaps from here. */
void lookup_resolve(struct worker *w, int index, enum cache_family family);
/*
 * Some servers never answer AAAA. Is the name's asked for so long, its A being there, that
 * whoever wants it does better without? Else lookup_wait_for_aaaa() sees to it that those who
 * wait are told in time.
 */
bool lookup_is_lame(const struct worker *w, const struct cache_name *n);
void lookup_wait_for_aaaa(struct worker *w, const struct cache_name *n);
/* A client was answered from the record. */
void lookup_used(struct worker *w, struct cache_name *n, enum cache_family family);
/* Behind a proxy: gives a name the address that stands for it. */
void lookup_fake_ip(struct worker *w, int index);
void lookup_pinned(struct worker *w, int index, uint32_t accepted);
int64_t lookup_tick(struct worker *w);
/* What an upstream is asked and says, as in upstream.h. may_ask: may one more question about
 * the name leave now? Counts it. */
bool lookup_may_ask(struct worker *w, int index);
int lookup_known(const struct worker *w, const char **name);
void lookup_answered(struct worker *w, int index, uint16_t type, enum dns_outcome outcome,
	const struct dns_answer *answer, enum resolver_reason reason);

/* Between lookup.c and lookup_boot.c. */
enum resolver_reason lookup_ask(
	struct worker *w, int index, enum cache_family family, bool stale);
bool lookup_has_address(const struct cache_name *n);
/* One name less that the boot waits for. */
void lookup_name_settled(struct worker *w, int index);
int64_t lookup_boot_tick(struct worker *w);

/* ---- service.c: what it asked upstream has tags from here on. ------------------------------
 */
#define SERVICE_TAG (1 << 20)
int service_init(struct worker *w);
bool service_may_ask(struct worker *w, int index);
void service_answered(struct worker *w, int index, enum dns_outcome outcome,
	const struct dns_answer *answer, enum resolver_reason reason);
/* The allowed name that it is about. */
const char *service_name(const struct worker *w, int index);

/* ---- reverse.c --------------------------------------------------------------------------- */
/* Is it a name under which addresses have their names? */
bool reverse_zone(const char *name);
/* The name that was answered with this address ("4.3.2.1.in-addr.arpa"), or NULL. */
const char *reverse_find(const struct worker *w, const char *name);

/* ---- client.c ---------------------------------------------------------------------------- */
int client_init(struct worker *w);
void client_ready(struct worker *w, uint64_t data, uint32_t events);
/* Answers all who wait for the record. */
void client_wake(struct worker *w, int index, enum cache_family family);
int64_t client_tick(struct worker *w);
/* Sends the answers that wait; to be called before the process does. */
void client_flush(struct worker *w);

#endif
