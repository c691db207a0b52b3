#include "lines.h"

#include <string.h>

/* To the front, so that there is room behind. */
static void move_up(struct lines *l)
{
	memmove(l->text, l->text + l->start, l->used - l->start);
	l->used -= l->start;
	l->start = 0;
}

char *lines_room(struct lines *l, size_t *size)
{
	move_up(l);
	*size = sizeof(l->text) - l->used;
	return l->text + l->used;
}

void lines_added(struct lines *l, size_t n)
{
	l->used += n;
}

/* What is there has no line feed. */
static void wait_for_more(struct lines *l)
{
	if (!l->skipping && l->used - l->start < sizeof(l->text))
		return;
	l->skipping = true;
	l->start = l->used = 0;
}

const char *lines_next(struct lines *l, size_t *size)
{
	for (;;) {
		const char *line = l->text + l->start;
		const char *end = memchr(line, '\n', l->used - l->start);

		if (!end) {
			wait_for_more(l);
			return NULL;
		}
		*size = (size_t)(end - line);
		l->start += *size + 1;
		if (!l->skipping)
			return line;
		l->skipping = false;
		l->skipped++;
	}
}
