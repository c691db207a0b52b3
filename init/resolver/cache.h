/*
 * What the resolver knows about each name: the exact names of the policy and of /etc/hosts,
 * which are permanent, and those that came up under wildcards, of which the least recently
 * used are evicted. One table, allocated once.
 */
#ifndef INIT_RESOLVER_CACHE_H
#define INIT_RESOLVER_CACHE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "../lib/index_list.h"
#include "../lib/name.h"
#include "ration.h"
#include "resolver_ipc.h"

/*
 * How long an answer is cached, in seconds. The floor: with TTL 0 each of a client's lookups
 * would cause an upstream query and a change of the wall. The ceiling: RFC 8767 §4. PID 1
 * keeps a pin longer than this (monitor/pins.h).
 */
#define CACHE_TTL_FLOOR   5
#define CACHE_TTL_CEILING 86400
/* Negative answers: RFC 2308 §5 leaves the ceiling to us; somebody is waiting for the name. */
#define CACHE_NEGATIVE_FLOOR   5
#define CACHE_NEGATIVE_CEILING 300
/* After a failure, before the upstreams are queried again (RFC 2308 §7 allows five minutes). */
#define CACHE_FAILURE_TTL 2
/* RFC 8767 §5: while the upstreams fail, an expired answer is served for another 30 seconds
 * at a time, but not if it was received longer ago than this. */
#define CACHE_STALE_TTL 30
#define CACHE_STALE_MAX 21600
/* /etc/hosts has no TTL; its pins are refreshed at this interval. */
#define CACHE_HOSTS_TTL 3600

enum cache_family { FAMILY_4, FAMILY_6, FAMILIES };

enum cache_result {
	CACHE_UNKNOWN,   /* never queried */
	CACHE_ADDRESSES, /* count of them */
	CACHE_EMPTY,
	CACHE_NXDOMAIN,
	CACHE_FAILED, /* reason says why */
};

enum cache_work {
	WORK_NONE,
	WORK_ASKING,  /* a query is outstanding or queued */
	WORK_PIN,     /* the addresses must be pinned before they are served */
	WORK_PINNING, /* requested from PID 1 */
};

/* One address family of one name. While work is WORK_PIN or WORK_PINNING the addresses are
 * the new ones and aren't served. */
struct cache_record {
	uint8_t result; /* enum cache_result */
	uint8_t work;   /* enum cache_work */
	uint8_t reason; /* enum resolver_reason */
	uint8_t count;
	bool used;        /* requested since it was fetched: worth refreshing */
	bool stale;       /* served after expiry */
	uint8_t tries;    /* search domains tried in the outstanding query */
	uint32_t ttl;     /* seconds, clamped; for the pin */
	int waiters;      /* first of client.c's waiters, or -1 */
	int64_t expires;  /* CLOCK_MONOTONIC, milliseconds */
	int64_t asked;    /* when the outstanding query was sent */
	int64_t answered; /* when an upstream last answered it */
};

struct cache_name {
	const char *name;
	uint32_t hash;
	int32_t chain;         /* next with this hash, or -1 */
	struct index_link use; /* dynamic names, by last use */
	int32_t queued;        /* channel.c: next in its queue, or -1 */
	bool in_queue;
	bool dynamic;  /* came up under a wildcard, or in audit mode */
	bool open;     /* needs no pin: audit mode lets through what no rule allows */
	bool hosts;    /* answered from /etc/hosts */
	bool allowed;  /* a rule allows it */
	bool denied;   /* ... but another denied it at run time: treated as absent */
	bool internal; /* single-label or +private: search domains apply */
	bool booting;  /* not yet counted for RESOLVER_BOOTED */
	bool reported; /* RESOLVER_USED was sent */
	bool report;   /* channel.c: RESOLVER_UNRESOLVED is pending */
	uint8_t pins_out[FAMILIES]; /* addresses in the outstanding pin request */
	uint32_t sequence;          /* of that request; 0: none */
	struct ration
		*ration; /* for queries about it, its rule's or its own; NULL: not limited */
	struct cache_record record[FAMILIES];
	uint8_t v4[LIMIT_ANSWER_ADDRESSES * 4];
	uint8_t v6[LIMIT_ANSWER_ADDRESSES * 16];
};

struct cache {
	struct cache_name *names;
	size_t count, room;
	char (*texts)[NAME_TEXT]; /* text of the dynamic names */
	size_t fixed;             /* names[0 .. fixed-1] are permanent */
	int32_t *buckets;
	size_t mask;
	uint32_t seed;            /* secret, so that nobody can pick names that collide */
	struct index_list by_use; /* the least recently used first */
};

/* Allocates for `fixed` names and, if dynamic, LIMIT_DYNAMIC_NAMES more. Returns 0 or -1. */
int cache_init(struct cache *c, size_t fixed, bool dynamic, uint32_t seed);
void cache_free(struct cache *c);

/* The index of a normalised name, or -1. */
int cache_find(const struct cache *c, const char *name);
/* Adds a permanent name, which must outlive the cache. Returns its index (also if it exists
 * already), or -1 if there is no room. */
int cache_add_fixed(struct cache *c, const char *name);
/*
 * Adds a name that may be evicted; its text is copied. In a full table it replaces the least
 * recently used one without work in progress. Returns its index, or -1.
 */
int cache_add_dynamic(struct cache *c, const char *name);
/* Marks a dynamic name as used now. */
void cache_touch(struct cache *c, int index);

/* The addresses of a record: count * cache_size() octets. */
uint8_t *cache_addresses(struct cache_name *n, enum cache_family family);
size_t cache_size(enum cache_family family);
/* True if the record can be served now. */
bool cache_fresh(const struct cache_record *r, int64_t now);
/* True if it has addresses that may be served while the upstreams fail. */
bool cache_stale_usable(const struct cache_record *r, int64_t now);

#endif
