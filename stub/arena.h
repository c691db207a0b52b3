/*
 * Memory for a program that lives for a few milliseconds: every string belongs to one arena
 * and is freed with it, so ownership is never a question. Running out of memory ends the
 * program with a message (nothing has been started or created by then), so these calls never
 * fail.
 */
#ifndef STUB_ARENA_H
#define STUB_ARENA_H

#include <stdarg.h>
#include <stddef.h>

struct arena_block;

/* Zero-initialised, it is an empty arena. */
struct arena {
	struct arena_block *last;
};

void arena_free(struct arena *p);
/* size bytes, uninitialised. */
char *arena_bytes(struct arena *p, size_t size);
char *arena_copy(struct arena *p, const char *text);
char *arena_format(struct arena *p, const char *format, ...)
	__attribute__((format(printf, 2, 3)));

/* A growing list of strings, terminated by NULL once something was added, so that it can be
 * an argv. The strings are not owned: they belong to an arena or to the real argv. */
struct string_list {
	const char **word;
	size_t count, room;
};

void string_list_add(struct string_list *w, const char *word);
void string_list_free(struct string_list *w);

#endif
