/*
 * Memory for a program that lives for a few milliseconds: every string belongs to one pool and
 * is freed with it, so nobody has to ask who owns what. Running out of memory ends the program
 * with a message (nothing has been started or created yet), so no call here ever fails.
 */
#ifndef STUB_POOL_H
#define STUB_POOL_H

#include <stdarg.h>
#include <stddef.h>

struct pool_block;

/* Zero-initialised, it is an empty pool. */
struct pool {
	struct pool_block *last;
};

void pool_free(struct pool *p);
/* size bytes, not cleared. */
char *pool_bytes(struct pool *p, size_t size);
char *pool_copy(struct pool *p, const char *text);
char *pool_format(struct pool *p, const char *format, ...)
	__attribute__((format(printf, 2, 3)));

/* A list of words that grows; the array ends with NULL once something was added, so that it
 * can be an argv. The words themselves belong to somebody else (a pool, the real argv). */
struct words {
	const char **word;
	size_t count, room;
};

void words_add(struct words *w, const char *word);
void words_free(struct words *w);

#endif
