/* See pin_index.h. A ring buffer, with hash chains by name. */
#include "pin_index.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "../policy/rule.h"

#define BUCKETS 4096

struct pin_entry {
	char *name; /* owned; NULL: this entry and all after it are free */
	struct address address;
	uint32_t next; /* in the bucket; index plus 1, 0: none */
};

struct pin_index {
	uint32_t buckets[BUCKETS]; /* as next */
	struct pin_entry pin_entry[LIMIT_PIN_INDEX];
	uint64_t noted;
	const struct pin_entry *order[LIMIT_PIN_INDEX]; /* scratch for pin_index_cut(), as is
							   ports, a bit for each port */
	uint8_t ports[8192];
	struct endpoint *cut; /* owned; what is closed */
	size_t cut_count, cut_room;
};

struct pin_index *pin_index_new(void)
{
	return calloc(1, sizeof(struct pin_index));
}

static uint32_t *bucket(struct pin_index *index, const char *name)
{
	return &index->buckets[name_hash(name, (uint32_t)(uintptr_t)index) % BUCKETS];
}

static void forget(struct pin_index *index, uint32_t number)
{
	struct pin_entry *old = &index->pin_entry[number - 1];
	uint32_t *at = bucket(index, old->name);

	while (*at != number)
		at = &index->pin_entry[*at - 1].next;
	*at = old->next;
	free(old->name);
	old->name = NULL;
}

bool pin_index_note(struct pin_index *index, const char *name, const struct address *a)
{
	uint32_t number, *first = bucket(index, name);
	bool found = false;
	char *text;

	for (uint32_t i = *first; i; i = index->pin_entry[i - 1].next)
		if (address_compare(&index->pin_entry[i - 1].address, a) == 0 &&
			strcmp(index->pin_entry[i - 1].name, name) == 0)
			return false;
	text = strdup(name);
	if (!text)
		return false;
	number = (uint32_t)(index->noted++ % LIMIT_PIN_INDEX) + 1;
	if (index->pin_entry[number - 1].name)
		forget(index, number);
	index->pin_entry[number - 1] = (struct pin_entry){text, *a, *first};
	*first = number;
	for (size_t i = 0; i < index->cut_count; i++)
		found |= address_compare(&index->cut[i].address, a) == 0;
	return found;
}

static int add_cut(struct pin_index *index, const struct address *a, uint16_t port)
{
	if (index->cut_count == index->cut_room) {
		size_t room = index->cut_room ? 2 * index->cut_room : 64;
		struct endpoint *more = reallocarray(index->cut, room, sizeof(*more));

		if (!more)
			return -1;
		index->cut = more;
		index->cut_room = room;
	}
	index->cut[index->cut_count++] = (struct endpoint){*a, port};
	return 0;
}

static int by_address(const void *a, const void *b)
{
	const struct pin_entry *const *x = a, *const *y = b;

	return address_compare(&(*x)->address, &(*y)->address);
}

/* True if the port's bit was clear; sets it. */
static bool first_time(struct pin_index *index, uint16_t port)
{
	uint8_t bit = (uint8_t)(1 << port % 8), was = index->ports[port / 8];

	index->ports[port / 8] |= bit;
	return !(was & bit);
}

/*
 * Goes through the addresses, each with all its names: ports that one of them still has stay
 * open, the others that they had are closed. The payload influences how many there are, so
 * no entry is processed more than twice.
 */
static int cut_names(struct pin_index *index, const struct policy *p)
{
	const struct policy widest = policy_widest(p);
	size_t count = index->noted < LIMIT_PIN_INDEX ? index->noted : LIMIT_PIN_INDEX, next;

	for (size_t i = 0; i < count; i++)
		index->order[i] = &index->pin_entry[i];
	qsort(index->order, count, sizeof(*index->order), by_address);
	for (size_t first = 0; first < count; first = next) {
		const struct address *a = &index->order[first]->address;

		memset(index->ports, 0, sizeof(index->ports));
		for (next = first; next < count &&
				   by_address(&index->order[next], &index->order[first]) == 0;
			next++) {
			struct verdict is = policy_check_pin(p, index->order[next]->name);

			for (unsigned j = 0; j < is.ports.count; j++)
				first_time(index, is.ports.port[j]);
		}
		for (size_t i = first; i < next; i++) {
			struct verdict was = policy_check_pin(&widest, index->order[i]->name);

			/* Except for what a network rule decides. */
			for (unsigned j = 0; j < was.ports.count; j++)
				if (first_time(index, was.ports.port[j]) &&
					!policy_check_address(p, a, was.ports.port[j]).rule &&
					add_cut(index, a, was.ports.port[j]) < 0)
					return -1;
		}
	}
	return 0;
}

int pin_index_cut(struct pin_index *index, const struct policy *p, bool networks,
	struct wall *w, struct failure *f)
{
	index->cut_count = 0;
	if (cut_names(index, p) < 0)
		return fail_errno(f, "shut what is denied", "");
	return wall_follow(w, p, networks, index->cut, index->cut_count, f);
}

void pin_index_walk(const struct pin_index *index, size_t *cursor,
	bool (*each)(void *context, const char *name, const struct address *a), void *context)
{
	size_t count = index->noted < LIMIT_PIN_INDEX ? index->noted : LIMIT_PIN_INDEX;

	for (size_t i = 0; i < count; i++) {
		const struct pin_entry *pin_entry = &index->pin_entry[(*cursor)++ % count];

		if (!each(context, pin_entry->name, &pin_entry->address))
			return;
	}
}

uint64_t pin_index_forgotten(const struct pin_index *index)
{
	return index->noted > LIMIT_PIN_INDEX ? index->noted - LIMIT_PIN_INDEX : 0;
}

void pin_index_free(struct pin_index *index)
{
	for (size_t i = 0; index && i < LIMIT_PIN_INDEX; i++)
		free(index->pin_entry[i].name);
	if (index)
		free(index->cut);
	free(index);
}
