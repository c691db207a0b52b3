/* Which names have to be looked up again because their pins are in use; see pins.h. The kernel
 * knows where connections go and when a pin expires, PID 1 which names an address belongs to.
 */
#include "pins.h"

#include <stdlib.h>
#include <string.h>

struct places {
	size_t count, room;
	struct endpoint *place;
};

struct scan {
	struct pins *pins;
	struct places used, due;
	int open;      /* pins that expire */
	unsigned left; /* how many more names may be looked up */
	pins_lookup *lookup;
	void *context;
};

static int by_place(const void *a, const void *b)
{
	const struct endpoint *x = a, *y = b;
	int order = address_compare(&x->address, &y->address);

	return order ? order : x->port - y->port;
}

static bool among(const struct places *p, const struct address *a, uint16_t port)
{
	const struct endpoint key = {*a, port};

	return bsearch(&key, p->place, p->count, sizeof(key), by_place) != NULL;
}

static void add(struct places *p, const struct endpoint *e)
{
	if (p->count < p->room)
		p->place[p->count++] = *e;
}

static void add_used(void *context, const struct endpoint *e)
{
	add(&((struct scan *)context)->used, e);
}

static void add_due(void *context, const struct pin *pin)
{
	struct scan *l = context;

	l->open += pin->seconds > 0;
	if (pin->seconds > 0 && pin->seconds <= PINS_SOON &&
		among(&l->used, &pin->address, pin->port))
		add(&l->due, &(struct endpoint){pin->address, pin->port});
}

static bool look_up(void *context, const char *name, const struct address *a)
{
	struct scan *l = context;
	struct resolver_in_use m = {.family = a->family};
	struct verdict v = {0};
	bool due = false;

	if (l->left == 0)
		return false;
	v = policy_check_pin(l->pins->policy, name);
	for (unsigned i = 0; i < v.ports.count && !due; i++)
		due = v.allowed && among(&l->due, a, v.ports.port[i]);
	if (!due)
		return true;
	strncpy(m.name, name, sizeof(m.name) - 1);
	l->lookup(l->context, &m);
	return --l->left > 0;
}

static int scan(struct scan *l, struct failure *f)
{
	struct pins *p = l->pins;

	if (wall_used(p->wall, add_used, l, f) < 0)
		return -1;
	qsort(l->used.place, l->used.count, sizeof(*l->used.place), by_place);
	if (wall_pins(p->wall, add_due, l, f) < 0)
		return -1;
	qsort(l->due.place, l->due.count, sizeof(*l->due.place), by_place);
	if (l->due.count > 0)
		pin_index_walk(p->pin_index, &p->next_in_use, look_up, l);
	return l->open;
}

int pins_in_use(struct pins *p, pins_lookup *lookup, void *context, struct failure *f)
{
	struct scan l = {.pins = p, .left = PINS_LOOKUPS, .lookup = lookup, .context = context};
	int status;

	l.used.room = l.due.room = 2 * WALL_USED_MAX;
	l.used.place = malloc(l.used.room * sizeof(*l.used.place));
	l.due.place = malloc(l.due.room * sizeof(*l.due.place));
	if (l.used.place && l.due.place)
		status = scan(&l, f);
	else
		status = fail_errno(f, "look for pins in use", "");
	free(l.used.place);
	free(l.due.place);
	return status;
}
