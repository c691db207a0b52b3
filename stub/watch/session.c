#include "session.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>

/* A key this soon after its question has appeared was meant for something else; and after it
 * has appeared in the place of another, which whoever asked can take away at any moment: people
 * need that long to see it, and to hold a finger back. */
#define SETTLE   300
#define REPLACED 1000

static void print(struct session *s, const char *clock, const char *verb, const char *what,
	const char *reason, const char *who)
{
	struct view_row row;

	view_line(&s->view, clock, verb, what, reason, who, &row);
	s->act(s->context, SESSION_PRINT, row.text);
}

/* Which question the keys are for from now on. `answered`: the one before, by a key. */
static void show_next(struct session *s, bool answered, int64_t now)
{
	const uint64_t next = s->questions.count ? s->questions.question[0].id : 0;
	const int64_t from = now + (s->shown && !answered ? REPLACED : SETTLE);

	/* Never sooner than before: the place may be empty for a moment. */
	if (next != s->shown && s->keys_from < from)
		s->keys_from = from;
	s->shown = next;
}

/* ---- Lines ----------------------------------------------------------------------------- */

static void on_hello(struct session *s, const struct message *m, const char *clock, int64_t now)
{
	char text[96] = "this sandbox refuses without asking: start it with --ask";

	(void)now;
	s->greeted = true;
	s->ask = m->ask;
	s->questions.count = 0;
	s->refused = m->refused;
	if (m->ask && s->answers)
		snprintf(text, sizeof(text),
			"the sandbox asks, and waits %" PRId64 " seconds for an answer",
			m->ask);
	else if (m->ask)
		snprintf(text, sizeof(text),
			"no keys are read here, so no question waits for an answer");
	print(s, clock, "watch", "", text, "");
}

static void name_target(
	const struct session *s, const struct question *q, char out[MESSAGE_RULE])
{
	view_target(q, s->view.width > 60 ? s->view.width - 20 : 40, out);
}

static void on_question(
	struct session *s, const struct message *m, const char *clock, int64_t now)
{
	const bool again = questions_find(&s->questions, m->id) != NULL;
	char target[MESSAGE_RULE], reason[64];

	if (!questions_add(&s->questions, m, now)) {
		print(s, clock, "ask", m->name, "too many questions: not shown", "");
		return;
	}
	s->asked += !again;
	name_target(s, questions_find(&s->questions, m->id), target);
	snprintf(reason, sizeof(reason), "%swaits %" PRId64 " seconds",
		again       ? "asked again, "
		: m->is_new ? "new, "
			    : "",
		m->expires);
	print(s, clock, "ask", target, reason, "");
}

static void on_who(struct session *s, const struct message *m, const char *clock, int64_t now)
{
	struct question *q = questions_find(&s->questions, m->id);
	char target[MESSAGE_RULE];

	(void)now;
	if (!q)
		return;
	snprintf(q->who, sizeof(q->who), "%s", m->who);
	name_target(s, q, target);
	print(s, clock, "who", target, "", q->who);
}

static void on_answered(
	struct session *s, const struct message *m, const char *clock, int64_t now)
{
	static const struct {
		const char *verdict, *verb, *text;
	} verdicts[] = {
		{"allow", "allow", "answered"},
		{"deny", "deny", "answered"},
		{"timeout", "refuse", "nobody answered in time"},
		{"gone", "end", "whoever asked has gone"},
	};
	struct question q;

	(void)now;
	if (!questions_remove(&s->questions, m->id, &q))
		return;
	for (size_t i = 0; i < sizeof(verdicts) / sizeof(verdicts[0]); i++)
		if (strcmp(m->verdict, verdicts[i].verdict) == 0)
			print(s, clock, verdicts[i].verb, q.rule, verdicts[i].text, m->by);
}

static void on_more(struct session *s, const struct message *m, const char *clock, int64_t now)
{
	char text[64];

	(void)now;
	snprintf(text, sizeof(text), "%" PRIu64 " more, refused without asking", m->count);
	print(s, clock, "more", "", text, "");
}

/* Of an answer only why it failed; otherwise the text, which may have several lines.
 */
static void on_reply(struct session *s, const struct message *m, const char *clock, int64_t now)
{
	const char *line = m->text;

	(void)now;
	(void)clock;
	if (m->status == 0 && strncmp(m->command, "answer ", 7) == 0)
		return;
	for (int i = 0; *line && i < BOUND_WATCH_ROWS; i++) {
		const size_t size = strcspn(line, "\n");
		char text[BOUND_WATCH_WIDTH + 1];
		struct view_row row;

		snprintf(text, sizeof(text), "          %.*s", (int)size, line);
		view_plain(&s->view, text, &row);
		s->act(s->context, SESSION_PRINT, row.text);
		line += size + (line[size] != '\0');
	}
}

static void on_event(struct session *s, const struct message *m, const char *clock, int64_t now)
{
	struct view_row row;
	enum view_count count = view_event(&s->view, clock, m, &row);

	(void)now;
	s->opened += count == VIEW_OPENED;
	s->refused += count == VIEW_REFUSED ? (m->count ? m->count : 1) : 0;
	if (count != VIEW_HIDDEN)
		s->act(s->context, SESSION_PRINT, row.text);
}

/* Only of a host name that somebody has asked for. */
static bool is_new(const struct session *s, const struct message *m)
{
	return s->is_new && m->name[0] && !m->by[0] &&
	       (m->kind == MESSAGE_QUESTION ||
		       (m->kind == MESSAGE_EVENT && strcmp(m->event, "boot") != 0 &&
			       strcmp(m->event, "worker") != 0)) &&
	       s->is_new(s->context, m->name);
}

void session_line(
	struct session *s, const char *line, size_t size, const char *clock, int64_t now)
{
	typedef void handler(
		struct session *, const struct message *, const char *clock, int64_t now);
	static handler *const handlers[] = {
		[MESSAGE_EVENT] = on_event,
		[MESSAGE_HELLO] = on_hello,
		[MESSAGE_QUESTION] = on_question,
		[MESSAGE_WHO] = on_who,
		[MESSAGE_ANSWERED] = on_answered,
		[MESSAGE_MORE] = on_more,
		[MESSAGE_REPLY] = on_reply,
	};
	struct message m;

	if (message_read(line, size, &m)) {
		m.is_new = is_new(s, &m);
		handlers[m.kind](s, &m, clock, now);
	} else if (s->unreadable++ == 0) {
		print(s, clock, "watch", "", "the container sent something unreadable", "");
	}
	show_next(s, false, now);
}

void session_skipped(struct session *s, size_t lines, const char *clock)
{
	if (lines && s->unreadable == 0)
		print(s, clock, "watch", "", "the container sent something unreadable", "");
	s->unreadable += lines;
}

/* ---- Keys ------------------------------------------------------------------------------ */

static void send_answer(
	struct session *s, const struct question *q, bool allow, bool keep, const char *clock)
{
	char line[64], rule[MESSAGE_RULE];

	/* A deny rule takes no suffix. */
	snprintf(rule, sizeof(rule), "%.*s",
		(int)(allow ? strlen(q->rule) : strcspn(q->rule, "+")), q->rule);
	snprintf(line, sizeof(line), "answer %" PRIu64 " %s", q->id, allow ? "allow" : "deny");
	s->act(s->context, SESSION_SEND, line);
	print(s, clock, allow ? "allow" : "deny", rule,
		keep ? "by you" : "by you, for this session", "");
	if (keep)
		s->act(s->context, allow ? SESSION_ALLOW : SESSION_DENY, rule);
}

static void send_explain(struct session *s, const struct question *q)
{
	char line[MESSAGE_RULE + 16];

	snprintf(line, sizeof(line), "explain %s:%u", q->name, q->port);
	s->act(s->context, SESSION_SEND, line);
}

void session_key(struct session *s, char key, const char *clock, int64_t now)
{
	struct question q;

	if (key == 'q' || key == 'Q')
		s->quit = true;
	session_tick(s, clock, now);
	if (!s->shown || !memchr("aAdD?", key, 5))
		return;
	if (key == '?') {
		send_explain(s, &s->questions.question[0]);
	} else if (now < s->keys_from) {
		/* So one that is held down never becomes an answer. */
		if (s->keys_from < now + SETTLE)
			s->keys_from = now + SETTLE;
	} else if (questions_remove(&s->questions, s->shown, &q)) {
		send_answer(s, &q, key == 'a' || key == 'A', key == 'A' || key == 'D', clock);
		show_next(s, true, now);
	}
}

/* ---- Time, and the last row ------------------------------------------------------------ */

int session_tick(struct session *s, const char *clock, int64_t now)
{
	struct question q;

	while (questions_expire(&s->questions, now, &q))
		print(s, clock, "refuse", q.rule, "nobody answered in time", "");
	show_next(s, false, now);
	return s->questions.count ? 1000 : -1;
}

void session_lost(struct session *s)
{
	s->questions.count = 0;
	s->shown = 0;
	s->greeted = false;
}

void session_summary(const struct session *s, char *out, size_t size)
{
	int n = snprintf(
		out, size, "%" PRIu64 " opened, %" PRIu64 " refused", s->opened, s->refused);

	if (s->asked && n > 0 && (size_t)n < size)
		snprintf(out + n, size - (size_t)n, ", %" PRIu64 " asked", s->asked);
}

void session_status(struct session *s, int64_t now, struct view_row *out)
{
	char summary[96], text[128];

	if (s->questions.count) {
		view_question(
			&s->view, &s->questions.question[0], s->questions.count, now, out);
		return;
	}
	session_summary(s, summary, sizeof(summary));
	snprintf(text, sizeof(text), "%s%s", summary, s->answers ? "; q quits" : "");
	view_plain(&s->view, text, out);
}
