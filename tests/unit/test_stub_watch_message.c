/* `codex-sandbox watch`: lines and messages, which come from the container. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <cmocka.h>

#include "../../stub/watch/lines.h"
#include "../../stub/watch/message.h"

#define ASKED                                                                                  \
	"{\"event\":\"question\",\"id\":7,\"name\":\"example.com\",\"port\":443,"              \
	"\"rule\":\"example.com\",\"expires\":60}"

/* ---- Lines ----------------------------------------------------------------------------- */

static void feed(struct lines *l, const char *bytes, size_t n)
{
	while (n > 0) {
		size_t room;
		char *to = lines_room(l, &room);

		room = room < n ? room : n;
		assert_true(room > 0);
		memcpy(to, bytes, room);
		lines_added(l, room);
		bytes += room;
		n -= room;
		if (n > 0)
			assert_null(lines_next(l, &room));
	}
}

static void lines_come_in_pieces(void **state)
{
	struct lines *l = calloc(1, sizeof(*l));
	const char *line;
	size_t size;

	(void)state;
	assert_null(lines_next(l, &size));
	feed(l, "on", 2);
	assert_null(lines_next(l, &size));
	feed(l, "e\n\ntw", 5);
	line = lines_next(l, &size);
	assert_int_equal(size, 3);
	assert_memory_equal(line, "one", 3);
	assert_non_null(lines_next(l, &size));
	assert_int_equal(size, 0);
	assert_null(lines_next(l, &size));
	feed(l, "o\n", 2);
	line = lines_next(l, &size);
	assert_int_equal(size, 3);
	assert_memory_equal(line, "two", 3);
	free(l);
}

static void a_line_without_end_is_skipped(void **state)
{
	static char much[3 * BOUND_WATCH_LINE];
	struct lines *l = calloc(1, sizeof(*l));
	const char *line;
	size_t size;

	(void)state;
	memset(much, 'x', sizeof(much));
	feed(l, much, sizeof(much));
	assert_null(lines_next(l, &size));
	feed(l, "rest\nnext\n", 10);
	line = lines_next(l, &size);
	assert_int_equal(size, 4);
	assert_memory_equal(line, "next", 4);
	assert_int_equal(l->skipped, 1);
	free(l);
}

static void the_longest_line_is_whole(void **state)
{
	static char much[BOUND_WATCH_LINE];
	struct lines *l = calloc(1, sizeof(*l));
	size_t size;

	(void)state;
	memset(much, 'x', sizeof(much) - 1);
	much[sizeof(much) - 1] = '\n';
	feed(l, much, sizeof(much));
	assert_non_null(lines_next(l, &size));
	assert_int_equal(size, sizeof(much) - 1);
	assert_int_equal(l->skipped, 0);
	free(l);
}

/* ---- Messages -------------------------------------------------------------------------- */

static bool read_text(const char *text, struct message *m)
{
	char *copy = malloc(strlen(text) + 1);
	bool good;

	memcpy(copy, text, strlen(text));
	good = message_read(copy, strlen(text), m);
	free(copy);
	return good;
}

static void a_question_is_read(void **state)
{
	struct message m;

	(void)state;
	assert_true(read_text(ASKED, &m));
	assert_int_equal(m.kind, MESSAGE_QUESTION);
	assert_int_equal(m.id, 7);
	assert_string_equal(m.name, "example.com");
	assert_int_equal(m.port, 443);
	assert_string_equal(m.rule, "example.com");
	assert_int_equal(m.expires, 60);
}

static void a_question_about_something_else_is_none(void **state)
{
	static const char *const bad[] = {
		/* The rule would allow more than what is shown, or something else. */
		"\"id\":7,\"name\":\"a.test\",\"port\":443,\"rule\":\"*.test\",\"expires\":60",
		"\"id\":7,\"name\":\"a.test\",\"port\":443,\"rule\":\"b.test\",\"expires\":60",
		"\"id\":7,\"name\":\"a.test\",\"port\":443,\"rule\":\"a.test+private\","
		"\"expires\":60",
		"\"id\":7,\"name\":\"a.test\",\"port\":443,\"rule\":\"a.test:22\",\"expires\":"
		"60",
		"\"id\":7,\"name\":\"a.test\",\"port\":22,\"rule\":\"a.test\",\"expires\":60",
		"\"id\":7,\"name\":\"a.test\",\"port\":443,\"rule\":\"a.test b.test\","
		"\"expires\":60",
		"\"id\":7,\"name\":\"a.test\",\"port\":443,\"rule\":\"0.0.0.0/0\","
		"\"expires\":60",
		/* No name that a rule could have. */
		"\"id\":7,\"name\":\"A.test\",\"port\":443,\"rule\":\"A.test\",\"expires\":60",
		"\"id\":7,\"name\":\"A.test\",\"port\":443,\"rule\":\"a.test\",\"expires\":60",
		"\"id\":7,\"name\":\"a\\ntest\",\"port\":443,\"rule\":\"a\\ntest\","
		"\"expires\":60",
		"\"id\":7,\"name\":\"\",\"port\":443,\"rule\":\"\",\"expires\":60",
		"\"id\":7,\"name\":\"1.2.3.4\",\"port\":443,\"rule\":\"1.2.3.4\","
		"\"expires\":60",
		/* A number that is missing or none. */
		"\"name\":\"a.test\",\"port\":443,\"rule\":\"a.test\",\"expires\":60",
		"\"id\":-1,\"name\":\"a.test\",\"port\":443,\"rule\":\"a.test\",\"expires\":60",
		"\"id\":7,\"name\":\"a.test\",\"port\":65979,\"rule\":\"a.test\",\"expires\":"
		"60",
		"\"id\":7,\"name\":\"a.test\",\"port\":443,\"rule\":\"a.test\",\"expires\":1e9",
	};
	struct message m;
	char text[512];

	(void)state;
	for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
		snprintf(text, sizeof(text), "{\"event\":\"question\",%s}", bad[i]);
		if (read_text(text, &m))
			fail_msg("taken: %s", text);
	}
	/* The opposite, with a port. */
	assert_true(
		read_text("{\"event\":\"question\",\"id\":7,\"name\":\"a.test\",\"port\":22,"
			  "\"rule\":\"a.test:22\",\"expires\":60}",
			&m));
	/* A name without a dot is the user's own network's, and the rule says so. */
	assert_true(read_text("{\"event\":\"question\",\"id\":7,\"name\":\"db\",\"port\":22,"
			      "\"rule\":\"db:22+private\",\"expires\":60}",
		&m));
	assert_true(read_text("{\"event\":\"question\",\"id\":7,\"name\":\"db\",\"port\":80,"
			      "\"rule\":\"db+private\",\"expires\":60}",
		&m));
	assert_false(read_text("{\"event\":\"question\",\"id\":7,\"name\":\"db\",\"port\":80,"
			       "\"rule\":\"db\",\"expires\":60}",
		&m));
}

static void what_is_no_object_is_no_message(void **state)
{
	static const char *const bad[] = {"", "x", "[]", "{}", "{\"event\":1}",
		"{\"name\":\"a\"}", "{\"event\":\"pin\"} x", "{\"event\":\"\xff\"}"};
	struct message m;

	(void)state;
	for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++)
		if (read_text(bad[i], &m))
			fail_msg("taken: %s", bad[i]);
}

static void strings_are_made_harmless(void **state)
{
	struct message m;

	(void)state;
	assert_true(read_text("{\"event\":\"refused-name\",\"name\":\"a\\u001b[31mb\\n\\r\\t\\b"
			      "\\u009b\xc2\x9b\xe2\x80\xae\\ud83d\\ude00\\\"\\\\\\/z\"}",
		&m));
	assert_string_equal(m.name, "a?[31mb???????"
				    "??"
				    "\"\\/z");
	/* Only a reply's text has lines. */
	assert_true(read_text("{\"event\":\"reply\",\"text\":\"a\\nb\\u001b\"}", &m));
	assert_string_equal(m.text, "a\nb?");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(lines_come_in_pieces),
		cmocka_unit_test(a_line_without_end_is_skipped),
		cmocka_unit_test(the_longest_line_is_whole),
		cmocka_unit_test(a_question_is_read),
		cmocka_unit_test(a_question_about_something_else_is_none),
		cmocka_unit_test(what_is_no_object_is_no_message),
		cmocka_unit_test(strings_are_made_harmless),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
