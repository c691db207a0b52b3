/* The events of the last session, as the host has them: a table for people, or the lines. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "../bounds.h"
#include "../names.h"
#include "../state.h"
#include "../trail_read.h"
#include "project.h"
#include "rows.h"

/* How an event is called in the table; the others are of no interest to people. */
static const struct {
	const char *event, *word;
} words[] = {{"used", "first use"}, {"refused-name", "refused"}, {"refused-address", "refused"},
	{"refused-tls", "refused"}, {"refused-http", "refused"}, {"refused-broker", "refused"},
	{"dropped-answer", "dropped"}, {"unresolved", "unresolved"}, {"unreached", "unreached"},
	{"allowed", "allowed"}, {"denied", "denied"}, {"undone", "undone"},
	{"worker", "worker"}, {"payload", "ended"}, {"suppressed", "left out"},
	{"full", "full"}};

static const char *word_of(const struct trail_event *e)
{
	for (size_t i = 0; i < sizeof(words) / sizeof(words[0]); i++)
		if (strcmp(e->event, words[i].event) == 0)
			return words[i].word;
	return NULL;
}

/* "2026-11-28T22:00:00.123456Z" as the local time. */
static void local_time(const char *text, char out[16])
{
	struct tm t = {0};
	time_t when;

	snprintf(out, 16, "%s", "?");
	if (sscanf(text, "%4d-%2d-%2dT%2d:%2d:%2d", &t.tm_year, &t.tm_mon, &t.tm_mday,
		    &t.tm_hour, &t.tm_min, &t.tm_sec) != 6)
		return;
	t.tm_year -= 1900;
	t.tm_mon--;
	when = timegm(&t);
	if (localtime_r(&when, &t))
		strftime(out, 16, "%H:%M:%S", &t);
}

static void place_of(const struct trail_event *e, char *out, size_t room)
{
	const char *host = e->name[0] ? e->name : e->address;
	const bool six = !e->name[0] && strchr(host, ':');

	if (e->port)
		snprintf(out, room, six ? "[%s]:%d" : "%s:%d", host, (int)e->port);
	else
		snprintf(out, room, "%s", host);
}

/* How often, by whom, and why. */
static void print_rest(const struct trail_event *e, bool new)
{
	const char *slash = strrchr(e->program, '/');

	if (strcmp(e->event, "payload") == 0) {
		printf("  status %d\n", (int)e->count);
		return;
	}
	printf("  %5dx%s", (int)e->count, new ? "  new" : "");
	if (e->pid)
		printf("  by %s (%d)", slash ? slash + 1 : e->command, (int)e->pid);
	printf("%s%s%s%s%s%s", e->by[0] ? "  by " : "", e->by, e->request[0] ? "  " : "",
		e->request, e->reason[0] ? "  " : "", e->reason);
	if (e->rule[0] && strcmp(e->rule, e->name) != 0)
		printf(": %s", e->rule);
	putchar('\n');
}

static void print_event(void *context, const struct trail_event *e)
{
	const struct names *known = context;
	const char *word = word_of(e);
	char when[16], place[320];

	if (!word)
		return;
	local_time(e->time, when);
	place_of(e, place, sizeof(place));
	printf("%s  %-10s  %-40s", when, word, place);
	print_rest(
		e, known->list.count && e->name[0] && !e->by[0] && !names_have(known, e->name));
}

static void print_line(void *context, const struct trail_event *e)
{
	(void)context;
	/* As it stands, but nothing that a terminal would obey. */
	for (size_t i = 0; i < e->size; i++)
		putchar(e->line[i] < ' ' || e->line[i] > '~' ? '?' : e->line[i]);
	putchar('\n');
}

static int print_session(struct call *call, struct plan *p, struct error *t)
{
	struct names known = {0};
	int result;

	if (!call->json && names_of_earlier(p, &known, t) < 0)
		return -1;
	result = trail_read(p, 0, TRAIL_ALL, call->json ? print_line : print_event, &known, t);
	names_free(&known);
	if (result < 0)
		return -1;
	if (result == 0) {
		refuse(t, "read the events", p->workdir,
			"no session was here, or none was kept");
		return refuse_hint(t, "codex-sandbox logs WORKDIR; events are kept in %s",
			state_path(p, "CONTAINER/events.jsonl"));
	}
	return fflush(stdout) == 0 && !ferror(stdout) ? 0 : refuse_errno(t, "print", "stdout");
}

int command_logs(struct call *call, struct error *t)
{
	struct plan p;
	int result = project_find(&p, call, call->word[0], t);

	if (result == 0)
		result = print_session(call, &p, t);
	plan_free(&p);
	return result;
}
