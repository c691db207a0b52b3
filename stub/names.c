#include "names.h"

#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <sys/random.h>

#include "bounds.h"
#include "state.h"
#include "trail_read.h"

/* Always emptier than half, so that a search ends soon. */
#define NAMES_BITS  18
#define NAMES_TABLE (1 << NAMES_BITS)
_Static_assert(NAMES_TABLE > 2 * BOUND_NAMES, "there is an empty place");

/*
 * The place of the name in the table, or where it belongs: linear probing. The payload chooses
 * the names, so the factor is a secret, and the upper bits decide: with FNV-1a, say, it would
 * find names that all have one place, and each search would go through them.
 */
static const char **slot_of(const struct names *n, const char *name)
{
	uint64_t hash = n->secret[0];

	for (const char *c = name; *c; c++)
		hash = (hash ^ (unsigned char)*c) * (n->secret[1] | 1);
	for (size_t at = hash >> (64 - NAMES_BITS);; at++) {
		const char **slot = &n->table[at % NAMES_TABLE];

		if (!*slot || strcmp(*slot, name) == 0)
			return slot;
	}
}

static void add(void *context, const char *name)
{
	struct names *n = context;
	const char **slot;

	if (!n->table && getrandom(n->secret, sizeof(n->secret), 0) == sizeof(n->secret))
		n->table = calloc(NAMES_TABLE, sizeof(*n->table));
	if (!n->table || n->list.count == BOUND_NAMES)
		return;
	slot = slot_of(n, name);
	if (*slot)
		return;
	*slot = arena_copy(&n->arena, name);
	string_list_add(&n->list, *slot);
}

static void note(void *context, const struct trail_event *e)
{
	if (e->name[0] && !e->by[0] && strcmp(e->event, "boot") != 0 &&
		strcmp(e->event, "worker") != 0)
		add(context, e->name);
}

static int read_names(struct plan *p, unsigned session, struct names *n, struct error *t)
{
	return trail_read(p, session, TRAIL_NAMES, note, n, t);
}

int names_of_earlier(struct plan *p, struct names *n, struct error *t)
{
	int found = trail_read_known(p, add, n, t);

	if (found != 0)
		return found < 0 ? -1 : 0;
	for (unsigned i = 1; i < BOUND_TRAILS; i++)
		if (read_names(p, i, n, t) < 0)
			return -1;
	return 0;
}

void names_known(struct plan *p, struct names *n)
{
	static struct error t;

	if (state_find(p) || names_of_earlier(p, n, &t) < 0)
		names_free(n);
}

void names_of_last(struct plan *p, struct names *n)
{
	static struct error t;

	if (read_names(p, 0, n, &t) < 0)
		names_free(n);
}

bool names_have(const struct names *n, const char *name)
{
	return n->table && *slot_of(n, name);
}

void names_free(struct names *n)
{
	string_list_free(&n->list);
	free(n->table);
	arena_free(&n->arena);
	*n = (struct names){0};
}
