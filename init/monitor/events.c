/*
 * The event log and the closing report.
 *
 * A line is built in a fixed buffer and written by one write(2) to a descriptor with
 * O_APPEND, so lines never mix and a reader that follows the file sees whole ones. The
 * payload determines how many events there are and what their names contain: so lines are
 * limited per second, the table of the report has a fixed size, and nothing is allocated
 * after events_open().
 */
#include "events.h"

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "../lib/limits.h"
#include "../policy/background.h"
#include "../policy/policy.h"

/* Longest name or reason in a line; names are shorter. */
#define STRING_BYTES 255
/* Two strings with six characters for each byte, and the fixed parts. */
#define LINE_BYTES (2 * 6 * STRING_BYTES + 512)
/* Widest column in the report; a longer entry shifts only its own line. */
#define PLACE_COLUMN 44

/* A refused name, or address and port. */
struct place {
	char name[NAME_TEXT]; /* "" for an address */
	struct address address;
	uint16_t port; /* for a name: 0 for 443 and 80, which a rule without ports means */
	uint64_t count;
	char reason[STRING_BYTES + 1]; /* "": no rule allows it, and one could */
	bool advised;                  /* a rule could allow it even though there is a reason */
	char advice[16];
};

/* Distinct destinations in order of first appearance. */
struct tally {
	uint64_t total;
	uint64_t others; /* those of total that didn't fit into places */
	size_t count;
	struct place places[LIMIT_SUMMARY];
};

struct events {
	int fd;           /* -1: counts only */
	bool audit;       /* nothing is refused, only recorded */
	bool torn;        /* the last line is incomplete: the disk was full */
	time_t second;    /* the second that `lines` refers to, CLOCK_MONOTONIC */
	unsigned lines;   /* written in that second */
	uint64_t skipped; /* lines omitted and not yet reported */
	struct tally refused;
	struct tally proxy; /* connections that failed at the proxy */
};

static const char *const kinds[] = {
	[EVENT_BOOT] = "boot",
	[EVENT_PIN] = "pin",
	[EVENT_REFUSED_NAME] = "refused-name",
	[EVENT_REFUSED_ADDRESS] = "refused-address",
	[EVENT_REFUSED_TLS] = "refused-tls",
	[EVENT_REFUSED_HTTP] = "refused-http",
	[EVENT_DROPPED_ANSWER] = "dropped-answer",
	[EVENT_UNRESOLVED] = "unresolved",
	[EVENT_UNREACHED] = "unreached",
	[EVENT_DENIED] = "denied",
	[EVENT_WORKER] = "worker",
	[EVENT_PAYLOAD] = "payload",
};

int events_open(struct events **out, const char *path, struct failure *f)
{
	struct events *e = calloc(1, sizeof(*e));

	*out = NULL;
	if (!e)
		return fail_errno(f, "open the event log", path ? path : "");
	e->fd = -1;
	/* O_NONBLOCK: if the path is a pipe that nobody reads, lines are lost rather than
	 * PID 1 blocked. */
	if (path)
		e->fd = open(path,
			O_WRONLY | O_APPEND | O_CREAT | O_CLOEXEC | O_NOCTTY | O_NONBLOCK,
			0644);
	if (path && e->fd < 0) {
		free(e);
		return fail_errno(f, "open the event log", path);
	}
	*out = e;
	return 0;
}

void events_audit(struct events *e)
{
	e->audit = true;
}

struct line {
	char text[LINE_BYTES];
	size_t used;
};

static void put(struct line *l, const char *format, ...) __attribute__((format(printf, 2, 3)));

static void put(struct line *l, const char *format, ...)
{
	va_list ap;
	int n;

	va_start(ap, format);
	n = vsnprintf(l->text + l->used, sizeof(l->text) - l->used, format, ap);
	va_end(ap);
	if (n > 0)
		l->used += (size_t)n;
	if (l->used >= sizeof(l->text))
		l->used = sizeof(l->text) - 1;
}

/*
 * Writes a JSON string (RFC 8259 §7). A DNS name is octets, not characters: each one that
 * isn't printable ASCII becomes \u00XX, even if it is part of valid UTF-8, so every name has
 * one spelling and the log is plain ASCII.
 */
static void put_string(struct line *l, const char *key, const char *value)
{
	if (!value || !value[0])
		return;
	put(l, ",\"%s\":\"", key);
	for (size_t i = 0; value[i] && i < STRING_BYTES; i++) {
		unsigned char c = (unsigned char)value[i];

		if (c == '"' || c == '\\')
			put(l, "\\%c", c);
		else if (c < 0x20 || c >= 0x7f)
			put(l, "\\u%04x", c);
		else
			put(l, "%c", c);
	}
	put(l, "\"");
}

static void begin_line(struct line *l, const char *event)
{
	struct timespec now = {0};
	struct tm utc = {0};

	l->used = 0;
	clock_gettime(CLOCK_REALTIME, &now);
	gmtime_r(&now.tv_sec, &utc);
	put(l, "{\"time\":\"%04d-%02d-%02dT%02d:%02d:%02d.%06ldZ\",\"event\":\"%s\"",
		utc.tm_year + 1900, utc.tm_mon + 1, utc.tm_mday, utc.tm_hour, utc.tm_min,
		utc.tm_sec, now.tv_nsec / 1000, event);
}

static void write_line(struct events *e, struct line *l)
{
	ssize_t n;

	put(l, "}\n");
	/* Terminate an incomplete line first. */
	if (e->torn) {
		memmove(l->text + 1, l->text, l->used);
		l->text[0] = '\n';
		l->used++;
	}
	n = write(e->fd, l->text, l->used);
	if (n > 0)
		e->torn = (size_t)n < l->used;
	e->lines++;
}

/* Logs how many lines were omitted, once there may be lines again. */
static void write_suppressed(struct events *e, struct line *l)
{
	if (e->skipped == 0)
		return;
	begin_line(l, "suppressed");
	put(l, ",\"count\":%" PRIu64, e->skipped);
	e->skipped = 0;
	write_line(e, l);
}

static bool is_refusal(const struct event *event)
{
	return event->kind == EVENT_REFUSED_NAME || event->kind == EVENT_REFUSED_ADDRESS ||
	       event->kind == EVENT_REFUSED_TLS || event->kind == EVENT_REFUSED_HTTP;
}

static void log_event(struct events *e, const struct event *event, uint64_t count)
{
	const char *reason = event->reason;
	struct timespec now = {0};
	struct line l;

	clock_gettime(CLOCK_MONOTONIC, &now);
	if (now.tv_sec != e->second) {
		e->second = now.tv_sec;
		e->lines = 0;
		write_suppressed(e, &l);
	}
	if (e->lines >= LIMIT_EVENTS_PER_SECOND) {
		e->skipped++;
		return;
	}
	if (!reason && is_refusal(event))
		reason = "no rule allows it";
	begin_line(&l, kinds[event->kind]);
	put_string(&l, "name", event->name);
	if (event->address.family) {
		char text[ADDRESS_TEXT];

		put_string(&l, "address", address_text(&event->address, text));
	}
	if (event->port)
		put(&l, ",\"port\":%u", event->port);
	put_string(&l, "reason", reason);
	put(&l, ",\"count\":%" PRIu64, count);
	write_line(e, &l);
}

static bool is_place(const struct place *p, const struct place *wanted)
{
	if (p->port != wanted->port || strcmp(p->name, wanted->name) != 0)
		return false;
	return p->name[0] || address_compare(&p->address, &wanted->address) == 0;
}

static void count_place(struct tally *t, const struct event *event, uint64_t count)
{
	struct place new = {.address = event->address, .port = event->port};
	struct place *p = t->places;

	t->total += count;
	if (event->name)
		snprintf(new.name, sizeof(new.name), "%s", event->name);
	if (!new.name[0] && !event->address.family) {
		t->others += count;
		return;
	}
	if (new.name[0] && (new.port == 443 || new.port == 80))
		new.port = 0;
	while (p < t->places + t->count && !is_place(p, &new))
		p++;
	if (p == t->places + LIMIT_SUMMARY) {
		t->others += count;
		return;
	}
	if (p == t->places + t->count) {
		t->count++;
		snprintf(new.reason, sizeof(new.reason), "%s",
			event->reason ? event->reason : "");
		new.advised = event->advice != NULL;
		snprintf(new.advice, sizeof(new.advice), "%s",
			event->advice ? event->advice : "");
		*p = new;
	}
	p->count += count;
}

void events_add(struct events *e, const struct event *event)
{
	/* EVENT_PAYLOAD's count is an exit status, for which 0 is valid. */
	uint64_t count = event->count || event->kind == EVENT_PAYLOAD ? event->count : 1;

	if (!e || (size_t)event->kind >= sizeof(kinds) / sizeof(kinds[0]))
		return;
	if (is_refusal(event))
		count_place(&e->refused, event, count);
	else if (event->proxy)
		count_place(&e->proxy, event, count);
	if (e->fd >= 0)
		log_event(e, event, count);
}

uint64_t events_refused(const struct events *e)
{
	return e ? e->refused.total : 0;
}

/* Writes the destination as a rule would name it, without the payload's unprintable
 * characters. */
static void place_text(const struct place *p, char *out, size_t size)
{
	char text[ADDRESS_TEXT];

	if (p->name[0] && p->port)
		snprintf(out, size, "%s:%u", p->name, p->port);
	else if (p->name[0])
		snprintf(out, size, "%s", p->name);
	else if (!p->port)
		snprintf(out, size, "%s", address_text(&p->address, text));
	else
		snprintf(out, size, p->address.family == 6 ? "[%s]:%u" : "%s:%u",
			address_text(&p->address, text), p->port);
	for (; *out; out++)
		if (*out <= ' ' || *out > '~')
			*out = '?';
}

/* The rule that would permit an address and port, if one can. */
static void print_address_advice(const struct place *p, const char *text, FILE *to)
{
	enum address_class class = address_classify(&p->address);

	if (!p->port)
		fprintf(to, "only TCP can be allowed\n");
	else if (class == ADDRESS_PUBLIC || class == ADDRESS_PRIVATE)
		fprintf(to, "allow with: --allow %s%s\n", text,
			p->advice[0]               ? p->advice
			: class == ADDRESS_PRIVATE ? "+private"
						   : "");
	else
		fprintf(to, "no rule can allow these: %s\n", address_range_name(&p->address));
}

/* What Codex itself wanted there, or NULL if it may have been somebody else. */
static const char *background_of(const struct place *p)
{
	return p->reason[0] || p->port ? NULL : background_request(p->name, p->count);
}

/*
 * Prints what to do about a refusal: the rule that would permit it, but only if there can be
 * one, and only with a name that is safe to paste into a shell.
 */
static void print_advice(const struct place *p, const char *text, FILE *to)
{
	char name[NAME_TEXT], rule[RULE_FOR_NAME];
	const char *why;
	size_t position;

	if (p->reason[0])
		fprintf(to, "%s%s", p->reason, p->advised ? "; " : "\n");
	if (p->reason[0] && !p->advised)
		return;
	if (background_of(p))
		fprintf(to, "Codex's own request for %s: nothing is lost\n", background_of(p));
	else if (!p->name[0])
		print_address_advice(p, text, to);
	else if (!name_normalise(p->name, strlen(p->name), name, &position, &why))
		fprintf(to, "not a valid host name\n");
	else
		fprintf(to, "allow with: --allow %s%s\n", rule_for_name(name, p->port, rule),
			p->advice);
}

static void print_places(const struct tally *t, size_t most, FILE *to)
{
	char text[NAME_TEXT + 8];
	size_t width = 0, count = t->count;
	uint64_t others = t->others;

	for (; count > most; count--)
		others += t->places[count - 1].count;
	for (size_t i = 0; i < count; i++) {
		place_text(&t->places[i], text, sizeof(text));
		if (strlen(text) > width)
			width = strlen(text);
	}
	if (width > PLACE_COLUMN)
		width = PLACE_COLUMN;
	/* Codex's own requests last: nobody has to do anything about them. */
	for (int own = 0; own < 2; own++)
		for (size_t i = 0; i < count; i++) {
			const struct place *p = &t->places[i];

			if ((background_of(p) != NULL) != own)
				continue;
			place_text(p, text, sizeof(text));
			fprintf(to, "  %-*s  %4" PRIu64 "x   ", (int)width, text, p->count);
			print_advice(p, text, to);
		}
	if (others)
		fprintf(to, "  %-*s  %4" PRIu64 "x   see the event log\n", (int)width, "others",
			others);
}

void events_places(const struct events *e, size_t most, FILE *to)
{
	if (e)
		print_places(&e->refused, most, to);
}

static void print_tally(const struct tally *t, const char *before, const char *what,
	const char *behind, FILE *to)
{
	if (t->total == 0)
		return;
	fprintf(to, "codex-init: %s%" PRIu64 " %s%s", before, t->total, what,
		t->total == 1 ? "" : "s");
	if (t->count)
		fprintf(to, " to %s%zu place%s", t->others ? "more than " : "", t->count,
			t->count == 1 ? "" : "s");
	fprintf(to, "%s:\n", behind);
	print_places(t, LIMIT_SUMMARY, to);
}

void events_summary(const struct events *e, FILE *to)
{
	if (!e)
		return;
	print_tally(
		&e->refused, e->audit ? "would have refused " : "refused ", "request", "", to);
	print_tally(&e->proxy, "", "connection", " failed at the proxy", to);
}

void events_close(struct events *e)
{
	struct line l;

	if (!e)
		return;
	if (e->fd >= 0) {
		write_suppressed(e, &l);
		close(e->fd);
	}
	free(e);
}
