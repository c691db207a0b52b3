/*
 * Each message is a single write(2), so lines of several processes never mix. Control
 * characters in outside data (a rule, a path) are printed as '?', so that a message can't
 * manipulate the terminal.
 */
#include "say.h"

#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "utf8.h"

/* The only global state: every folder asks how much to print, and where. */
static enum say_level chosen = SAY_NORMAL;
static FILE *aside;

void say_to(FILE *to)
{
	aside = to;
}

void say_level(enum say_level level)
{
	chosen = level;
}

int fail(struct failure *f, const char *operation, const char *subject, const char *reason, ...)
{
	va_list ap;

	snprintf(f->operation, sizeof(f->operation), "%s", operation);
	snprintf(f->subject, sizeof(f->subject), "%s", subject);
	va_start(ap, reason);
	vsnprintf(f->reason, sizeof(f->reason), reason, ap);
	va_end(ap);
	f->hint[0] = '\0';
	return -1;
}

int fail_errno(struct failure *f, const char *operation, const char *subject)
{
	return fail(f, operation, subject, "%s", strerror(errno));
}

int fail_hint(struct failure *f, const char *hint, ...)
{
	va_list ap;

	va_start(ap, hint);
	vsnprintf(f->hint, sizeof(f->hint), hint, ap);
	va_end(ap);
	return -1;
}

/* Replaces control characters of one byte and of two (U+0080 to U+009F), what changes the
 * direction of writing, and what isn't UTF-8. */
static void make_harmless(char *text)
{
	size_t left = strlen(text), n;

	for (unsigned char *s = (unsigned char *)text; left > 0; s += n, left -= n) {
		uint32_t c;

		n = utf8_read(s, left, &c);
		if (n > 0 && utf8_is_plain(c))
			continue;
		n = n ? n : 1;
		memset(s, '?', n);
	}
}

void say_line(const char *prefix, const char *text)
{
	char line[SAY_LINE];
	int n = snprintf(line, sizeof(line) - 1, "%s%s", prefix, text);

	if (n < 0)
		return;
	if ((size_t)n > sizeof(line) - 2)
		n = (int)sizeof(line) - 2;
	make_harmless(line);
	line[n++] = '\n';
	/* There is nowhere to report a failed report. */
	if (aside) {
		fwrite(line, 1, (size_t)n, aside);
		return;
	}
	if (write(STDERR_FILENO, line, (size_t)n) < 0)
		return;
}

__attribute__((format(printf, 2, 0))) static void put_stage(
	const char *stage, const char *text, va_list ap)
{
	char message[1000], prefix[64];

	vsnprintf(message, sizeof(message), text, ap);
	snprintf(prefix, sizeof(prefix), "codex-init: %s: ", stage);
	say_line(prefix, message);
}

void say_failure(const char *stage, const struct failure *f)
{
	char message[sizeof(f->operation) + sizeof(f->subject) + sizeof(f->reason) + 8],
		prefix[64];

	snprintf(message, sizeof(message), "%s%s%s: %s", f->operation,
		f->subject[0] ? ": " : "", f->subject, f->reason);
	snprintf(prefix, sizeof(prefix), "codex-init: %s: ", stage);
	say_line(prefix, message);
	if (f->hint[0])
		say_line("  hint: ", f->hint);
}

void say_warning(const char *stage, const char *text, ...)
{
	va_list ap;

	if (chosen <= SAY_QUIET)
		return;
	va_start(ap, text);
	put_stage(stage, text, ap);
	va_end(ap);
}

void say_hint(const char *text, ...)
{
	char message[1000];
	va_list ap;

	if (chosen <= SAY_QUIET)
		return;
	va_start(ap, text);
	vsnprintf(message, sizeof(message), text, ap);
	va_end(ap);
	say_line("  hint: ", message);
}

void say_detail(const char *stage, const char *text, ...)
{
	va_list ap;

	if (chosen < SAY_VERBOSE)
		return;
	va_start(ap, text);
	put_stage(stage, text, ap);
	va_end(ap);
}

void say_failure_warning(const char *stage, const struct failure *f)
{
	say_warning(stage, "%s: %s: %s", f->operation, f->subject, f->reason);
}

void say_failure_detail(const char *stage, const struct failure *f)
{
	say_detail(stage, "%s: %s: %s", f->operation, f->subject, f->reason);
}
