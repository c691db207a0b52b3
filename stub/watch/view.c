#include "view.h"

#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#define RED    "31"
#define GREEN  "32"
#define YELLOW "33"
#define DIM    "2"
#define BOLD   "1"

/* What people read for an event, and its colour. */
static const struct verb {
	const char *event, *verb, *colour;
	enum view_count count;
} verbs[] = {
	{"pin", "open", GREEN, VIEW_OPENED},
	{"refused-name", "refuse", RED, VIEW_REFUSED},
	{"refused-address", "refuse", RED, VIEW_REFUSED},
	{"refused-tls", "refuse", RED, VIEW_REFUSED},
	{"refused-http", "refuse", RED, VIEW_REFUSED},
	{"refused-broker", "refuse", RED, VIEW_REFUSED},
	{"dropped-answer", "drop", RED, VIEW_OTHER},
	{"unresolved", "fail", YELLOW, VIEW_OTHER},
	{"unreached", "fail", YELLOW, VIEW_OTHER},
	{"allowed", "allow", GREEN, VIEW_OTHER},
	{"denied", "deny", RED, VIEW_OTHER},
	{"undone", "undo", YELLOW, VIEW_OTHER},
	{"question", "ask", YELLOW, VIEW_ASKED},
	{"boot", "start", DIM, VIEW_HIDDEN},
	{"suppressed", "more", DIM, VIEW_OTHER},
	{"payload", "end", DIM, VIEW_OTHER},
};

static const struct verb *verb_of(const char *word, bool event)
{
	for (size_t i = 0; i < sizeof(verbs) / sizeof(verbs[0]); i++)
		if (strcmp(event ? verbs[i].event : verbs[i].verb, word) == 0)
			return &verbs[i];
	return NULL;
}

static void append(struct view_row *r, const char *bytes, size_t n)
{
	if (n > sizeof(r->text) - 1 - r->used)
		n = sizeof(r->text) - 1 - r->used;
	memcpy(r->text + r->used, bytes, n);
	r->used += n;
	r->text[r->used] = '\0';
}

/* Adds text in a colour (NULL: none). The last column of a row that is cut is a '>'. */
static void put(const struct view *v, struct view_row *r, const char *colour, const char *text)
{
	size_t n = strlen(text), left = v->width - r->columns;
	char start[16];

	if (n == 0 || r->cut || v->width <= r->columns)
		return;
	r->cut = n > left;
	if (r->cut)
		n = left - 1;
	snprintf(start, sizeof(start), "\033[%sm", colour ? colour : "");
	if (v->colour && colour)
		append(r, start, strlen(start));
	append(r, text, n);
	if (v->colour && colour)
		append(r, "\033[0m", 4);
	if (r->cut)
		append(r, ">", 1);
	r->columns += n + r->cut;
}

static void begin(struct view_row *r)
{
	r->used = r->columns = 0;
	r->cut = false;
	r->text[0] = '\0';
}

void view_plain(const struct view *v, const char *text, struct view_row *out)
{
	begin(out);
	put(v, out, NULL, text);
}

void view_line(const struct view *v, const char *clock, const char *verb, const char *what,
	const char *reason, const char *who, struct view_row *out)
{
	const struct verb *known = verb_of(verb, false);
	char padded[BOUND_WATCH_WORD];

	begin(out);
	put(v, out, DIM, clock);
	snprintf(padded, sizeof(padded), "  %-6s  ", verb);
	put(v, out, known ? known->colour : NULL, padded);
	put(v, out, BOLD, what);
	if (*reason) {
		put(v, out, NULL, *what ? "  " : "");
		put(v, out, NULL, reason);
	}
	if (*who) {
		put(v, out, DIM, "  (");
		put(v, out, DIM, who);
		put(v, out, DIM, ")");
	}
}

/* NAME:PORT, ADDRESS:PORT or [ADDRESS]:PORT; of a pin, both. */
static void describe(const struct message *m, char *out, size_t size)
{
	const bool six = strchr(m->address, ':') != NULL;
	char port[8] = "";

	if (m->port)
		snprintf(port, sizeof(port), ":%u", m->port);
	if (m->name[0])
		snprintf(out, size, "%s%s%s%s", m->name, port, m->address[0] ? " " : "",
			m->address);
	else
		snprintf(out, size, "%s%s%s%s", six && m->port ? "[" : "", m->address,
			six && m->port ? "]" : "", port);
}

/* Why, and by whom, and how often. */
static void explain(const struct message *m, char *out, size_t size)
{
	const bool status = strcmp(m->event, "payload") == 0,
		   count = m->count > 1 && !status && strcmp(m->event, "suppressed") != 0;

	snprintf(out, size, "%s%s%s%s%s%s%s", m->is_new ? "new" : "",
		m->is_new && m->reason[0] ? ", " : "", m->request, m->request[0] ? ": " : "",
		m->reason, m->by[0] && m->reason[0] ? ", " : "", m->by);
	if (status)
		snprintf(out, size, "the command has ended with status %llu",
			(unsigned long long)m->count);
	else if (strcmp(m->event, "suppressed") == 0)
		snprintf(out, size, "%llu more in that second", (unsigned long long)m->count);
	else if (count)
		snprintf(out + strlen(out), size - strlen(out), "%s%llux", *out ? "  " : "",
			(unsigned long long)m->count);
}

enum view_count view_event(
	const struct view *v, const char *clock, const struct message *m, struct view_row *out)
{
	const struct verb *known = verb_of(m->event, true);
	char what[NAME_TEXT + BOUND_WATCH_WORD + 16], why[3 * BOUND_WATCH_STRING + 64];

	begin(out);
	if (known && known->count == VIEW_HIDDEN)
		return VIEW_HIDDEN;
	describe(m, what, sizeof(what));
	explain(m, why, sizeof(why));
	view_line(v, clock, known ? known->verb : m->event, what, why, m->who, out);
	return known ? known->count : VIEW_OTHER;
}

void view_target(const struct question *q, size_t columns, char out[MESSAGE_RULE])
{
	char whole[MESSAGE_RULE];
	size_t n;

	snprintf(whole, sizeof(whole), "%s:%u%s", q->name, q->port,
		strchr(q->rule, '+') ? "+private" : "");
	n = strlen(whole);
	if (n <= columns || columns < 4)
		snprintf(out, MESSAGE_RULE, "%s", whole);
	else
		snprintf(out, MESSAGE_RULE, "...%s", whole + n - (columns - 3));
}

void view_question(const struct view *v, const struct question *q, size_t waiting, int64_t now,
	struct view_row *out)
{
	static const char keys[] = "? a allow (A: and keep), d deny (D), ? explain";
	const int64_t left = q->deadline > now ? (q->deadline - now + 999) / 1000 : 0;
	char target[MESSAGE_RULE], rest[64], more[32] = "";
	size_t taken;

	if (waiting > 1)
		snprintf(more, sizeof(more), ", %zu more", waiting - 1);
	snprintf(rest, sizeof(rest), "  %llds%s%s", (long long)left, q->is_new ? ", new" : "",
		more);
	taken = strlen(keys) + strlen(rest);
	view_target(q, v->width > taken + 24 ? v->width - taken : 24, target);
	begin(out);
	put(v, out, BOLD, target);
	put(v, out, NULL, keys);
	put(v, out, DIM, rest);
}
