/*
 * Messages, each written by one write(2). A path may hold anything but NUL, so what would play
 * tricks on the terminal is printed as '?'.
 */
#include "note.h"

#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "quote.h"

int refuse(struct trouble *t, const char *tried, const char *on, const char *why, ...)
{
	va_list ap;

	t->status = STATUS_REFUSED;
	snprintf(t->tried, sizeof(t->tried), "%s", tried);
	snprintf(t->on, sizeof(t->on), "%s", on);
	va_start(ap, why);
	vsnprintf(t->why, sizeof(t->why), why, ap);
	va_end(ap);
	t->hint[0] = '\0';
	return -1;
}

int refuse_errno(struct trouble *t, const char *tried, const char *on)
{
	return refuse(t, tried, on, "%s", strerror(errno));
}

int refuse_hint(struct trouble *t, const char *hint, ...)
{
	va_list ap;

	va_start(ap, hint);
	vsnprintf(t->hint, sizeof(t->hint), hint, ap);
	va_end(ap);
	return -1;
}

int refuse_no_sandbox(struct trouble *t)
{
	t->status = STATUS_NO_SANDBOX;
	return -1;
}

/* Control characters of one byte and of two (U+0080 to U+009f), and what isn't UTF-8. */
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
	/* Nowhere to report a failed report. */
	if (write(STDERR_FILENO, line, (size_t)n) < 0)
		return;
}

void note_trouble(const struct trouble *t)
{
	char message[sizeof(t->tried) + sizeof(t->on) + sizeof(t->why) + 8];

	snprintf(message, sizeof(message), "%s%s%s: %s", t->tried, t->on[0] ? ": " : "", t->on,
		t->why);
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

void note_warning(const char *text, ...)
{
	va_list ap;

	va_start(ap, text);
	put_text("codex-sandbox: ", text, ap);
	va_end(ap);
}

void note_hint(const char *text, ...)
{
	va_list ap;

	va_start(ap, text);
	put_text("  hint: ", text, ap);
	va_end(ap);
}
