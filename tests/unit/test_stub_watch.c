/*
 * `codex-sandbox watch` without its terminal and its container: what is shown,
 * and what the keys do.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <cmocka.h>

#include "../../stub/watch/session.h"

#define CLOCK "12:04:05"
#define ASKED                                                                                  \
	"{\"event\":\"question\",\"id\":7,\"name\":\"example.com\",\"port\":443,"              \
	"\"rule\":\"example.com\",\"expires\":60}"
#define OTHER                                                                                  \
	"{\"event\":\"question\",\"id\":8,\"name\":\"b.test\",\"port\":22,"                    \
	"\"rule\":\"b.test:22\",\"expires\":60}"
/* Later than a key that was meant for something else. */
#define SOON 1000

/* ---- A session ------------------------------------------------------------------------- */

static struct {
	char text[32][2 * BOUND_WATCH_WIDTH];
	enum session_act what[32];
	size_t count;
} acts;

static void record(void *context, enum session_act what, const char *text)
{
	assert_ptr_equal(context, &acts);
	assert_true(acts.count < 32);
	acts.what[acts.count] = what;
	snprintf(acts.text[acts.count++], sizeof(acts.text[0]), "%s", text);
}

static int begin(void **state)
{
	struct session *s = calloc(1, sizeof(*s));

	s->act = record;
	s->context = &acts;
	s->view.width = 100;
	s->answers = true;
	acts.count = 0;
	*state = s;
	return 0;
}

static int end(void **state)
{
	free(*state);
	return 0;
}

static void tell(struct session *s, const char *line, int64_t now)
{
	session_line(s, line, strlen(line), CLOCK, now);
}

/* The number of acts of a kind that contain the text. */
static size_t seen(enum session_act what, const char *text)
{
	size_t n = 0;

	for (size_t i = 0; i < acts.count; i++)
		n += acts.what[i] == what && strstr(acts.text[i], text) != NULL;
	return n;
}

static const char *status(struct session *s, int64_t now)
{
	static struct view_row row;

	session_status(s, now, &row);
	return row.text;
}

static void a_decision_is_a_row(void **state)
{
	struct session *s = *state;

	tell(s,
		"{\"event\":\"refused-name\",\"name\":\"a.test\",\"reason\":\"no rule allows "
		"it\",\"count\":2,\"who\":{\"pid\":12,\"program\":\"/usr/bin/"
		"curl\",\"line\":\"curl a.test\"}}",
		0);
	assert_string_equal(acts.text[0],
		CLOCK "  refuse  a.test  no rule allows it  2x  (curl a.test, pid 12)");
	tell(s, "{\"event\":\"pin\",\"name\":\"b.test\",\"address\":\"192.0.2.1\",\"count\":1}",
		0);
	assert_string_equal(acts.text[1], CLOCK "  open    b.test 192.0.2.1");
	tell(s,
		"{\"event\":\"refused-address\",\"address\":\"2001:db8::1\",\"port\":22,"
		"\"reason\":\"no rule allows it\"}",
		0);
	assert_string_equal(
		acts.text[2], CLOCK "  refuse  [2001:db8::1]:22  no rule allows it");
	tell(s, "{\"event\":\"allowed\",\"name\":\"c.test\",\"by\":\"you\"}", 0);
	assert_string_equal(acts.text[3], CLOCK "  allow   c.test  you");
	assert_string_equal(status(s, 0), "1 opened, 3 refused; q quits");
	/* What the boot does isn't for people; a kind that is new is shown. */
	tell(s, "{\"event\":\"boot\",\"name\":\"wall\"}", 0);
	assert_int_equal(acts.count, 4);
	tell(s, "{\"event\":\"first-use\",\"name\":\"d.test\"}", 0);
	assert_int_equal(seen(SESSION_PRINT, "first-use  d.test"), 1);
	tell(s,
		"{\"event\":\"refused-broker\",\"name\":\"api.openai.com\",\"request\":\"POST "
		"/v1/files\",\"reason\":\"none of Codex's\"}",
		0);
	assert_string_equal(acts.text[5],
		CLOCK "  refuse  api.openai.com  POST /v1/files: none of Codex's");
	assert_string_equal(status(s, 0), "1 opened, 4 refused; q quits");
}

static void keys_answer(void **state)
{
	static const struct {
		char key;
		const char *sent;
		enum session_act kept;
	} keys[] = {{'a', "answer 7 allow", SESSION_PRINT},
		{'d', "answer 7 deny", SESSION_PRINT}, {'A', "answer 7 allow", SESSION_ALLOW},
		{'D', "answer 7 deny", SESSION_DENY}};
	struct session *s = *state;

	for (size_t i = 0; i < sizeof(keys) / sizeof(keys[0]); i++) {
		const int64_t asked = 2 * SOON * (int64_t)i;

		acts.count = 0;
		tell(s, ASKED, asked);
		assert_int_equal(seen(SESSION_PRINT, "ask     example.com:443"), 1);
		session_key(s, keys[i].key, CLOCK, asked + SOON);
		assert_int_equal(seen(SESSION_SEND, keys[i].sent), 1);
		assert_int_equal(seen(SESSION_SEND, ""), 1);
		assert_int_equal(
			seen(SESSION_ALLOW, "example.com"), keys[i].kept == SESSION_ALLOW);
		assert_int_equal(
			seen(SESSION_DENY, "example.com"), keys[i].kept == SESSION_DENY);
		/* A second press has nothing to answer. */
		session_key(s, keys[i].key, CLOCK, asked + SOON);
		assert_int_equal(seen(SESSION_SEND, ""), 1);
	}
}

/* A name without a dot is allowed with +private, and a deny rule has no suffix. */
static void what_is_kept_can_be_read_again(void **state)
{
	struct session *s = *state;

	tell(s,
		"{\"event\":\"question\",\"id\":7,\"rule\":\"db:22+private\",\"name\":\"db\","
		"\"port\":22,\"expires\":60}",
		0);
	session_key(s, 'D', CLOCK, SOON);
	assert_int_equal(seen(SESSION_DENY, "db:22"), 1);
	assert_int_equal(seen(SESSION_DENY, "+"), 0);
	acts.count = 0;
	tell(s,
		"{\"event\":\"question\",\"id\":8,\"rule\":\"db+private\",\"name\":\"db\","
		"\"port\":443,\"expires\":60}",
		2 * SOON);
	session_key(s, 'A', CLOCK, 3 * SOON);
	assert_int_equal(seen(SESSION_ALLOW, "db+private"), 1);
}

static void other_keys_answer_nothing(void **state)
{
	struct session *s = *state;

	session_key(s, 'a', CLOCK, 0); /* nobody asks */
	tell(s, ASKED, 0);
	for (int key = 0; key < 256; key++)
		if (key == 0 || !strchr("aAdD?qQ", key))
			session_key(s, (char)key, CLOCK, SOON);
	assert_int_equal(seen(SESSION_SEND, ""), 0);
	assert_false(s->quit);
	session_key(s, 'q', CLOCK, SOON);
	assert_true(s->quit);
	assert_int_equal(seen(SESSION_SEND, ""), 0);
}

static void a_key_that_was_already_on_its_way(void **state)
{
	struct session *s = *state;

	tell(s, ASKED, 0);
	session_key(s, 'a', CLOCK, 10);
	assert_int_equal(seen(SESSION_SEND, ""), 0);
	tell(s, OTHER, 20);
	session_key(s, 'a', CLOCK, SOON);
	session_key(s, 'a', CLOCK, SOON + 10); /* pressed twice: not meant for the second */
	assert_int_equal(seen(SESSION_SEND, "answer 7 allow"), 1);
	assert_int_equal(seen(SESSION_SEND, ""), 1);
	session_key(s, 'd', CLOCK, 2 * SOON);
	assert_int_equal(seen(SESSION_SEND, "answer 8 deny"), 1);
}

/* One that is held down sends 30 a second, from half a second on. */
static void a_key_that_is_held_down(void **state)
{
	struct session *s = *state;

	tell(s, ASKED, 0);
	tell(s, OTHER, 0);
	session_key(s, 'a', CLOCK, SOON);
	for (int64_t now = SOON + 250; now < 5 * SOON; now += 33)
		session_key(s, 'a', CLOCK, now);
	assert_int_equal(seen(SESSION_SEND, "answer 7 allow"), 1);
	assert_int_equal(seen(SESSION_SEND, ""), 1);
	session_key(s, 'a', CLOCK, 6 * SOON);
	assert_int_equal(seen(SESSION_SEND, "answer 8 allow"), 1);
}

/* Whoever asked can make the first question go, and the second stand there, at any moment. */
static void one_that_takes_the_place_of_another(void **state)
{
	static const char gone[] = "{\"event\":\"answered\",\"id\":7,\"rule\":\"example.com\","
				   "\"verdict\":\"gone\"}";
	struct session *s = *state;

	tell(s, ASKED, 0);
	tell(s, OTHER, 0);
	tell(s, gone, 5000);
	session_key(s, 'a', CLOCK, 5990);
	assert_int_equal(seen(SESSION_SEND, ""), 0);
	session_key(s, 'a', CLOCK, 6300);
	assert_int_equal(seen(SESSION_SEND, "answer 8 allow"), 1);
	/* After an answer of one's own, or where there was none, a third of that will do. */
	acts.count = 0;
	tell(s, ASKED, 7000);
	tell(s, OTHER, 7000);
	session_key(s, 'a', CLOCK, 7310);
	session_key(s, 'd', CLOCK, 7620);
	assert_int_equal(seen(SESSION_SEND, "answer 7 allow"), 1);
	assert_int_equal(seen(SESSION_SEND, "answer 8 deny"), 1);
	/* Nor is it any sooner if the place was empty for a moment. */
	acts.count = 0;
	tell(s, ASKED, 9000);
	tell(s, gone, 12000);
	tell(s, OTHER, 12001);
	session_key(s, 'a', CLOCK, 12500);
	assert_int_equal(seen(SESSION_SEND, ""), 0);
	session_key(s, 'a', CLOCK, 13000);
	assert_int_equal(seen(SESSION_SEND, "answer 8 allow"), 1);
}

static void questions_queue(void **state)
{
	struct session *s = *state;

	tell(s, ASKED, 0);
	tell(s, OTHER, 0);
	assert_non_null(strstr(status(s, 500), "example.com:443? a allow"));
	assert_non_null(strstr(status(s, 500), "60s, 1 more"));
	session_key(s, '?', CLOCK, SOON);
	assert_int_equal(seen(SESSION_SEND, "explain example.com:443"), 1);
	/* Answered by somebody else: it goes, and the next is asked. */
	tell(s,
		"{\"event\":\"answered\",\"id\":7,\"rule\":\"example.com\",\"verdict\":"
		"\"deny\"}",
		SOON);
	assert_int_equal(seen(SESSION_PRINT, "deny    example.com  answered"), 1);
	assert_non_null(strstr(status(s, SOON), "b.test:22? a allow"));
	/* Its time runs out. */
	assert_true(session_tick(s, CLOCK, SOON) > 0);
	assert_int_equal(session_tick(s, CLOCK, 60000), -1);
	assert_int_equal(seen(SESSION_PRINT, "b.test:22  nobody answered in time"), 1);
	session_key(s, 'a', CLOCK, 60000);
	assert_int_equal(seen(SESSION_SEND, "answer"), 0);
	assert_string_equal(status(s, 60000), "0 opened, 0 refused, 2 asked; q quits");
}

#define WHO(id, who) "{\"event\":\"who\",\"id\":" id ",\"rule\":\"example.com\"" who "}"
#define CURL                                                                                   \
	",\"who\":{\"pid\":412,\"program\":\"/usr/bin/curl\",\"line\":\"curl "                 \
	"https://example.com\"}"

/* Somebody else asks the same before the first one's end is told: it waits as long as that. */
static void one_that_is_asked_again_waits_longer(void **state)
{
	struct session *s = *state;

	tell(s, ASKED, 0);
	tell(s, ASKED, 50000);
	assert_int_equal(seen(SESSION_PRINT, "too many"), 0);
	assert_int_equal(seen(SESSION_PRINT, "asked again, waits 60 seconds"), 1);
	assert_int_equal(s->questions.count, 1);
	assert_int_equal(s->asked, 1);
	session_tick(s, CLOCK, 60000);
	assert_int_equal(seen(SESSION_PRINT, "nobody answered"), 0);
	session_tick(s, CLOCK, 110000);
	assert_int_equal(seen(SESSION_PRINT, "nobody answered"), 1);
}

static void who_asks_is_told_afterwards(void **state)
{
	struct session *s = *state;

	tell(s, ASKED, 0);
	tell(s, WHO("7", CURL), 5);
	tell(s, WHO("8", CURL), 5); /* of none that waits */
	assert_int_equal(seen(SESSION_PRINT, "ask     example.com:443  waits 60 seconds"), 1);
	assert_int_equal(
		seen(SESSION_PRINT,
			"who     example.com:443  (curl https://example.com, pid 412)"),
		1);
	assert_string_equal(s->questions.question[0].who, "curl https://example.com, pid 412");
	/* It may be somebody else. */
	tell(s, ASKED, 40000);
	assert_string_equal(s->questions.question[0].who, "");
	/* The keys are for it since it was first shown. */
	session_key(s, 'a', CLOCK, 40001);
	assert_int_equal(seen(SESSION_SEND, "answer 7 allow"), 1);
}

static void too_many_questions(void **state)
{
	struct session *s = *state;
	char line[256];

	for (int i = 1; i <= BOUND_WATCH_QUESTIONS + 3; i++) {
		acts.count = 0;
		snprintf(line, sizeof(line),
			"{\"event\":\"question\",\"id\":%d,\"name\":\"n%d.test\",\"port\":443,"
			"\"rule\":\"n%d.test\",\"expires\":60}",
			i, i, i);
		tell(s, line, 0);
		assert_int_equal(seen(SESSION_PRINT, "not shown"), i > BOUND_WATCH_QUESTIONS);
	}
	assert_int_equal(s->questions.count, BOUND_WATCH_QUESTIONS);
	tell(s, "{\"event\":\"more\",\"count\":9000}", 0);
	assert_int_equal(seen(SESSION_PRINT, "9000 more, refused without asking"), 1);
	/* With the connection they are gone. */
	session_lost(s);
	session_key(s, 'a', CLOCK, SOON);
	assert_int_equal(seen(SESSION_SEND, ""), 0);
}

static void replies_are_shown(void **state)
{
	struct session *s = *state;

	tell(s,
		"{\"event\":\"reply\",\"command\":\"explain a.test\",\"status\":1,"
		"\"text\":\"refused: a.test\\n  no rule\\n\"}",
		0);
	assert_string_equal(acts.text[0], "          refused: a.test");
	assert_string_equal(acts.text[1], "            no rule");
	assert_int_equal(acts.count, 2);
	/* That an answer was taken is seen already. */
	tell(s,
		"{\"event\":\"reply\",\"command\":\"answer 7 "
		"allow\",\"status\":0,\"text\":\"ok\"}",
		0);
	assert_int_equal(acts.count, 2);
	tell(s,
		"{\"event\":\"reply\",\"command\":\"answer 7 allow\",\"status\":1,"
		"\"text\":\"there is no such question\"}",
		0);
	assert_int_equal(acts.count, 3);
}

static void whether_it_asks_is_said(void **state)
{
	struct session *s = *state;

	tell(s, "{\"event\":\"hello\",\"version\":1,\"ask\":60}", 0);
	assert_int_equal(seen(SESSION_PRINT, "waits 60 seconds"), 1);
	tell(s, "{\"event\":\"hello\",\"version\":1,\"ask\":0}", 0);
	assert_int_equal(seen(SESSION_PRINT, "refuses without asking"), 1);
	assert_int_equal(seen(SESSION_PRINT, "no question waits"), 0);
	s->answers = false;
	tell(s, "{\"event\":\"hello\",\"version\":1,\"ask\":60}", 0);
	assert_int_equal(seen(SESSION_PRINT, "no question waits"), 1);
	/* Who greets has forgotten what it asked before. */
	tell(s, ASKED, 0);
	assert_int_equal(s->questions.count, 1);
	tell(s, "{\"event\":\"hello\",\"version\":1,\"ask\":60}", 0);
	assert_int_equal(s->questions.count, 0);
}

static bool knows_old(void *context, const char *name)
{
	assert_ptr_equal(context, &acts);
	return strcmp(name, "old.example") != 0;
}

#define REFUSED(name)                                                                          \
	"{\"event\":\"refused-name\",\"name\":\"" name "\",\"reason\":\"no rule allows it\"}"
#define QUESTION(id, name)                                                                     \
	"{\"event\":\"question\",\"id\":" id ",\"name\":\"" name                               \
	"\",\"port\":443,\"rule\":\"" name "\",\"expires\":60}"

static void a_name_that_no_session_had_is_marked(void **state)
{
	struct session *s = *state;
	struct view_row row;

	tell(s, REFUSED("first.example"), 0);
	assert_int_equal(seen(SESSION_PRINT, "new"), 0); /* nothing is known */
	s->is_new = knows_old;
	tell(s, REFUSED("old.example"), 0);
	tell(s, QUESTION("1", "old.example"), 0);
	session_status(s, 0, &row);
	assert_null(strstr(row.text, "new"));
	/* A rule is no name that was asked for, nor is a worker. */
	tell(s, "{\"event\":\"allowed\",\"name\":\"a.example\",\"by\":\"alice\"}", 0);
	tell(s, "{\"event\":\"worker\",\"name\":\"gate\",\"reason\":\"ended\"}", 0);
	assert_int_equal(seen(SESSION_PRINT, "new"), 0);
	tell(s, REFUSED("a.example"), 0);
	assert_int_equal(seen(SESSION_PRINT, "a.example  new, no rule allows it"), 1);
	tell(s, "{\"event\":\"answered\",\"id\":1,\"verdict\":\"gone\"}", 0);
	tell(s, QUESTION("2", "b.example"), 0);
	assert_int_equal(seen(SESSION_PRINT, "b.example:443  new, waits 60 seconds"), 1);
	session_status(s, 0, &row);
	assert_non_null(strstr(row.text, "60s, new"));
}

static void what_cannot_be_read_is_said_once(void **state)
{
	struct session *s = *state;

	tell(s, "\033[2J", 0);
	tell(s, "{", 0);
	session_skipped(s, 3, CLOCK);
	assert_int_equal(acts.count, 1);
	assert_int_equal(s->unreadable, 5);
	assert_null(strchr(acts.text[0], '\033'));
}

static void rows_are_cut(void **state)
{
	struct session *s = *state;

	s->view.width = 30;
	tell(s, "{\"event\":\"refused-name\",\"name\":\"a-rather-long-name.test\"}", 0);
	assert_string_equal(acts.text[0], CLOCK "  refuse  a-rather-lo>");
	assert_int_equal(strlen(acts.text[0]), 30);
	/* Of a name that is asked for, the end stays: it says whose it is. */
	tell(s,
		"{\"event\":\"question\",\"id\":1,\"name\":"
		"\"example.com.aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa.evil.test\",\"port\":443,"
		"\"rule\":\"example.com.aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa.evil.test\","
		"\"expires\":60}",
		0);
	assert_memory_equal(status(s, 0), "...aaaaaaa.evil.test:443", 24);
	assert_int_equal(strlen(status(s, 0)), 30);
}

static void colours_are_only_where_they_are_wanted(void **state)
{
	struct session *s = *state;
	static const char line[] = "{\"event\":\"refused-name\",\"name\":\"a.test\"}";

	tell(s, line, 0);
	assert_null(strchr(acts.text[0], '\033'));
	s->view.colour = true;
	tell(s, line, 0);
	assert_non_null(strstr(acts.text[1], "\033[31m  refuse  \033[0m"));
}

int main(void)
{
#define SESSION(test) cmocka_unit_test_setup_teardown(test, begin, end)
	const struct CMUnitTest tests[] = {
		SESSION(a_decision_is_a_row),
		SESSION(keys_answer),
		SESSION(what_is_kept_can_be_read_again),
		SESSION(other_keys_answer_nothing),
		SESSION(a_key_that_was_already_on_its_way),
		SESSION(a_key_that_is_held_down),
		SESSION(one_that_takes_the_place_of_another),
		SESSION(questions_queue),
		SESSION(one_that_is_asked_again_waits_longer),
		SESSION(who_asks_is_told_afterwards),
		SESSION(too_many_questions),
		SESSION(replies_are_shown),
		SESSION(whether_it_asks_is_said),
		SESSION(a_name_that_no_session_had_is_marked),
		SESSION(what_cannot_be_read_is_said_once),
		SESSION(rows_are_cut),
		SESSION(colours_are_only_where_they_are_wanted),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
