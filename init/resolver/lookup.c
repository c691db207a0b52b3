/*
 * The life cycle of a record: queried, answered, checked, pinned, served, refreshed, and
 * served stale while the upstreams fail. One file, since each step leads to the next;
 * lookup_boot.c does it for all exact names at once.
 */
#include "resolver_private.h"

#include <string.h>

#include "../lib/fake_ip.h"

/* A record in use is refreshed when 1/REFRESH_PART of its TTL is left, within these bounds. */
#define REFRESH_PART  10
#define REFRESH_LEAST 1000
#define REFRESH_MOST  30000
/*
 * TTL of a failed AAAA if there is an A; TTL if the upstreams don't respond at all; and how
 * long a client that has the A waits for the AAAA.
 */
#define LAME_TTL   30
#define SILENT_TTL 300
#define LAME_MS    600

static const uint16_t type_of[FAMILIES] = {DNS_A, DNS_AAAA};

static uint32_t clamp(uint32_t ttl, uint32_t floor, uint32_t ceiling)
{
	return ttl < floor ? floor : ttl > ceiling ? ceiling : ttl;
}

/* ---- Settling ------------------------------------------------------------------------ */

static int64_t refresh_at(const struct cache_record *r)
{
	int64_t margin = (int64_t)r->ttl * 1000 / REFRESH_PART;

	if (margin < REFRESH_LEAST)
		margin = REFRESH_LEAST;
	if (margin > REFRESH_MOST)
		margin = REFRESH_MOST;
	return r->expires - margin;
}

static void schedule_refresh(struct worker *w, const struct cache_record *r)
{
	int64_t at = refresh_at(r);

	/* At most once a second, whatever the upstreams say. */
	if (at < w->now + REFRESH_LEAST)
		at = w->now + REFRESH_LEAST;
	if (at < w->lookup.refresh)
		w->lookup.refresh = at;
}

bool lookup_has_address(const struct cache_name *n)
{
	return (n->record[FAMILY_4].result == CACHE_ADDRESSES && !n->record[FAMILY_4].work) ||
	       (n->record[FAMILY_6].result == CACHE_ADDRESSES && !n->record[FAMILY_6].work);
}

void lookup_name_settled(struct worker *w, int index)
{
	struct cache_name *n = &w->cache.names[index];

	n->booting = false;
	w->lookup.left--;
	if (lookup_has_address(n)) {
		w->lookup.pinned++;
	} else {
		n->report = true;
		channel_queue(w, index);
	}
}

/* Sets the record's result for so many seconds and notifies those who wait. */
static void settle(struct worker *w, int index, enum cache_family family,
	enum cache_result result, enum resolver_reason reason, uint32_t seconds)
{
	struct cache_name *n = &w->cache.names[index];
	struct cache_record *r = &n->record[family], *other = &n->record[!family];

	r->work = WORK_NONE;
	r->result = (uint8_t)result;
	r->reason = (uint8_t)reason;
	r->expires = w->now + seconds * INT64_C(1000);
	if (result == CACHE_ADDRESSES && n->hosts)
		schedule_refresh(w, r);
	if (other->work == WORK_PIN)
		channel_queue(w, index); /* it waited for this family */
	if (n->booting && !other->work && other->result != CACHE_UNKNOWN)
		lookup_name_settled(w, index);
	w->lookup.settled(w, index, family);
	if (family == FAMILY_4 && other->waiters >= 0)
		lookup_wait_for_aaaa(w, n);
}

/* The upstreams failed, or may not be queried now. An existing answer is used as long as
 * permitted. */
static void failed(
	struct worker *w, int index, enum cache_family family, enum resolver_reason reason)
{
	struct cache_name *n = &w->cache.names[index];
	struct cache_record *r = &n->record[family];
	uint32_t seconds = CACHE_FAILURE_TTL;

	if (r->result == CACHE_ADDRESSES && w->now < r->expires) {
		/* Only a refresh failed. It is retried when the record is requested again. */
		r->work = WORK_NONE;
		r->used = false;
		w->lookup.settled(w, index, family);
		return;
	}
	if (cache_stale_usable(r, w->now)) {
		/* Its pin may have expired, so it is pinned again first. */
		r->stale = true;
		r->ttl = CACHE_STALE_TTL;
		if (n->open) {
			settle(w, index, family, CACHE_ADDRESSES, REASON_NONE, r->ttl);
			return;
		}
		r->work = WORK_PIN;
		channel_queue(w, index);
		return;
	}
	if (family == FAMILY_6 && n->record[FAMILY_4].result == CACHE_ADDRESSES)
		seconds = reason == REASON_TIMEOUT ? SILENT_TTL : LAME_TTL;
	r->count = 0;
	if (reason == REASON_LIMIT) {
		channel_refused(w, n->name, reason);
	} else if (!n->booting && family == FAMILY_4 && !n->open) {
		n->report = true;
		channel_queue(w, index);
	}
	settle(w, index, family, CACHE_FAILED, reason, seconds);
}

/* Copies the usable addresses of an answer. Reports the first unusable one; if none is
 * usable it is stored for the error message, but not counted. */
static void take_addresses(struct worker *w, int index, enum cache_family family,
	const uint8_t (*from)[16], size_t count)
{
	struct cache_name *n = &w->cache.names[index];
	struct cache_record *r = &n->record[family];
	struct verdict v = policy_check_pin(w->config->policy, n->name);
	bool reported = false;

	r->count = 0;
	for (size_t i = 0; i < count; i++) {
		struct address a = {.family = family == FAMILY_4 ? 4 : 6};
		const char *why = NULL;

		memcpy(a.bytes, from[i], cache_size(family));
		if (!n->open && !policy_address_usable(w->config->policy, &v, &a, &why)) {
			if (!reported)
				channel_dropped(w, n->name, REASON_NOT_PUBLIC, &a);
			if (!reported && r->count == 0)
				memcpy(cache_addresses(n, family), a.bytes, cache_size(family));
			reported = true;
			continue;
		}
		memcpy(cache_addresses(n, family) + r->count * cache_size(family), a.bytes,
			cache_size(family));
		r->count++;
	}
}

static enum resolver_reason ask(
	struct worker *w, int index, enum cache_family family, bool stale);

static void take_answer(struct worker *w, int index, enum cache_family family,
	enum dns_outcome outcome, const struct dns_answer *answer, enum resolver_reason reason)
{
	struct cache_name *n = &w->cache.names[index];
	struct cache_record *r = &n->record[family];
	uint32_t seconds;

	if (!answer) {
		failed(w, index, family, reason);
		return;
	}
	if (answer->strays)
		channel_dropped(w, n->name, REASON_MALFORMED, NULL);
	r->tries++;
	if (outcome == OUTCOME_NXDOMAIN) {
		reason = ask(w, index, family, false);
		if (reason != REASON_NXDOMAIN && reason != REASON_NONE)
			failed(w, index, family, reason);
		if (reason != REASON_NXDOMAIN)
			return;
	}
	r->stale = false;
	r->used = false;
	r->answered = w->now;
	if (outcome != OUTCOME_ADDRESSES) {
		seconds = clamp(answer->ttl, CACHE_NEGATIVE_FLOOR, CACHE_NEGATIVE_CEILING);
		r->count = 0;
		settle(w, index, family,
			outcome == OUTCOME_NXDOMAIN ? CACHE_NXDOMAIN : CACHE_EMPTY, REASON_NONE,
			seconds);
		return;
	}
	r->ttl = clamp(answer->ttl, CACHE_TTL_FLOOR, CACHE_TTL_CEILING);
	take_addresses(w, index, family, answer->addresses, answer->count);
	if (r->count == 0) {
		settle(w, index, family, CACHE_FAILED, REASON_NOT_PUBLIC, CACHE_NEGATIVE_FLOOR);
		return;
	}
	if (n->open) {
		settle(w, index, family, CACHE_ADDRESSES, REASON_NONE, r->ttl);
		return;
	}
	r->work = WORK_PIN;
	r->result = CACHE_ADDRESSES;
	if (!n->booting || w->now >= w->lookup.hold || n->record[!family].work != WORK_ASKING)
		channel_queue(w, index);
}

void lookup_answered(struct worker *w, int index, uint16_t type, enum dns_outcome outcome,
	const struct dns_answer *answer, enum resolver_reason reason)
{
	take_answer(w, index, type == DNS_A ? FAMILY_4 : FAMILY_6, outcome, answer, reason);
}

void lookup_pinned(struct worker *w, int index, uint32_t accepted)
{
	struct cache_name *n = &w->cache.names[index];

	for (enum cache_family f = FAMILY_4; f < FAMILIES; f++) {
		struct cache_record *r = &n->record[f];
		size_t size = cache_size(f);
		uint8_t *a = cache_addresses(n, f), given = r->count;
		unsigned kept = 0;

		if (r->work != WORK_PINNING)
			continue;
		/* Serve only what is open: a client must not run into the wall. */
		for (unsigned i = 0; i < r->count; i++, accepted >>= 1)
			if (accepted & 1)
				memmove(a + kept++ * size, a + i * size, size);
		r->count = (uint8_t)kept;
		n->pins_out[f] = 0;
		/* /etc/hosts is kept as it stands, and answered so even if none of it is
		 * open, but in the cell: no wall keeps its gate from what it is told. */
		if (kept == 0 && n->hosts)
			r->count = given;
		if (kept || (r->count && !w->config->cell))
			settle(w, index, f, CACHE_ADDRESSES, REASON_NONE, r->ttl);
		else
			settle(w, index, f, CACHE_FAILED, REASON_NOT_PUBLIC, CACHE_FAILURE_TTL);
	}
}

void lookup_fake_ip(struct worker *w, int index)
{
	struct cache_name *n = &w->cache.names[index];
	struct address a = fake_ip_address(FAKE_IP_PROXY, (size_t)index);

	for (enum cache_family f = FAMILY_4; f < FAMILIES; f++) {
		n->record[f].result = f == FAMILY_4 ? CACHE_ADDRESSES : CACHE_EMPTY;
		n->record[f].ttl = CACHE_TTL_FLOOR;
		n->record[f].expires = INT64_MAX / 2;
	}
	memcpy(n->v4, a.bytes, cache_size(FAMILY_4));
	n->record[FAMILY_4].count = 1;
}

/* ---- Asking -------------------------------------------------------------------------- */

/*
 * resolv.conf's search list, for names that may need it: single labels, and names of
 * +private rules. As in resolv.conf(5): with fewer dots than ndots, a name is tried with
 * each domain first and then as it stands; otherwise as it stands first. Sets *suffix for
 * attempt r->tries, skipping names that would be too long. Returns false if there is no
 * further attempt.
 */
static bool next_try(const struct worker *w, const struct cache_name *n, struct cache_record *r,
	const char **suffix)
{
	const struct resolvconf *c = &w->config->conf;
	size_t domains = n->internal ? c->search_count : 0, dots = 0;

	for (const char *p = n->name; *p; p++)
		dots += *p == '.';
	for (; r->tries <= domains; r->tries++) {
		size_t bare = dots < c->ndots ? domains : 0;

		*suffix = NULL;
		if (r->tries == bare)
			return true;
		*suffix = c->search[r->tries - (bare == 0)];
		if (strlen(n->name) + 1 + strlen(*suffix) <= LIMIT_NAME_TEXT)
			return true;
	}
	return false;
}

/* Sends the query of the next attempt. REASON_NXDOMAIN: there was none left. */
static enum resolver_reason ask(
	struct worker *w, int index, enum cache_family family, bool stale)
{
	struct cache_name *n = &w->cache.names[index];
	struct cache_record *r = &n->record[family];
	const char *suffix;

	enum resolver_reason reason;

	if (!next_try(w, n, r, &suffix))
		return REASON_NXDOMAIN;
	reason = upstream_ask(
		w->upstream, n->name, suffix, type_of[family], index, stale, w->now);
	if (reason == REASON_NONE) {
		r->work = WORK_ASKING;
		r->asked = w->now;
	}
	return reason;
}

enum resolver_reason lookup_ask(
	struct worker *w, int index, enum cache_family family, bool stale)
{
	w->cache.names[index].record[family].tries = 0;
	return ask(w, index, family, stale);
}

void lookup_resolve(struct worker *w, int index, enum cache_family family)
{
	struct cache_name *n = &w->cache.names[index];
	struct cache_record *r = &n->record[family];
	enum resolver_reason reason;

	if (r->work || cache_fresh(r, w->now))
		return;
	if (n->hosts) { /* never really expires */
		r->work = WORK_PIN;
		channel_queue(w, index);
		return;
	}
	reason = lookup_ask(w, index, family, cache_stale_usable(r, w->now));
	if (reason != REASON_NONE)
		failed(w, index, family, reason);
}

void lookup_used(struct worker *w, struct cache_name *n, enum cache_family family)
{
	struct cache_record *r = &n->record[family];

	if (r->used || r->result != CACHE_ADDRESSES)
		return;
	r->used = true;
	schedule_refresh(w, r);
}

bool lookup_may_ask(struct worker *w, int index)
{
	const struct cache_name *n = &w->cache.names[index];

	return !n->ration ||
	       ration_take(n->ration, w->now,
		       n->dynamic ? LIMIT_WILDCARD_QUESTIONS : LIMIT_NAME_QUESTIONS);
}

int lookup_known(const struct worker *w, const char **name)
{
	for (size_t i = 0; i < w->cache.fixed; i++) {
		const struct cache_name *n = &w->cache.names[i];

		if (!n->allowed || n->hosts || n->internal || !n->record[FAMILY_4].answered)
			continue;
		*name = n->name;
		return (int)i;
	}
	return -1;
}

/* ---- What is due --------------------------------------------------------------------- */

static void renew(struct worker *w)
{
	w->lookup.refresh = INT64_MAX;
	for (size_t i = 0; i < w->cache.count; i++) {
		struct cache_name *n = &w->cache.names[i];

		for (enum cache_family f = FAMILY_4; f < FAMILIES; f++) {
			struct cache_record *r = &n->record[f];

			if (r->work || r->result != CACHE_ADDRESSES || !(r->used || n->hosts))
				continue;
			if (n->hosts && !n->allowed)
				continue;
			if (refresh_at(r) > w->now) {
				schedule_refresh(w, r);
			} else if (n->hosts) {
				r->work = WORK_PIN;
				channel_queue(w, (int)i);
			} else {
				r->used = false;
				lookup_ask(w, (int)i, f, true);
			}
		}
	}
}

bool lookup_is_lame(const struct worker *w, const struct cache_name *n)
{
	const struct cache_record *a = &n->record[FAMILY_4], *aaaa = &n->record[FAMILY_6];

	return a->result == CACHE_ADDRESSES && cache_fresh(a, w->now) &&
	       aaaa->work == WORK_ASKING && aaaa->result != CACHE_ADDRESSES &&
	       w->now - aaaa->asked >= LAME_MS;
}

void lookup_wait_for_aaaa(struct worker *w, const struct cache_name *n)
{
	int64_t at = n->record[FAMILY_6].asked + LAME_MS;

	if (at < w->lookup.lame)
		w->lookup.lame = at;
}

static void wake_lame(struct worker *w)
{
	w->lookup.lame = INT64_MAX;
	for (size_t i = 0; i < w->cache.count; i++) {
		struct cache_name *n = &w->cache.names[i];

		if (n->record[FAMILY_6].waiters < 0)
			continue;
		if (lookup_is_lame(w, n))
			w->lookup.settled(w, (int)i, FAMILY_6);
		else if (n->record[FAMILY_6].asked + LAME_MS > w->now)
			lookup_wait_for_aaaa(w, n);
	}
}

int64_t lookup_tick(struct worker *w)
{
	if (w->now >= w->lookup.refresh)
		renew(w);
	if (w->now >= w->lookup.lame)
		wake_lame(w);
	return w->lookup.lame < w->lookup.refresh ? w->lookup.lame : w->lookup.refresh;
}
