/* The event log: its lines, and how many. */
#include "events_fixture.h"

static const char *find_preset(const char *name, uint16_t port)
{
	return strstr(name, "pypi") && port == 443 ? "pypi" : NULL;
}

static void the_options_that_would_permit_it_are_one_line(void **state)
{
	struct fixture *x = *state;
	char *text;

	text = events_options(x->events);
	assert_string_equal(text, "");
	free(text);
	events_presets(x->events, find_preset);
	refuse_name(x->events, "a.example", 2, NULL);
	refuse_name(x->events, "pypi.org", 1, NULL);
	refuse_name(x->events, "files.pypihosted.example", 1, NULL);
	refuse_name(x->events, "denied.example", 1, "denied by a rule");
	refuse_name(x->events, "a b; rm -rf", 1, NULL);
	refuse_address(x->events, "45.9.9.9", 5432, 1, NULL);
	refuse_address(x->events, "10.1.2.3", 22, 1, NULL);
	refuse_address(x->events, "127.0.0.11", 22, 1, NULL);
	events_add(x->events, &(struct event){.kind = EVENT_REFUSED_ADDRESS,
				      .name = "a.example",
				      .address = address("45.9.9.9"),
				      .port = 22});
	text = events_options(x->events);
	assert_string_equal(text,
		" --allow a.example --allow @pypi --allow 45.9.9.9:5432 --allow "
		"10.1.2.3:22+private --allow a.example:22");
	free(text);
	text = summary(x->events);
	assert_non_null(strstr(text, "allow with: --allow pypi.org, or --allow @pypi\n"));
	assert_non_null(strstr(text, "a.example:22 "));
	free(text);
}

static void no_line_of_the_report_breaks_a_name(void **state)
{
	static const char name[] = "a-name-of-forty-letters-that-needs-room.example";
	struct fixture *x = *state;
	char *text, *line;

	events_presets(x->events, NULL);
	refuse_name(x->events, name, 1, NULL);
	refuse_name(x->events, "b.example", 1, NULL);
	refuse_address(x->events, "2600:1111:2222:3333:4444:5555:6666:7777", 8443, 1, NULL);
	text = summary(x->events);
	for (line = strtok(text, "\n"); line; line = strtok(NULL, "\n"))
		if (strlen(line) > 80)
			fail_msg("%zu columns: %s", strlen(line), line);
	free(text);
	text = summary(x->events);
	assert_non_null(strstr(text, "x\n      allow with: --allow a-name-of-forty"));
	free(text);
}

static void a_line_has_every_field(void **state)
{
	struct fixture *x = *state;
	const char *text;
	int year, month, day, hour, minute, second, micro, end = 0;
	struct stat st;

	events_add(x->events, &(struct event){.kind = EVENT_PIN,
				      .name = "a.example",
				      .address = address("2600::1"),
				      .port = 443,
				      .reason = "because",
				      .count = 7});
	text = logged(x);
	assert_int_equal(sscanf(text, "{\"time\":\"%4d-%2d-%2dT%2d:%2d:%2d.%6dZ\",%n", &year,
				 &month, &day, &hour, &minute, &second, &micro, &end),
		7);
	assert_int_equal(end, 38);
	assert_true(year >= 2024 && month >= 1 && month <= 12);
	assert_string_equal(text + end,
		"\"event\":\"pin\",\"name\":\"a.example\",\"address\":\"2600::1\",\"port\":443,"
		"\"reason\":\"because\",\"count\":7}\n");
	assert_int_equal(stat(x->path, &st), 0);
	assert_int_equal(st.st_mode & 0777, 0644);
}

static void a_field_that_is_not_there_is_left_out(void **state)
{
	struct fixture *x = *state;

	events_add(x->events, &(struct event){.kind = EVENT_UNRESOLVED});
	assert_string_equal(logged(x) + 38, "\"event\":\"unresolved\",\"count\":1}\n");
}

static void strings_are_escaped(void **state)
{
	struct fixture *x = *state;

	refuse_name(x->events, "a\"b\\c\n\x1b[m\x7f\xc3\xbc\xff/", 1, NULL);
	assert_string_equal(logged(x) + 38,
		"\"event\":\"refused-name\",\"name\":\"a\\\"b\\\\c\\u000a\\u001b["
		"m\\u007f\\u00c3"
		"\\u00bc\\u00ff/\",\"reason\":\"no rule allows it\",\"count\":1}\n");
}

static void a_string_without_end_is_cut(void **state)
{
	struct fixture *x = *state;
	char *long_text = malloc(65536);
	const char *text;

	assert_non_null(long_text);
	memset(long_text, 1, 65535);
	long_text[65535] = '\0';
	refuse_name(x->events, long_text, 1, long_text);
	text = logged(x);
	assert_int_equal(lines(text), 1);
	assert_true(strlen(text) > 2 * 6 * 250 && strlen(text) < 2 * 6 * 256 + 256);
	assert_string_equal(text + strlen(text) - 13, "\",\"count\":1}\n");
	free(long_text);
}

/* Where it was, and which rule decided: not of what codex-egress did, whose name is a rule. */
static void a_line_says_where_and_by_which_rule(void **state)
{
	static const char tail[] = ",\"container\":\"box\",\"workdir\":\"/a \\\"b\\u000a\","
				   "\"schema\":1}\n";
	struct fixture *x = *state;
	struct rule_error e;
	struct policy p;
	const char *text;

	policy_init(&p);
	assert_int_equal(
		policy_add(&p, "*.b.example", RULE_DENY, ORIGIN_OPTION, NULL, NULL, &e), 0);
	assert_int_equal(policy_compile(&p), 0);
	events_context(x->events, "box", "/a \"b\n", &p);
	refuse_name(x->events, "a.b.example", 1, "denied");
	text = logged(x);
	assert_non_null(
		strstr(text, ",\"reason\":\"denied\",\"rule\":\"*.b.example\",\"count"));
	assert_string_equal(text + strlen(text) - strlen(tail), tail);
	refuse_name(x->events, "c.example", 1, NULL);
	events_add(x->events, &(struct event){.kind = EVENT_DENIED, .name = "a.b.example"});
	text = strstr(logged(x), "c.example");
	assert_non_null(text);
	assert_null(strstr(text, "\"rule\""));
	policy_free(&p);
}

static void lines_are_appended(void **state)
{
	struct fixture *x = *state;
	struct failure f;

	refuse_name(x->events, "a.example", 1, NULL);
	events_close(x->events);
	assert_int_equal(events_open(&x->events, x->path, &f), 0);
	refuse_name(x->events, "b.example", 1, NULL);
	assert_int_equal(lines(logged(x)), 2);
	assert_non_null(strstr(logged(x), "a.example"));
	assert_non_null(strstr(logged(x), "b.example"));
}

/* However the events are spread over seconds, omitted lines are counted in the log. */
static void lines_are_rationed_and_the_rest_is_reported(void **state)
{
	enum { SENT = 20 * LIMIT_EVENTS_PER_SECOND };
	struct fixture *x = *state;
	struct timespec begin, end;
	unsigned written = 0;
	unsigned long long told = 0, n;

	clock_gettime(CLOCK_MONOTONIC, &begin);
	for (int i = 0; i < SENT; i++)
		refuse_name(x->events, "a.example", 2, NULL);
	clock_gettime(CLOCK_MONOTONIC, &end);
	/* Counted nevertheless. */
	assert_int_equal(events_refused(x->events), 2 * SENT);
	sleep(1);
	refuse_name(x->events, "b.example", 1, NULL);
	for (const char *at = strstr(logged(x), "a.example"); at; written++)
		at = strstr(at + 1, "a.example");
	for (const char *at = x->text; (at = strstr(at, "\"suppressed\"")); at++)
		if (sscanf(at, "\"suppressed\",\"count\":%llu}", &n) == 1)
			told += n;
	assert_true(written >= LIMIT_EVENTS_PER_SECOND);
	assert_true(written <= LIMIT_EVENTS_PER_SECOND * (end.tv_sec - begin.tv_sec + 1));
	assert_int_equal(written + told, SENT);
	assert_non_null(strstr(x->text, "b.example"));
}

static void what_was_left_out_last_is_reported_at_the_end(void **state)
{
	struct fixture *x = *state;

	for (int i = 0; i < 20 * LIMIT_EVENTS_PER_SECOND; i++)
		refuse_name(x->events, "a.example", 1, NULL);
	events_close(x->events);
	x->events = NULL;
	assert_non_null(strstr(logged(x), "suppressed"));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(the_options_that_would_permit_it_are_one_line),
		TEST(no_line_of_the_report_breaks_a_name),
		TEST(a_line_has_every_field),
		TEST(a_field_that_is_not_there_is_left_out),
		TEST(strings_are_escaped),
		TEST(a_string_without_end_is_cut),
		TEST(a_line_says_where_and_by_which_rule),
		TEST(lines_are_appended),
		TEST(lines_are_rationed_and_the_rest_is_reported),
		TEST(what_was_left_out_last_is_reported_at_the_end),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
