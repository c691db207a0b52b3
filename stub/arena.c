#include "arena.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "log.h"

struct arena_block {
	struct arena_block *previous;
	char bytes[];
};

static void *check_memory(void *memory)
{
	if (!memory) {
		fputs("codex-sandbox: out of memory\n", stderr);
		exit(STATUS_NO_SANDBOX);
	}
	return memory;
}

char *arena_bytes(struct arena *p, size_t size)
{
	struct arena_block *b = check_memory(malloc(sizeof(*b) + size));

	b->previous = p->last;
	p->last = b;
	return b->bytes;
}

void arena_free(struct arena *p)
{
	while (p->last) {
		struct arena_block *b = p->last;

		p->last = b->previous;
		free(b);
	}
}

char *arena_copy(struct arena *p, const char *text)
{
	size_t size = strlen(text) + 1;

	return memcpy(arena_bytes(p, size), text, size);
}

char *arena_format(struct arena *p, const char *format, ...)
{
	va_list ap;
	char *text, *copy;
	int n;

	va_start(ap, format);
	n = vasprintf(&text, format, ap);
	va_end(ap);
	check_memory(n < 0 ? NULL : text);
	copy = arena_copy(p, text);
	free(text);
	return copy;
}

void string_list_add(struct string_list *w, const char *word)
{
	if (w->count + 2 > w->room) {
		w->room = w->room ? 2 * w->room : 32;
		w->word = check_memory(realloc(w->word, w->room * sizeof(*w->word)));
	}
	w->word[w->count++] = word;
	w->word[w->count] = NULL;
}

void string_list_free(struct string_list *w)
{
	free(w->word);
	*w = (struct string_list){0};
}
