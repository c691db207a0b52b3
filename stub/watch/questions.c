#include "questions.h"

#include <stdio.h>
#include <string.h>

struct question *questions_find(struct questions *q, uint64_t id)
{
	for (size_t i = 0; i < q->count; i++)
		if (q->question[i].id == id)
			return &q->question[i];
	return NULL;
}

bool questions_add(struct questions *q, const struct message *m, int64_t now)
{
	struct question *one = questions_find(q, m->id);

	if (!one) {
		if (q->count == BOUND_WATCH_QUESTIONS)
			return false;
		one = &q->question[q->count++];
		*one = (struct question){
			.id = m->id, .port = m->port, .is_new = m->is_new, .asked = now};
		snprintf(one->name, sizeof(one->name), "%s", m->name);
		snprintf(one->rule, sizeof(one->rule), "%.*s", MESSAGE_RULE - 1, m->rule);
	}
	one->deadline = now + 1000 * m->expires;
	one->who[0] = '\0';
	return true;
}

bool questions_remove(struct questions *q, uint64_t id, struct question *copy)
{
	struct question *found = questions_find(q, id);

	if (!found)
		return false;
	if (copy)
		*copy = *found;
	q->count--;
	memmove(found, found + 1,
		(size_t)(q->question + q->count - found) * sizeof(q->question[0]));
	return true;
}

bool questions_expire(struct questions *q, int64_t now, struct question *out)
{
	for (size_t i = 0; i < q->count; i++)
		if (q->question[i].deadline <= now)
			return questions_remove(q, q->question[i].id, out);
	return false;
}
