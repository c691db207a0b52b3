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

/* Eight-bit control characters count too: on their own, and as UTF-8 after 0xc2. */
static bool is_control(unsigned char c, unsigned char before)
{
	return c < ' ' || c == 0x7f ||
	       (c >= 0x80 && c < 0xa0 && (before < 0x80 || before == 0xc2));
}

static void put_line(const char *prefix, const char *text)
{
	char line[1200];
	int n = snprintf(line, sizeof(line) - 1, "%s%s", prefix, text);

	if (n < 0)
		return;
	if ((size_t)n > sizeof(line) - 2)
		n = (int)sizeof(line) - 2;
	for (int i = 0; i < n; i++)
		if (is_control((unsigned char)line[i], i ? (unsigned char)line[i - 1] : 0))
			line[i] = '?';
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
	put_line(prefix, message);
}

void say_failure(const char *stage, const struct failure *f)
{
	char message[sizeof(f->operation) + sizeof(f->subject) + sizeof(f->reason) + 8],
		prefix[64];

	snprintf(message, sizeof(message), "%s%s%s: %s", f->operation,
		f->subject[0] ? ": " : "", f->subject, f->reason);
	snprintf(prefix, sizeof(prefix), "codex-init: %s: ", stage);
	put_line(prefix, message);
	if (f->hint[0])
		put_line("  hint: ", f->hint);
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
	put_line("  hint: ", message);
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
