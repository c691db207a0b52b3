#include "project.h"

#include <stdlib.h>
#include <string.h>

#include "../bounds.h"
#include "../kept.h"
#include "../state.h"
#include "../trail_read.h"

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

static int by_name(const void *a, const void *b)
{
	return strcmp(*(const char *const *)a, *(const char *const *)b);
}

static void note(void *context, const struct trail_event *e)
{
	struct names *n = context;

	if (e->name[0] && !e->by[0] && n->list.count < BOUND_NAMES &&
		strcmp(e->event, "boot") != 0 && strcmp(e->event, "worker") != 0)
		string_list_add(&n->list, arena_copy(&n->arena, e->name));
}

int names_of_earlier(struct plan *p, struct names *n, struct error *t)
{
	for (unsigned i = 1; i < BOUND_TRAILS; i++)
		if (trail_read(p, i, note, n, t) < 0)
			return -1;
	if (n->list.count)
		qsort(n->list.word, n->list.count, sizeof(*n->list.word), by_name);
	return 0;
}

bool names_have(const struct names *n, const char *name)
{
	return n->list.count && bsearch(&name, n->list.word, n->list.count,
					sizeof(*n->list.word), by_name) != NULL;
}

void names_free(struct names *n)
{
	string_list_free(&n->list);
	arena_free(&n->arena);
}
