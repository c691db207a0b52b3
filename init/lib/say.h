/*
 * Messages to the person who started the container, on stderr, in one form:
 *
 *	codex-init: STAGE: what was tried: on what: why
 *	  hint: what to do about it
 *
 * Code that can fail before the payload runs fills a struct failure and returns -1; boot.c
 * alone prints it and ends. So a failure is told once, and pure code prints nothing.
 */
#ifndef INIT_LIB_SAY_H
#define INIT_LIB_SAY_H

#include <stdbool.h>
#include <stdio.h>

struct failure {
	char operation[96]; /* "add a route", "read the rule" */
	char subject[192];  /* "10.0.0.0/8", "--allow exa mple.com" ("" leaves it out) */
	char reason[256];   /* strerror() or a reason in words */
	char hint[384];     /* "" leaves the hint line out */
};

enum say_level { SAY_QUIET = -1, SAY_NORMAL = 0, SAY_VERBOSE = 1 };

/* Sets how much is printed; failures are always printed. Call once, before the others. */
void say_level(enum say_level level);

/* From now on messages are written there and not to standard error; NULL: as at first. */
void say_to(FILE *to);

/* Fills *f and returns -1, so that a caller can write `return fail(...)`. why is a format. */
int fail(struct failure *f, const char *operation, const char *subject, const char *reason, ...)
	__attribute__((format(printf, 4, 5)));
/* The same with strerror(errno) as the reason. */
int fail_errno(struct failure *f, const char *operation, const char *subject);
/* Adds the hint to a failure that is filled already; returns -1. */
int fail_hint(struct failure *f, const char *hint, ...) __attribute__((format(printf, 2, 3)));

/* Prints a failure of a stage (two lines with its hint). Control characters are escaped. */
void say_failure(const char *stage, const struct failure *f);
/* `codex-init: STAGE: text`; not printed at SAY_QUIET. */
void say_warning(const char *stage, const char *text, ...)
	__attribute__((format(printf, 2, 3)));
/* The line `  hint: text`; not printed at SAY_QUIET. */
void say_hint(const char *text, ...) __attribute__((format(printf, 1, 2)));
/* As say_warning, but only at SAY_VERBOSE. */
void say_detail(const char *stage, const char *text, ...) __attribute__((format(printf, 2, 3)));

#endif
