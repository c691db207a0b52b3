/*
 * Messages, each written with one write(2). A path may contain anything but NUL, so what
 * could manipulate the terminal is printed as '?'.
 */
#include "log.h"

#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "quote.h"

int refuse(struct error *t, const char *operation, const char *subject, const char *reason, ...)
{
	va_list ap;

	t->status = STATUS_REFUSED;
	snprintf(t->operation, sizeof(t->operation), "%s", operation);
	snprintf(t->subject, sizeof(t->subject), "%s", subject);
	va_start(ap, reason);
	vsnprintf(t->reason, sizeof(t->reason), reason, ap);
	va_end(ap);
	t->hint[0] = '\0';
	return -1;
}

int refuse_errno(struct error *t, const char *operation, const char *subject)
{
	return refuse(t, operation, subject, "%s", strerror(errno));
}

int refuse_hint(struct error *t, const char *hint, ...)
{
	va_list ap;

	va_start(ap, hint);
	vsnprintf(t->hint, sizeof(t->hint), hint, ap);
	va_end(ap);
	return -1;
}

int refuse_no_sandbox(struct error *t)
{
	t->status = STATUS_NO_SANDBOX;
	return -1;
}

/* Replaces control characters of one byte and of two (U+0080 to U+009F), and what isn't
 * UTF-8. */
static void make_harmless(unsigned char *s)
{
	for (size_t n; *s; s += n) {
		n = quote_utf8(s);
		if (n == 0 || *s < ' ' || *s == 0x7f || (*s == 0xc2 && s[1] < 0xa0)) {
			memset(s, '?', n ? n : 1);
			n = n ? n : 1;
		}
	}
}

static void put_line(const char *prefix, const char *text)
{
	char line[3 * PATH_MAX];
	int n = snprintf(line, sizeof(line) - 1, "%s%s", prefix, text);

	if (n < 0)
		return;
	if ((size_t)n > sizeof(line) - 2)
		n = (int)sizeof(line) - 2;
	make_harmless((unsigned char *)line);
	line[n++] = '\n';
	/* There is nowhere to report this. */
	if (write(STDERR_FILENO, line, (size_t)n) < 0)
		return;
}

void log_error(const struct error *t)
{
	char message[sizeof(t->operation) + sizeof(t->subject) + sizeof(t->reason) + 8];

	snprintf(message, sizeof(message), "%s%s%s: %s", t->operation,
		t->subject[0] ? ": " : "", t->subject, t->reason);
	put_line("codex-sandbox: ", message);
	if (t->hint[0])
		put_line("  hint: ", t->hint);
}

__attribute__((format(printf, 2, 0))) static void put_text(
	const char *prefix, const char *text, va_list ap)
{
	char message[2 * PATH_MAX];

	vsnprintf(message, sizeof(message), text, ap);
	put_line(prefix, message);
}

void log_warning(const char *text, ...)
{
	va_list ap;

	va_start(ap, text);
	put_text("codex-sandbox: ", text, ap);
	va_end(ap);
}

void log_hint(const char *text, ...)
{
	va_list ap;

	va_start(ap, text);
	put_text("  hint: ", text, ap);
	va_end(ap);
}
