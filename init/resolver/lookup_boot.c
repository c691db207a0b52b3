/*
 * The boot: queries every exact name of the policy at once, as far as there is room, and
 * sends RESOLVER_BOOTED when each is pinned or reported; also the names of /etc/hosts.
 */
#include "resolver_private.h"

#include <string.h>

/* The boot's deadline; RESOLVER_BOOT_MS less the time for the last reports. */
#define BOOT_MS (RESOLVER_BOOT_MS - 200)
/*
 * The boot's deadline if no server has answered anything, unless --require-names: by then
 * each of them has been queried (upstream_order.c), the last one more than a second ago.
 * Later answers are still used.
 */
static int64_t silence_ms(size_t servers)
{
	return servers < LIMIT_UPSTREAMS ? 2500 : 4000;
}

/* How long a name's first answer waits for the second, to request both pins together. */
#define HOLD_MS 150
/*
 * How long the boot waits for a name's second family. Some servers never answer AAAA: one
 * such zone must not delay the payload.
 */
#define PATIENCE_MS 1200

/* Queries as many more names as there is room for; each needs two. */
static void boot_more(struct worker *w)
{
	struct lookup *l = &w->lookup;

	for (; l->next < w->cache.fixed; l->next++) {
		struct cache_name *n = &w->cache.names[l->next];

		if (!n->booting || n->hosts)
			continue;
		if (w->config->conf.upstreams_count == 0) {
			n->record[FAMILY_4].reason = REASON_TIMEOUT;
			lookup_name_settled(w, (int)l->next);
			continue;
		}
		if (upstream_room(w->upstream) < LIMIT_QUESTIONS_SPARE + 2)
			return;
		for (enum cache_family f = FAMILY_4; f < FAMILIES; f++)
			if (!n->record[f].work)
				lookup_ask(w, (int)l->next, f, false);
	}
}

/* The deadline has passed: reports what has no answer. Outstanding queries continue and are
 * pinned. */
static void boot_end(struct worker *w)
{
	for (size_t i = 0; i < w->cache.fixed; i++) {
		struct cache_name *n = &w->cache.names[i];

		if (!n->booting)
			continue;
		if (n->record[FAMILY_4].result == CACHE_UNKNOWN)
			n->record[FAMILY_4].reason = REASON_TIMEOUT;
		lookup_name_settled(w, (int)i);
	}
	w->lookup.next = w->cache.fixed;
}

static void boot_release_partial(struct worker *w)
{
	for (size_t i = 0; i < w->cache.fixed; i++)
		if (w->cache.names[i].booting && lookup_has_address(&w->cache.names[i]))
			lookup_name_settled(w, (int)i);
}

static void boot_release(struct worker *w)
{
	w->lookup.hold = 0;
	for (size_t i = 0; i < w->cache.fixed; i++)
		if (w->cache.names[i].record[FAMILY_4].work == WORK_PIN ||
			w->cache.names[i].record[FAMILY_6].work == WORK_PIN)
			channel_queue(w, (int)i);
}

int64_t lookup_boot_tick(struct worker *w)
{
	struct lookup *l = &w->lookup;

	if (!l->booting)
		return INT64_MAX;
	boot_more(w);
	if (l->hold && w->now >= l->hold)
		boot_release(w);
	if (w->now >= l->patience)
		boot_release_partial(w);
	if (upstream_any_answered(w->upstream))
		l->deadline = l->latest;
	if (w->now >= l->deadline)
		boot_end(w);
	if (l->left > 0)
		return l->hold ? l->hold : w->now < l->patience ? l->patience : l->deadline;
	l->booting = false;
	channel_booted(w, l->pinned);
	return INT64_MAX;
}

/* ---- The start ----------------------------------------------------------------------- */

/* /etc/hosts is answered as it stands, but to the cell's gate, which no wall keeps from what it
 * is told; addresses that the policy accepts are pinned. */
static void add_hosts_entry(struct worker *w, const struct hosts_entry *e)
{
	const struct policy *p = w->config->policy;
	struct verdict v = policy_check_name(p, e->name);
	enum cache_family family = e->address.family == 4 ? FAMILY_4 : FAMILY_6;
	int index = cache_add_fixed(&w->cache, e->name);
	struct cache_record *r;
	struct cache_name *n;
	const char *why;
	bool usable;

	if (index < 0)
		return;
	n = &w->cache.names[index];
	r = &n->record[family];
	n->hosts = true;
	n->allowed = v.allowed;
	usable = v.allowed && policy_address_usable(p, &v, &e->address, &why);
	if (r->count == LIMIT_ANSWER_ADDRESSES || (r->work == WORK_PIN && !usable))
		return;
	if (v.allowed && !usable)
		channel_dropped(w, n->name, REASON_NOT_PUBLIC, &e->address);
	if (usable && r->work != WORK_PIN)
		r->count = 0; /* once there is a usable address, only those count */
	memcpy(cache_addresses(n, family) + r->count++ * cache_size(family), e->address.bytes,
		cache_size(family));
	r->ttl = CACHE_HOSTS_TTL;
	r->result = v.allowed && !usable && w->config->cell ? CACHE_FAILED : CACHE_ADDRESSES;
	r->reason = REASON_NOT_PUBLIC; /* if they failed */
	r->expires = INT64_MAX / 2;
	if (usable) {
		r->work = WORK_PIN;
		channel_queue(w, index);
	}
}

static int add_names(struct worker *w)
{
	const struct policy *p = w->config->policy;

	for (size_t i = 0; i < p->names_count; i++) {
		int index = cache_add_fixed(&w->cache, p->names[i].name);
		struct cache_name *n;

		if (index < 0)
			return -1;
		n = &w->cache.names[index];
		n->allowed = true;
		n->ration = &w->config->rations[policy_rules_most(p) + i];
		n->internal = p->names[i].private || !strchr(p->names[i].name, '.');
	}
	return 0;
}

/* A family that /etc/hosts doesn't have is permanently empty. */
static void complete_hosts_name(struct cache_name *n)
{
	for (enum cache_family f = FAMILY_4; f < FAMILIES; f++) {
		if (n->record[f].result != CACHE_UNKNOWN)
			continue;
		n->record[f].result = CACHE_EMPTY;
		n->record[f].expires = INT64_MAX / 2;
	}
}

/* Prepares a name for the boot. */
static void begin(struct worker *w, int index, bool boot)
{
	struct cache_name *n = &w->cache.names[index];

	if (n->hosts)
		complete_hosts_name(n);
	if (!n->hosts && policy_by_proxy(w->config->policy, n->name)) {
		lookup_fake_ip(w, index);
		w->lookup.pinned++;
		return;
	}
	/* A hosts name with nothing to pin is settled. */
	if (!boot || !n->allowed || (n->hosts && !n->record[0].work && !n->record[1].work))
		return;
	n->booting = true;
	w->lookup.left++;
}

int lookup_init(struct worker *w, bool boot)
{
	struct lookup *l = &w->lookup;

	l->refresh = l->lame = INT64_MAX;
	if (add_names(w) < 0)
		return -1;
	for (size_t i = 0; i < w->config->hosts_count; i++)
		add_hosts_entry(w, &w->config->hosts[i]);
	for (size_t i = 0; i < w->cache.fixed; i++)
		begin(w, (int)i, boot);
	l->booting = boot;
	l->hold = w->now + HOLD_MS;
	l->patience = w->now + PATIENCE_MS;
	l->latest = w->now + BOOT_MS;
	l->deadline = w->config->patient ? l->latest
					 : w->now + silence_ms(w->config->conf.upstreams_count);
	return 0;
}
