#include "project.h"

#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "../bounds.h"
#include "../kept.h"
#include "../state.h"
#include "../trail_read.h"

/* Always emptier than half, so that a search ends soon. */
#define NAMES_TABLE (1 << 18)
_Static_assert(NAMES_TABLE > 2 * BOUND_NAMES, "there is an empty place");

int project_find(struct plan *p, struct call *call, const char *workdir, struct error *t)
{
	const char *why;

	*p = (struct plan){.workdir_fd = -1};
	/* A home that is kept makes another session, as at the start. */
	if (cli_take_workdir(call->cli, workdir, t) < 0 || kept_take(call->cli, t) < 0 ||
		plan_place(p, call->cli, t) < 0)
		return -1;
	why = state_find(p);
	return why ? refuse(t, "read the events", p->workdir, "%s", why) : 0;
}

/* The place of the name in the table, or where it belongs: FNV-1a, linear probing. */
static const char **slot_of(const struct names *n, const char *name)
{
	uint32_t hash = 2166136261u;

	for (const char *c = name; *c; c++)
		hash = (hash ^ (unsigned char)*c) * 16777619u;
	for (;; hash++) {
		const char **slot = &n->table[hash % NAMES_TABLE];

		if (!*slot || strcmp(*slot, name) == 0)
			return slot;
	}
}

static void note(void *context, const struct trail_event *e)
{
	struct names *n = context;
	const char **slot;

	if (!n->table || !e->name[0] || e->by[0] || n->list.count == BOUND_NAMES ||
		strcmp(e->event, "boot") == 0 || strcmp(e->event, "worker") == 0)
		return;
	slot = slot_of(n, e->name);
	if (*slot)
		return;
	*slot = arena_copy(&n->arena, e->name);
	string_list_add(&n->list, *slot);
}

static int read_names(struct plan *p, unsigned session, struct names *n, struct error *t)
{
	if (!n->table)
		n->table = calloc(NAMES_TABLE, sizeof(*n->table));
	return trail_read(p, session, TRAIL_NAMES, note, n, t);
}

int names_of_earlier(struct plan *p, struct names *n, struct error *t)
{
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
