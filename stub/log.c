/* The contents of messages. init/lib/say.c writes the lines. */
#include "log.h"

#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include "../init/lib/say.h"

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

void log_error(const struct error *t)
{
	char message[sizeof(t->operation) + sizeof(t->subject) + sizeof(t->reason) + 8];

	snprintf(message, sizeof(message), "%s%s%s: %s", t->operation,
		t->subject[0] ? ": " : "", t->subject, t->reason);
	say_line("codex-sandbox: ", message);
	if (t->hint[0])
		say_line("  hint: ", t->hint);
}

__attribute__((format(printf, 2, 0))) static void put_text(
	const char *prefix, const char *text, va_list ap)
{
	char message[2 * PATH_MAX];

	vsnprintf(message, sizeof(message), text, ap);
	say_line(prefix, message);
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
