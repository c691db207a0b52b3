/*
 * The event log, and the counts for the closing report (tally.h).
 *
 * A line is built in a fixed buffer and written by one write(2) to a descriptor with
 * O_APPEND, so lines never mix and a reader that follows the file sees whole ones. The
 * payload determines how many events there are and what their names contain: so lines are
 * limited per second, the table of the report has a fixed size, and nothing is allocated
 * after events_open(). It is one file, since all of that is one struct's, which nobody else
 * sees.
 */
#include "events.h"

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <linux/openat2.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "../lib/event_words.h"
#include "../lib/file.h"
#include "../lib/limits.h"
#include "../policy/policy.h"
#include "event_line.h"
#include "tally.h"
#include "trail.h"

/* Of the form of the lines; docs/events.md says when it changes. */
#define SCHEMA 1

struct events {
	struct sink log, copy; /* copy: the file on the host */
	size_t copy_bytes;     /* written there so far */
	bool copy_full;        /* which was said there */
	events_passer *pass;   /* who writes the copy; NULL: we do */
	void *pass_context;
	uint64_t missed, missed_said; /* lines that are missing there; which was said there */
	bool audit;                   /* nothing is refused, only recorded */
	time_t second;                /* the second that `lines` refers to, CLOCK_MONOTONIC */
	unsigned lines;               /* written in that second */
	uint64_t skipped;             /* lines omitted and not yet reported */
	char *known;                  /* names of earlier sessions, or NULL */
	char *tail;                   /* what each line ends with, or NULL */
	const struct policy *policy;  /* not owned; NULL: rules aren't told */
	events_reader *reader;        /* NULL: nobody else gets the lines */
	void *reader_context;
	events_ask *ask; /* NULL: nobody is asked who it was */
	void *ask_context;
	struct tally refused;
	struct tally proxy;  /* connections that failed at the proxy */
	struct tally broker; /* requests that the broker didn't let through, or couldn't */
};

static const char *const kinds[] = {
	[EVENT_BOOT] = "boot",
	[EVENT_PIN] = "pin",
	[EVENT_USED] = "used",
	[EVENT_REFUSED_NAME] = "refused-name",
	[EVENT_REFUSED_ADDRESS] = "refused-address",
	[EVENT_REFUSED_TLS] = "refused-tls",
	[EVENT_REFUSED_HTTP] = "refused-http",
	[EVENT_REFUSED_BROKER] = "refused-broker",
	[EVENT_DROPPED_ANSWER] = "dropped-answer",
	[EVENT_UNRESOLVED] = "unresolved",
	[EVENT_UNREACHED] = "unreached",
	[EVENT_ALLOWED] = "allowed",
	[EVENT_DENIED] = "denied",
	[EVENT_UNDONE] = "undone",
	[EVENT_WORKER] = "worker",
	[EVENT_PAYLOAD] = "payload",
};

static const char operation[] = "open the event log",
		  not_taken[] = "the host's file system does not take lines";

int events_open(struct events **out, const char *path, struct failure *f)
{
	/* O_NONBLOCK: if the path is a pipe that nobody reads, lines are lost rather than
	 * PID 1 blocked. */
	const int flags = O_WRONLY | O_APPEND | O_NOCTTY | O_NONBLOCK;
	const bool to_log = path && strcmp(path, EVENTS_TO_LOG) == 0;
	struct events *e = calloc(1, sizeof(*e));

	*out = NULL;
	if (!e)
		return fail_errno(f, operation, path ? path : "");
	e->log.fd = e->copy.fd = -1;
	if (to_log) {
		if (isatty(STDERR_FILENO)) {
			free(e);
			fail(f, operation, "-", "standard error is a terminal");
			return fail_hint(
				f, "the terminal is the command's: give --events a file");
		}
		/* Opened anew: O_NONBLOCK would otherwise be the command's as well. */
		e->log.fd = open("/proc/self/fd/2", flags | O_CLOEXEC);
	} else if (path) {
		/* An earlier command may have put a link there, to a file of root's. */
		e->log.fd =
			file_open(AT_FDCWD, path, flags | O_CREAT, 0644, RESOLVE_NO_SYMLINKS);
	}
	if (path && e->log.fd < 0) {
		const bool link = errno == ELOOP;

		free(e);
		fail_errno(f, operation, path);
		return link ? fail_hint(f, "name the place that the link leads to; - is the "
					   "container's log")
			    : -1;
	}
	*out = e;
	return 0;
}

void events_audit(struct events *e)
{
	e->audit = true;
}

static bool put_copy(struct events *e, const struct event_line *l)
{
	const bool whole = e->pass ? e->pass(e->pass_context, l->text, l->used)
				   : sink_write(&e->copy, l->text, l->used);

	e->copy_bytes += whole ? l->used : 0;
	return whole;
}

/* A line of that copy alone. */
static bool put_count(struct events *e, const char *event, const char *reason, uint64_t count)
{
	struct event_line l;

	event_line_begin(&l, event, NULL);
	event_line_string(&l, "reason", reason);
	event_line_put(&l, ",\"count\":%" PRIu64 "%s}\n", count, e->tail ? e->tail : "");
	return put_copy(e, &l);
}

void events_missed(struct events *e)
{
	if (e->missed++ == 0)
		events_log(e,
			&(struct event){
				.kind = EVENT_WORKER, .name = "trail", .reason = not_taken},
			1);
}

/* The payload mustn't be able to fill the host's disk; nor the file, to hide what it does then:
 * part of it is kept for lines that it can't cause as often as it likes. */
static void write_copy(struct events *e, const struct event_line *l, bool lasting)
{
	const size_t most = LIMIT_TRAIL_BYTES - (lasting ? 0 : LIMIT_TRAIL_KEPT);
	const uint64_t missed = e->missed - e->missed_said;

	if (e->copy.fd < 0 && !e->pass)
		return;
	if (e->copy_bytes + l->used > most) {
		if (!e->copy_full)
			put_count(e, "full", NULL, 1);
		e->copy_full = true;
		return;
	}
	if (missed && put_count(e, "suppressed", not_taken, missed))
		e->missed_said += missed;
	if (!put_copy(e, l))
		events_missed(e);
}

static void write_line(struct events *e, struct event_line *l, bool lasting)
{
	event_line_put(l, "%s}\n", e->tail ? e->tail : "");
	if (e->reader)
		e->reader(e->reader_context, l->text, l->used);
	e->lines++;
	if (e->log.fd >= 0)
		sink_write(&e->log, l->text, l->used);
	write_copy(e, l, lasting);
}

/* Logs how many lines were omitted, once there may be lines again. */
static void write_suppressed(struct events *e, struct event_line *l)
{
	if (e->skipped == 0)
		return;
	event_line_begin(l, "suppressed", NULL);
	event_line_put(l, ",\"count\":%" PRIu64, e->skipped);
	e->skipped = 0;
	write_line(e, l, false);
}

void events_copy(struct events *e, int fd)
{
	e->copy.fd = fd;
}

uint64_t events_pass(struct events *e, events_passer *pass, void *context)
{
	struct event_line l;

	if (!pass)
		write_suppressed(e, &l);
	e->pass = pass;
	e->pass_context = context;
	if (e->copy.fd >= 0)
		close(e->copy.fd);
	e->copy.fd = -1;
	return e->missed;
}

void events_context(struct events *e, const char *container, const char *workdir,
	const struct policy *policy)
{
	struct event_line l = {.used = 0};

	if (!e)
		return;
	e->policy = e->refused.policy = policy;
	event_line_string(&l, "container", container);
	event_line_string(&l, "workdir", workdir);
	event_line_put(&l, ",\"schema\":%d", SCHEMA);
	/* Without memory for it the lines are only shorter. */
	free(e->tail);
	e->tail = strdup(l.text);
}

/* The rule that decided about the name or address; NULL if no rule matches. */
static const struct rule *rule_of(const struct events *e, const struct event *event)
{
	struct verdict v = {0};

	if (!e->policy || event->kind == EVENT_ALLOWED || event->kind == EVENT_DENIED ||
		event->kind == EVENT_UNDONE)
		return NULL;
	if (event->name && event->name[0])
		v = event->port ? policy_check_name_port(e->policy, event->name, event->port)
				: policy_check_name(e->policy, event->name);
	else if (event->address.family)
		v = policy_check_address(e->policy, &event->address, event->port);
	return v.rule;
}

static void put_rule(const struct events *e, struct event_line *l, const struct event *event)
{
	const struct rule *r = rule_of(e, event);
	char text[LIMIT_RULE_TEXT];

	if (!r)
		return;
	rule_text(r, text, sizeof(text));
	event_line_string(l, "rule", text);
}

const char *events_why_denied(const struct events *e, const struct event *event)
{
	const struct rule *r = e ? rule_of(e, event) : NULL;

	return r && r->effect == RULE_DENY ? r->reason : NULL;
}

static bool is_refusal(const struct event *event)
{
	return event->kind == EVENT_REFUSED_NAME || event->kind == EVENT_REFUSED_ADDRESS ||
	       event->kind == EVENT_REFUSED_TLS || event->kind == EVENT_REFUSED_HTTP;
}

/* What the payload can't cause as often as it likes: none of these is left out. */
static bool is_lasting(enum event_kind kind)
{
	return kind == EVENT_ALLOWED || kind == EVENT_DENIED || kind == EVENT_UNDONE ||
	       kind == EVENT_WORKER || kind == EVENT_PAYLOAD;
}

static bool is_logged(const struct events *e)
{
	return e->log.fd >= 0 || e->copy.fd >= 0 || e->pass || e->reader;
}

void events_log(struct events *e, const struct event *event, uint64_t count)
{
	const char *reason = event->reason;
	const bool lasting = is_lasting(event->kind);
	struct timespec now = {0};
	struct event_line l;

	clock_gettime(CLOCK_MONOTONIC, &now);
	if (now.tv_sec != e->second) {
		e->second = now.tv_sec;
		e->lines = 0;
		write_suppressed(e, &l);
	}
	if (e->lines >= LIMIT_EVENTS_PER_SECOND && !lasting) {
		e->skipped++;
		return;
	}
	if (!reason && is_refusal(event))
		reason = EVENT_NO_RULE;
	event_line_begin(&l, kinds[event->kind], &event->at);
	event_line_string(&l, "name", event->name);
	if (event->address.family) {
		char text[ADDRESS_TEXT];

		event_line_string(&l, "address", address_text(&event->address, text));
	}
	if (event->port)
		event_line_put(&l, ",\"port\":%u", event->port);
	event_line_string(&l, "request", event->request);
	event_line_string(&l, "reason", reason);
	put_rule(e, &l, event);
	event_line_string(&l, "by", event->by);
	if (event->pid > 0)
		event_line_put(&l, ",\"pid\":%d", (int)event->pid);
	event_line_who(&l, event->who);
	event_line_put(&l, ",\"count\":%" PRIu64, count);
	write_line(e, &l, lasting);
}

void events_add(struct events *e, const struct event *event)
{
	/* EVENT_PAYLOAD's count is an exit status, for which 0 is valid. */
	uint64_t count = event->count || event->kind == EVENT_PAYLOAD ? event->count : 1;

	if (!e || (size_t)event->kind >= sizeof(kinds) / sizeof(kinds[0]))
		return;
	if (is_refusal(event))
		tally_add(&e->refused, event, count);
	else if (event->proxy)
		tally_add(&e->proxy, event, count);
	else if (event->request)
		tally_add(&e->broker, event, count);
	if (!is_logged(e))
		return;
	if (event->client.port && e->ask && e->ask(e->ask_context, event, count))
		return;
	events_log(e, event, count);
}

void events_who(struct events *e, events_ask *ask, void *context)
{
	e->ask = ask;
	e->ask_context = context;
}

void events_read(struct events *e, events_reader *reader, void *context)
{
	if (!e)
		return;
	e->reader = reader;
	e->reader_context = context;
}

uint64_t events_refused(const struct events *e)
{
	return e ? e->refused.total + e->broker.total : 0;
}

void events_places(const struct events *e, size_t most, FILE *to)
{
	if (!e)
		return;
	tally_print(&e->refused, most, to);
	tally_print(&e->broker, most, to);
}

void events_presets(struct events *e, events_preset_finder *find)
{
	e->refused.preset = find;
}

void events_known(struct events *e, char *names)
{
	free(e->known);
	e->known = names;
	e->refused.known = names;
}

char *events_options(const struct events *e)
{
	return tally_options(&e->refused);
}

void events_summary(const struct events *e, FILE *to)
{
	if (!e)
		return;
	tally_summary(
		&e->refused, e->audit ? "would have refused " : "refused ", "request", "", to);
	tally_summary(&e->proxy, "", "connection", " failed at the proxy", to);
	tally_summary(&e->broker, "", "request", " failed at the broker", to);
}

void events_close(struct events *e)
{
	struct event_line l;

	if (!e)
		return;
	if (is_logged(e))
		write_suppressed(e, &l);
	if (e->log.fd >= 0)
		close(e->log.fd);
	if (e->copy.fd >= 0)
		close(e->copy.fd);
	free(e->known);
	free(e->tail);
	free(e);
}
