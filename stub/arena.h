/*
 * Memory for a program that lives for a few milliseconds: every string belongs to one pool and
 * is freed with it, so nobody has to ask who owns what. Running out of memory ends the program
 * with a message (nothing has been started or created yet), so no call here ever fails.
 */
#ifndef STUB_ARENA_H
#define STUB_ARENA_H

#include <stdarg.h>
#include <stddef.h>

struct arena_block;

/* Zero-initialised, it is an empty pool. */
struct arena {
	struct arena_block *last;
};

void arena_free(struct arena *p);
/* size bytes, not cleared. */
char *arena_bytes(struct arena *p, size_t size);
char *arena_copy(struct arena *p, const char *text);
char *arena_format(struct arena *p, const char *format, ...)
	__attribute__((format(printf, 2, 3)));

/* A list of words that grows; the array ends with NULL once something was added, so that it
 * can be an argv. The words themselves belong to somebody else (a pool, the real argv). */
struct string_list {
	const char **word;
	size_t count, room;
};

void string_list_add(struct string_list *w, const char *word);
void string_list_free(struct string_list *w);

#endif
