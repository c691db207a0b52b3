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

static uint32_t *bucket(struct pin_index *b, const char *name)
{
	return &b->buckets[name_hash(name, (uint32_t)(uintptr_t)b) % BUCKETS];
}

static void forget(struct pin_index *b, uint32_t number)
{
	struct pin_entry *old = &b->pin_entry[number - 1];
	uint32_t *at = bucket(b, old->name);

	while (*at != number)
		at = &b->pin_entry[*at - 1].next;
	*at = old->next;
	free(old->name);
	old->name = NULL;
}

bool pin_index_note(struct pin_index *b, const char *name, const struct address *a)
{
	uint32_t number, *first = bucket(b, name);
	bool found = false;
	char *text;

	for (uint32_t i = *first; i; i = b->pin_entry[i - 1].next)
		if (address_compare(&b->pin_entry[i - 1].address, a) == 0 &&
			strcmp(b->pin_entry[i - 1].name, name) == 0)
			return false;
	text = strdup(name);
	if (!text)
		return false;
	number = (uint32_t)(b->noted++ % LIMIT_PIN_INDEX) + 1;
	if (b->pin_entry[number - 1].name)
		forget(b, number);
	b->pin_entry[number - 1] = (struct pin_entry){text, *a, *first};
	*first = number;
	for (size_t i = 0; i < b->cut_count; i++)
		found |= address_compare(&b->cut[i].address, a) == 0;
	return found;
}

static int add_cut(struct pin_index *b, const struct address *a, uint16_t port)
{
	if (b->cut_count == b->cut_room) {
		size_t room = b->cut_room ? 2 * b->cut_room : 64;
		struct endpoint *more = reallocarray(b->cut, room, sizeof(*more));

		if (!more)
			return -1;
		b->cut = more;
		b->cut_room = room;
	}
	b->cut[b->cut_count++] = (struct endpoint){*a, port};
	return 0;
}

static int by_address(const void *a, const void *b)
{
	const struct pin_entry *const *x = a, *const *y = b;

	return address_compare(&(*x)->address, &(*y)->address);
}

/* True if the port's bit was clear; sets it. */
static bool first_time(struct pin_index *b, uint16_t port)
{
	uint8_t bit = (uint8_t)(1 << port % 8), was = b->ports[port / 8];

	b->ports[port / 8] |= bit;
	return !(was & bit);
}

/*
 * Goes through the addresses, each with all its names: ports that one of them still has stay
 * open, the others that they had are closed. The payload influences how many there are, so
 * no entry is processed more than twice.
 */
static int cut_names(struct pin_index *b, const struct policy *p)
{
	const struct policy widest = policy_widest(p);
	size_t count = b->noted < LIMIT_PIN_INDEX ? b->noted : LIMIT_PIN_INDEX, next;

	for (size_t i = 0; i < count; i++)
		b->order[i] = &b->pin_entry[i];
	qsort(b->order, count, sizeof(*b->order), by_address);
	for (size_t first = 0; first < count; first = next) {
		const struct address *a = &b->order[first]->address;

		memset(b->ports, 0, sizeof(b->ports));
		for (next = first;
			next < count && by_address(&b->order[next], &b->order[first]) == 0;
			next++) {
			struct verdict is = policy_check_pin(p, b->order[next]->name);

			for (unsigned j = 0; j < is.ports.count; j++)
				first_time(b, is.ports.port[j]);
		}
		for (size_t i = first; i < next; i++) {
			struct verdict was = policy_check_pin(&widest, b->order[i]->name);

			/* Except for what a network rule decides. */
			for (unsigned j = 0; j < was.ports.count; j++)
				if (first_time(b, was.ports.port[j]) &&
					!policy_check_address(p, a, was.ports.port[j]).rule &&
					add_cut(b, a, was.ports.port[j]) < 0)
					return -1;
		}
	}
	return 0;
}

int pin_index_cut(struct pin_index *b, const struct policy *p, bool networks, struct wall *w,
	struct failure *f)
{
	b->cut_count = 0;
	if (cut_names(b, p) < 0)
		return fail_errno(f, "shut what is denied", "");
	return wall_follow(w, p, networks, b->cut, b->cut_count, f);
}

void pin_index_walk(const struct pin_index *b, size_t *cursor,
	bool (*each)(void *context, const char *name, const struct address *a), void *context)
{
	size_t count = b->noted < LIMIT_PIN_INDEX ? b->noted : LIMIT_PIN_INDEX;

	for (size_t i = 0; i < count; i++) {
		const struct pin_entry *pin_entry = &b->pin_entry[(*cursor)++ % count];

		if (!each(context, pin_entry->name, &pin_entry->address))
			return;
	}
}

uint64_t pin_index_forgotten(const struct pin_index *b)
{
	return b->noted > LIMIT_PIN_INDEX ? b->noted - LIMIT_PIN_INDEX : 0;
}

void pin_index_free(struct pin_index *b)
{
	for (size_t i = 0; b && i < LIMIT_PIN_INDEX; i++)
		free(b->pin_entry[i].name);
	if (b)
		free(b->cut);
	free(b);
}
