/*
 * Messages of codex-sandbox to the user, on stderr, in one form:
 *
 *	codex-sandbox: what was tried: on what: why
 *	  hint: what to do about it
 *
 * A function that can fail fills a struct error and returns -1; only main() prints it and
 * exits.
 */
#ifndef STUB_LOG_H
#define STUB_LOG_H

#include <limits.h>

/* The exit status if the engine wasn't started. */
enum {
	STATUS_REFUSED = 100,    /* wrong options, or something that must not be mounted */
	STATUS_NO_SANDBOX = 111, /* the engine or the image is missing */
};

struct error {
	int status;
	char operation[96];
	char subject[PATH_MAX]; /* "": none */
	char reason[PATH_MAX + 512];
	char hint[PATH_MAX + 512]; /* "": none */
};

/* Fills *t with STATUS_REFUSED and returns -1, so that a caller can write `return
 * refuse(...)`. reason is a format. */
int refuse(struct error *t, const char *operation, const char *subject, const char *reason, ...)
	__attribute__((format(printf, 4, 5)));
/* The same with strerror(errno) as the reason. */
int refuse_errno(struct error *t, const char *operation, const char *subject);
/* Adds a hint to an error that is already filled; returns -1. */
int refuse_hint(struct error *t, const char *hint, ...) __attribute__((format(printf, 2, 3)));
/* Changes the status to STATUS_NO_SANDBOX; returns -1. */
int refuse_no_sandbox(struct error *t);

/* Prints an error; control characters are replaced by '?'. */
void log_error(const struct error *t);
/* `codex-sandbox: text` and `  hint: text`. */
void log_warning(const char *text, ...) __attribute__((format(printf, 1, 2)));
void log_hint(const char *text, ...) __attribute__((format(printf, 1, 2)));

#endif
