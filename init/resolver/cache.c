/* See cache.h. Hash chains for lookup, a list by last use for eviction. */
#include "cache.h"

#include <stdlib.h>
#include <string.h>

#define NONE (-1)

int cache_init(struct cache *c, size_t fixed, bool dynamic, uint32_t seed)
{
	size_t buckets = 64;

	memset(c, 0, sizeof(*c));
	c->room = fixed + (dynamic ? LIMIT_DYNAMIC_NAMES : 0);
	while (buckets < c->room)
		buckets *= 2;
	c->mask = buckets - 1;
	c->seed = seed;
	c->by_use = (struct index_list)INDEX_LIST_EMPTY;
	/* Pages that are never used cost nothing: calloc() gets them from the kernel
	 * untouched. */
	c->names = calloc(c->room + 1, sizeof(*c->names));
	c->texts = dynamic ? calloc(LIMIT_DYNAMIC_NAMES, sizeof(*c->texts)) : NULL;
	c->buckets = malloc(buckets * sizeof(*c->buckets));
	if (!c->names || !c->buckets || (dynamic && !c->texts)) {
		cache_free(c);
		return -1;
	}
	memset(c->buckets, 0xff, buckets * sizeof(*c->buckets));
	return 0;
}

void cache_free(struct cache *c)
{
	free(c->names);
	free(c->texts);
	free(c->buckets);
	memset(c, 0, sizeof(*c));
}

int cache_find(const struct cache *c, const char *name)
{
	uint32_t hash = name_hash(name, c->seed);

	for (int32_t i = c->buckets[hash & c->mask]; i != NONE; i = c->names[i].chain)
		if (c->names[i].hash == hash && strcmp(c->names[i].name, name) == 0)
			return i;
	return -1;
}

static void link_name(struct cache *c, int index, const char *name)
{
	struct cache_name *n = &c->names[index];

	memset(n, 0, sizeof(*n));
	n->name = name;
	n->hash = name_hash(name, c->seed);
	n->chain = c->buckets[n->hash & c->mask];
	c->buckets[n->hash & c->mask] = index;
	n->queued = NONE;
	n->record[FAMILY_4].waiters = n->record[FAMILY_6].waiters = NONE;
}

int cache_add_fixed(struct cache *c, const char *name)
{
	int index = cache_find(c, name);

	if (index >= 0)
		return index;
	if (c->count == c->room)
		return -1;
	index = (int)c->count++;
	link_name(c, index, name);
	c->fixed = c->count;
	return index;
}

static void unlink_use(struct cache *c, int index)
{
	index_list_remove(&c->by_use, &c->names[0].use, sizeof(c->names[0]), index);
}

static void link_newest(struct cache *c, int index)
{
	index_list_append(&c->by_use, &c->names[0].use, sizeof(c->names[0]), index);
}

static void unlink_name(struct cache *c, int index)
{
	struct cache_name *n = &c->names[index];
	int32_t *at = &c->buckets[n->hash & c->mask];

	while (*at != index)
		at = &c->names[*at].chain;
	*at = n->chain;
	unlink_use(c, index);
}

static bool busy(const struct cache_name *n)
{
	return n->in_queue || n->sequence || n->record[FAMILY_4].work ||
	       n->record[FAMILY_6].work;
}

int cache_add_dynamic(struct cache *c, const char *name)
{
	int index;

	if (!c->texts)
		return -1;
	if (c->count < c->room) {
		index = (int)c->count++;
	} else {
		for (index = c->by_use.first; index != NONE && busy(&c->names[index]);)
			index = c->names[index].use.next;
		if (index == NONE)
			return -1;
		unlink_name(c, index);
	}
	char *text = c->texts[(size_t)index - c->fixed];

	strncpy(text, name, NAME_TEXT - 1);
	text[NAME_TEXT - 1] = '\0';
	link_name(c, index, text);
	c->names[index].dynamic = true;
	link_newest(c, index);
	return index;
}

void cache_touch(struct cache *c, int index)
{
	if (!c->names[index].dynamic || c->by_use.last == index)
		return;
	unlink_use(c, index);
	link_newest(c, index);
}

uint8_t *cache_addresses(struct cache_name *n, enum cache_family family)
{
	return family == FAMILY_4 ? n->v4 : n->v6;
}

size_t cache_size(enum cache_family family)
{
	return family == FAMILY_4 ? 4 : 16;
}

bool cache_fresh(const struct cache_record *r, int64_t now)
{
	return r->result != CACHE_UNKNOWN && r->work != WORK_PIN && r->work != WORK_PINNING &&
	       now < r->expires;
}

bool cache_stale_usable(const struct cache_record *r, int64_t now)
{
	return r->result == CACHE_ADDRESSES && r->count > 0 &&
	       now - r->answered < CACHE_STALE_MAX * INT64_C(1000);
}
