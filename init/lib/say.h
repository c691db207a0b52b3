/*
 * Messages to the user on stderr, in one form:
 *
 *	codex-init: STAGE: operation: subject: reason
 *	  hint: what to do about it
 *
 * Code that can fail before the payload runs fills a struct failure and returns -1; only
 * boot.c prints it and exits. So each failure is printed once, and pure code prints nothing.
 */
#ifndef INIT_LIB_SAY_H
#define INIT_LIB_SAY_H

#include <stdbool.h>
#include <stdio.h>

struct failure {
	char operation[96]; /* "add a route", "read the rule" */
	char subject[192];  /* "10.0.0.0/8", "--allow exa mple.com"; may be "" */
	char reason[256];   /* strerror() or text */
	char hint[384];     /* "" for none */
};

enum say_level { SAY_QUIET = -1, SAY_NORMAL = 0, SAY_VERBOSE = 1 };

/* Sets how much is printed; failures always are. Call once, before the others. */
void say_level(enum say_level level);

/* Redirects messages to `to`; NULL: back to standard error. */
void say_to(FILE *to);

/* Fills *f and returns -1, so that a caller can write `return fail(...)`. reason is a
 * format. */
int fail(struct failure *f, const char *operation, const char *subject, const char *reason, ...)
	__attribute__((format(printf, 4, 5)));
/* The same with strerror(errno) as the reason. */
int fail_errno(struct failure *f, const char *operation, const char *subject);
/* Adds a hint to a failure that is already filled. Returns -1. */
int fail_hint(struct failure *f, const char *hint, ...) __attribute__((format(printf, 2, 3)));

/* Writes prefix and text as one line, cut at SAY_LINE, with one write(2), so that lines of
 * several processes never mix. What could manipulate a terminal, and what isn't UTF-8, becomes
 * '?'. */
void say_line(const char *prefix, const char *text);
/* Room for two paths and some text. */
#define SAY_LINE (3 * 4096)

/* Prints a failure (two lines if it has a hint). Control characters are replaced. */
void say_failure(const char *stage, const struct failure *f);
/* `codex-init: STAGE: text`; not printed at SAY_QUIET. */
void say_warning(const char *stage, const char *text, ...)
	__attribute__((format(printf, 2, 3)));
/* A failure that the stage goes on after, as a warning, or as a detail; its hint is left out.
 */
void say_failure_warning(const char *stage, const struct failure *f);
void say_failure_detail(const char *stage, const struct failure *f);
/* The line `  hint: text`; not printed at SAY_QUIET. */
void say_hint(const char *text, ...) __attribute__((format(printf, 1, 2)));
/* As say_warning, but only at SAY_VERBOSE. */
void say_detail(const char *stage, const char *text, ...) __attribute__((format(printf, 2, 3)));

#endif
