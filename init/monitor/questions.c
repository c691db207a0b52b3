/* See questions.h. */
#include "questions.h"

#include <string.h>

#include "../policy/policy.h"

struct question *questions_about(struct questions *q, const char *name, uint16_t port)
{
	for (size_t i = 0; i < LIMIT_ASKED; i++) {
		struct question *p = &q->place[i];

		if (p->stands && policy_same_rule(p->port, port) && strcmp(p->name, name) == 0)
			return p;
	}
	return NULL;
}

/* A free place, or that of the one that was over first. */
static struct question *make_room(struct questions *q, int64_t now)
{
	struct question *first = NULL;

	for (size_t i = 0; i < LIMIT_ASKED; i++) {
		struct question *p = &q->place[i];

		if (p->number == 0)
			return p;
		/* The gate has been silent about it. */
		if (p->stands && now >= p->until)
			p->stands = false;
		if (!p->stands && (!first || p->number < first->number))
			first = p;
	}
	return first;
}

struct question *questions_put(
	struct questions *q, const char *name, uint16_t port, int64_t until, int64_t now)
{
	struct question *p = questions_about(q, name, port);

	if (!p) {
		p = make_room(q, now);
		if (!p)
			return NULL;
		/* 0 is none. */
		q->last = q->last == UINT32_MAX ? 1 : q->last + 1;
		*p = (struct question){.number = q->last, .stands = true, .port = port};
		strncpy(p->name, name, sizeof(p->name) - 1);
	}
	p->until = until;
	return p;
}

const struct question *questions_find(const struct questions *q, uint32_t number)
{
	for (size_t i = 0; number && i < LIMIT_ASKED; i++)
		if (q->place[i].number == number)
			return &q->place[i];
	return NULL;
}
