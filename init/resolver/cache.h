/*
 * What the resolver knows of each name: the exact names of the policy and of /etc/hosts, there
 * from the start and for good, and those that came up under wildcards, of which the least
 * recently used give way. One table, allocated once; nothing grows afterwards.
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
 * How long an answer is kept, in seconds. The floor: a record with TTL 0 must not mean one
 * question upstream and one change of the wall for each of a client's many lookups. The
 * ceiling: RFC 8767 §4. PID 1 keeps a pin longer than this (monitor/pins.h).
 */
#define CACHE_TTL_FLOOR   5
#define CACHE_TTL_CEILING 86400
/* Negative answers: RFC 2308 §5 leaves the ceiling to us; somebody waits for that name. */
#define CACHE_NEGATIVE_FLOOR   5
#define CACHE_NEGATIVE_CEILING 300
/* After a failure, before the upstreams are asked again (RFC 2308 §7 allows five minutes). */
#define CACHE_FAILURE_TTL 2
/* RFC 8767 §5: an answer past its time is given for 30 seconds more, as often as the upstreams
 * fail, but never one that an upstream gave longer ago than this. */
#define CACHE_STALE_TTL 30
#define CACHE_STALE_MAX 21600
/* /etc/hosts has no TTL; its pins are renewed this often. */
#define CACHE_HOSTS_TTL 3600

enum cache_family { FAMILY_4, FAMILY_6, FAMILIES };

enum cache_result {
	CACHE_UNKNOWN,   /* never asked */
	CACHE_ADDRESSES, /* count of them */
	CACHE_EMPTY,
	CACHE_NXDOMAIN,
	CACHE_FAILED, /* reason says why */
};

enum cache_work {
	WORK_NONE,
	WORK_ASKING,  /* a question is out, or waits for its place */
	WORK_PIN,     /* the addresses are to be pinned before anybody hears of them */
	WORK_PINNING, /* asked of PID 1 */
};

/* One family of one name. While work is WORK_PIN or WORK_PINNING the addresses are the new
 * ones; nobody is answered from them. */
struct cache_record {
	uint8_t result; /* enum cache_result */
	uint8_t work;   /* enum cache_work */
	uint8_t reason; /* enum resolver_reason */
	uint8_t count;
	bool used;        /* asked for since it was fetched: worth renewing */
	bool stale;       /* given past its time */
	uint8_t tries;    /* search domains tried in the question that is out */
	uint32_t ttl;     /* seconds, clamped; for the pin */
	int waiters;      /* the first of client.c's waiters, or -1 */
	int64_t expires;  /* CLOCK_MONOTONIC, milliseconds */
	int64_t asked;    /* when the question that is out was asked */
	int64_t answered; /* when an upstream last told us of it */
};

struct cache_name {
	const char *name;
	uint32_t hash;
	int32_t chain;         /* the next with this hash, or -1 */
	struct index_link use; /* dynamic names, by last use */
	int32_t queued;        /* channel.c: the next in its queue, or -1 */
	bool in_queue;
	bool dynamic;  /* came up under a wildcard, or in audit mode */
	bool open;     /* needs no pin: audit mode lets through what no rule allows */
	bool hosts;    /* answered from /etc/hosts */
	bool allowed;  /* a rule allows it */
	bool denied;   /* ... and another denied it since: as if it weren't here */
	bool internal; /* of one label, or +private: search domains are for it */
	bool booting;  /* not yet counted for RESOLVER_BOOTED */
	bool report;   /* channel.c: RESOLVER_UNRESOLVED is to be sent */
	uint8_t pins_out[FAMILIES]; /* addresses in the pin request that is out */
	uint32_t sequence;          /* of that request; 0: none is */
	struct ration *ration;      /* of the questions about it, its rule's or its own; NULL:
				     * none are counted */
	struct cache_record record[FAMILIES];
	uint8_t v4[LIMIT_ANSWER_ADDRESSES * 4];
	uint8_t v6[LIMIT_ANSWER_ADDRESSES * 16];
};

struct cache {
	struct cache_name *names;
	size_t count, room;
	char (*texts)[NAME_TEXT]; /* of the dynamic names */
	size_t fixed;             /* names[0 .. fixed-1] stay for good */
	int32_t *buckets;
	size_t mask;
	uint32_t seed;            /* so that nobody can choose names of one bucket */
	struct index_list by_use; /* the least recently used first */
};

/* Allocates for `fixed` names and, where dynamic, LIMIT_DYNAMIC_NAMES more. Returns 0 or -1. */
int cache_init(struct cache *c, size_t fixed, bool dynamic, uint32_t seed);
void cache_free(struct cache *c);

/* The index of a normalised name, or -1. */
int cache_find(const struct cache *c, const char *name);
/* Adds a name that stays; `name` must outlive the cache. Returns its index (that of the one
 * that is there already, too), or -1 when there is no room. */
int cache_add_fixed(struct cache *c, const char *name);
/*
 * Adds a name that may give way; its text is copied. The least recently used one that nothing
 * is under way for gives way where the table is full. Returns its index, or -1.
 */
int cache_add_dynamic(struct cache *c, const char *name);
/* Marks a dynamic name as used now. */
void cache_touch(struct cache *c, int index);

/* The addresses of a record: count times cache_size() octets. */
uint8_t *cache_addresses(struct cache_name *n, enum cache_family family);
size_t cache_size(enum cache_family family);
/* Can the record be answered from at this time? */
bool cache_fresh(const struct cache_record *r, int64_t now);
/* Has it addresses that may be given once more while the upstreams fail? */
bool cache_stale_usable(const struct cache_record *r, int64_t now);

#endif
