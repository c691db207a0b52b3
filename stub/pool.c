#include "pool.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "note.h"

struct pool_block {
	struct pool_block *previous;
	char bytes[];
};

static void *or_end(void *memory)
{
	if (!memory) {
		fputs("codex-sandbox: out of memory\n", stderr);
		exit(STATUS_NO_SANDBOX);
	}
	return memory;
}

char *pool_bytes(struct pool *p, size_t size)
{
	struct pool_block *b = or_end(malloc(sizeof(*b) + size));

	b->previous = p->last;
	p->last = b;
	return b->bytes;
}

void pool_free(struct pool *p)
{
	while (p->last) {
		struct pool_block *b = p->last;

		p->last = b->previous;
		free(b);
	}
}

char *pool_copy(struct pool *p, const char *text)
{
	size_t size = strlen(text) + 1;

	return memcpy(pool_bytes(p, size), text, size);
}

char *pool_format(struct pool *p, const char *format, ...)
{
	va_list ap;
	char *text, *copy;
	int n;

	va_start(ap, format);
	n = vasprintf(&text, format, ap);
	va_end(ap);
	or_end(n < 0 ? NULL : text);
	copy = pool_copy(p, text);
	free(text);
	return copy;
}

void words_add(struct words *w, const char *word)
{
	if (w->count + 2 > w->room) {
		w->room = w->room ? 2 * w->room : 32;
		w->word = or_end(realloc(w->word, w->room * sizeof(*w->word)));
	}
	w->word[w->count++] = word;
	w->word[w->count] = NULL;
}

void words_free(struct words *w)
{
	free(w->word);
	*w = (struct words){0};
}
