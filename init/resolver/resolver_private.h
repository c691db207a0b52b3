/*
 * The internals of the resolver process: one structure that its files pass around, and who
 * calls whom. Private to this folder.
 *
 *	client.c -> admit.c	is the name allowed, and where in the cache is it?
 *	client.c -> lookup.c	this record is needed
 *	lookup.c -> upstream.c	a query
 *	lookup.c -> channel.c	a pin request
 *
 * Results are returned by callbacks, which resolver.c sets: an answer (upstream_config), a
 * reply to a pin request (channel.pinned), and that a record is settled (lookup.settled).
 */
#ifndef INIT_RESOLVER_RESOLVER_PRIVATE_H
#define INIT_RESOLVER_RESOLVER_PRIVATE_H

#include "../lib/dns_message.h"
#include "../lib/rate.h"
#include "cache.h"
#include "resolver.h"
#include "upstream.h"

/* A refused name whose repetitions are being counted. */
struct refused_held {
	char name[NAME_TEXT];
	uint32_t reason;
	uint32_t count;
};

struct worker;

/* channel.c: communication with PID 1. */
struct channel {
	int fd;
	/* PID 1 has opened these addresses of the name: bit i is the i-th that was sent. */
	void (*pinned)(struct worker *w, int index, uint32_t accepted);
	/* PID 1 says that a pin is in use. */
	void (*in_use)(struct worker *w, const struct resolver_in_use *m);
	bool blocked;       /* waiting for EPOLLOUT */
	unsigned out_count; /* messages buffered, to be sent in one datagram */
	struct resolver_message out[RESOLVER_BATCH];
	int first, last;   /* names with something to send */
	unsigned pins_out; /* unacknowledged requests */
	uint32_t sequence;
	bool booted_due; /* send RESOLVER_BOOTED when the queue is empty */
	uint32_t booted_count;
	struct rate rate, used; /* of reports; of first uses */
	uint32_t unreported;    /* refusals reported neither individually nor by name */
	uint32_t unsolicited;   /* unmatched datagrams from upstreams, not reported yet */
	bool guessed;           /* there were so many that a port was changed */
	struct refused_held held[LIMIT_REFUSED_HELD];
};

/* lookup.c: boot and refresh. */
struct lookup {
	/* The record is settled for a while: clients that wait for it can be answered. */
	void (*settled)(struct worker *w, int index, enum cache_family family);
	bool booting;
	size_t next;      /* the first name not queried yet */
	size_t left;      /* names not settled */
	uint32_t pinned;  /* names settled with an address */
	int64_t hold;     /* until then both families of a name go into one pin request */
	int64_t patience; /* from then on a name with one family counts as settled */
	int64_t deadline; /* the boot's deadline as things stand */
	int64_t latest;   /* and at the latest */
	int64_t refresh;  /* no record is due for renewal before; INT64_MAX: none */
	int64_t lame;     /* no record needs a refresh before this; INT64_MAX: none */
};

struct clients;  /* no client has waited long enough for an AAAA before this; INT64_MAX: none
		    does */
struct services; /* service.c */

struct worker {
	const struct resolver_config *config;
	bool boot; /* the names of the policy are to be queried */
	int epoll;
	int64_t now; /* CLOCK_MONOTONIC in milliseconds at the last wake-up */
	struct cache cache;
	struct upstream *upstream;
	struct channel channel;
	struct lookup lookup;
	uint32_t client;  /* whose query is being handled, as in struct resolver_message */
	uint32_t version; /* generation of the policy that the cache reflects */
	struct clients *clients;
	struct services *services;
};

/* The ration of a rule in a verdict. */
static inline struct ration *ration_of(const struct worker *w, const struct rule *rule)
{
	return &w->config->rations[policy_rule_number(w->config->policy, rule)];
}

/* The source of an epoll event: a kind plus a number. */
#define WORKER_KIND(data)   ((data) >> 32)
#define WORKER_NUMBER(data) ((unsigned)(data))
enum source_kind { KIND_CHANNEL, KIND_UPSTREAM, KIND_UDP, KIND_LISTEN, KIND_TCP };
#define WORKER_DATA(kind, number) ((uint64_t)(kind) << 32 | (unsigned)(number))

/* ---- channel.c. If PID 1 is gone or violates the protocol, the process exits. -------- */
int channel_init(struct worker *w, int fd);
void channel_ready(struct worker *w, uint32_t events);
/* Queues a name that has addresses to pin (WORK_PIN) or a report pending. */
void channel_queue(struct worker *w, int index);
void channel_flush(struct worker *w);
void channel_refused(struct worker *w, const char *name, enum resolver_reason reason);
/* An allowed name was asked for. Returns false if it can't be told now. */
bool channel_used(struct worker *w, const char *name);
void channel_dropped(struct worker *w, const char *name, enum resolver_reason reason,
	const struct address *address);
/* Reports a service's target that no rule allows. */
void channel_target(struct worker *w, const struct dns_service *v);
/* A datagram from an upstream that matched no query; guessed: so many that a port was
 * changed. */
void channel_unsolicited(struct worker *w, bool guessed);
void channel_booted(struct worker *w, uint32_t count);
int64_t channel_tick(struct worker *w); /* returns when to call again */

/* ---- admit.c ------------------------------------------------------------------------- */
#define ADMIT_TEXT 640
/* The name may be queried, but isn't in the table, and this type of query doesn't need that. */
#define ADMIT_ABSENT (-2)
/*
 * The index of a name that may be queried; or -1 with the reply's explanation in text, and
 * the refusal reported. plain: as in struct dns_query. lookup: it is a query for addresses;
 * otherwise a name that isn't in the table is ADMIT_ABSENT.
 */
int admit_name(
	struct worker *w, const char *name, bool plain, bool lookup, char text[ADMIT_TEXT]);
/* The explanation if the rate limit is exceeded. */
void admit_explain_ration(
	const struct worker *w, const struct cache_name *n, char text[ADMIT_TEXT]);

/* Whether the name gets an address that stands for it, because somebody who watches is asked
 * about it when a connection comes (policy_asks()). Only where there are stand-ins. */
bool admit_asks(struct worker *w, const char *name);

/* A pin of the name is in use: refreshes the record if needed, as a query would. */
void admit_in_use(struct worker *w, const struct resolver_in_use *m);

/* ---- follow.c: updates the cache for runtime rules. ---------------------------------- */
void follow_policy(struct worker *w);

/* ---- lookup.c ------------------------------------------------------------------------ */
int lookup_init(struct worker *w, bool boot);
/* Makes sure that the record gets settled, unless it is fresh or in progress; then settled()
 * is called, possibly from here. */
void lookup_resolve(struct worker *w, int index, enum cache_family family);
/*
 * Some servers never answer AAAA. True if the name has an A and its AAAA has been
 * outstanding for so long that clients are better off without. lookup_wait_for_aaaa()
 * arranges for waiting clients to be answered in time.
 */
bool lookup_is_lame(const struct worker *w, const struct cache_name *n);
void lookup_wait_for_aaaa(struct worker *w, const struct cache_name *n);
/* A client was answered from the record. */
void lookup_used(struct worker *w, struct cache_name *n, enum cache_family family);
/* Behind a proxy: gives a name its fake IP. */
void lookup_fake_ip(struct worker *w, int index);
void lookup_pinned(struct worker *w, int index, uint32_t accepted);
int64_t lookup_tick(struct worker *w);
/* Callbacks of upstream.h. may_ask: whether one more query about the name may be sent now;
 * counts it. */
bool lookup_may_ask(struct worker *w, int index);
int lookup_known(const struct worker *w, const char **name);
void lookup_answered(struct worker *w, int index, uint16_t type, enum dns_outcome outcome,
	const struct dns_answer *answer, enum resolver_reason reason);

/* Between lookup.c and lookup_boot.c. */
enum resolver_reason lookup_ask(
	struct worker *w, int index, enum cache_family family, bool stale);
bool lookup_has_address(const struct cache_name *n);
/* One name less for the boot to wait for. */
void lookup_name_settled(struct worker *w, int index);
int64_t lookup_boot_tick(struct worker *w);

/* ---- service.c: tags of its upstream queries start here. ----------------------------- */
#define SERVICE_TAG (1 << 20)
int service_init(struct worker *w);
bool service_may_ask(struct worker *w, int index);
void service_answered(struct worker *w, int index, enum dns_outcome outcome,
	const struct dns_answer *answer, enum resolver_reason reason);
/* The allowed name that it belongs to. */
const char *service_name(const struct worker *w, int index);

/* ---- reverse.c ----------------------------------------------------------------------- */
/* True for names in the zones of reverse lookup. */
bool reverse_zone(const char *name);
/* The name that was answered with this address ("4.3.2.1.in-addr.arpa"), or NULL. */
const char *reverse_find(const struct worker *w, const char *name);

/* ---- client.c ------------------------------------------------------------------------ */
int client_init(struct worker *w);
void client_ready(struct worker *w, uint64_t data, uint32_t events);
/* Answers all clients that wait for the record. */
void client_wake(struct worker *w, int index, enum cache_family family);
int64_t client_tick(struct worker *w);
/* Sends batched replies; call before sleeping. */
void client_flush(struct worker *w);

#endif
