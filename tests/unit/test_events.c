/* The event log: its lines, its rate limit, and the closing summary. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>
#include <cmocka.h>

#include "../../init/monitor/events.h"
#include "../../init/lib/limits.h"
#include "../../init/policy/policy.h"

struct fixture {
	char directory[32], path[64];
	struct events *events;
	char *text; /* the log's */
};

static int setup(void **state)
{
	struct fixture *x = calloc(1, sizeof(*x));
	struct failure f;

	assert_non_null(x);
	snprintf(x->directory, sizeof(x->directory), "/tmp/test-events-XXXXXX");
	assert_non_null(mkdtemp(x->directory));
	snprintf(x->path, sizeof(x->path), "%s/log", x->directory);
	assert_int_equal(events_open(&x->events, x->path, &f), 0);
	*state = x;
	return 0;
}

static int teardown(void **state)
{
	struct fixture *x = *state;

	events_close(x->events);
	unlink(x->path);
	rmdir(x->directory);
	free(x->text);
	free(x);
	return 0;
}

/* The log's text so far. */
static const char *logged(struct fixture *x)
{
	FILE *f = fopen(x->path, "r");
	size_t size = 0;

	assert_non_null(f);
	free(x->text);
	x->text = NULL;
	if (getdelim(&x->text, &size, '\0', f) < 0) {
		free(x->text);
		x->text = strdup("");
	}
	fclose(f);
	return x->text;
}

static unsigned lines(const char *text)
{
	unsigned n = 0;

	for (; *text; text++)
		n += *text == '\n';
	return n;
}

static char *summary(const struct events *e)
{
	char *text = NULL;
	size_t size;
	FILE *f = open_memstream(&text, &size);

	assert_non_null(f);
	events_summary(e, f);
	fclose(f);
	return text;
}

static struct address address(const char *text)
{
	struct address a;

	assert_true(address_parse(text, strlen(text), &a));
	return a;
}

static void refuse_name(struct events *e, const char *name, uint64_t count, const char *reason)
{
	events_add(e, &(struct event){.kind = EVENT_REFUSED_NAME,
			      .name = name,
			      .count = count,
			      .reason = reason});
}

static void refuse_address(
	struct events *e, const char *text, uint16_t port, uint64_t count, const char *reason)
{
	events_add(e, &(struct event){.kind = EVENT_REFUSED_ADDRESS,
			      .address = address(text),
			      .port = port,
			      .count = count,
			      .reason = reason});
}

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

static void the_summary(void **state)
{
	struct fixture *x = *state;
	char *text;

	refuse_name(x->events, "example.com", 1, NULL);
	refuse_address(x->events, "9.9.9.9", 5432, 1, NULL);
	refuse_name(x->events, "example.com", 1, NULL);
	/* None of these is a refusal. */
	events_add(x->events, &(struct event){.kind = EVENT_PIN, .name = "ok.example"});
	events_add(x->events, &(struct event){.kind = EVENT_UNRESOLVED, .name = "no.example"});
	assert_int_equal(events_refused(x->events), 3);
	text = summary(x->events);
	assert_string_equal(text, "codex-init: refused 3 requests to 2 places:\n"
				  "  example.com      2x   allow with: --allow example.com\n"
				  "  9.9.9.9:5432     1x   allow with: --allow 9.9.9.9:5432\n");
	free(text);
}

static void the_summary_of_an_audit_claims_no_refusal(void **state)
{
	struct fixture *x = *state;
	char *text;

	refuse_name(x->events, "example.com", 1, NULL);
	events_audit(x->events);
	text = summary(x->events);
	assert_string_equal(text, "codex-init: would have refused 1 request to 1 place:\n"
				  "  example.com     1x   allow with: --allow example.com\n");
	free(text);
}

static void nothing_refused_nothing_said(void **state)
{
	struct fixture *x = *state;
	char *text = summary(x->events);

	assert_string_equal(text, "");
	free(text);
	events_add(x->events, &(struct event){.kind = EVENT_BOOT, .name = "wall", .count = 5});
	text = summary(x->events);
	assert_string_equal(text, "");
	free(text);
	text = summary(NULL);
	assert_string_equal(text, "");
	free(text);
}

static void one_is_singular(void **state)
{
	struct fixture *x = *state;
	char *text;

	refuse_name(x->events, "a.example", 0, NULL);
	text = summary(x->events);
	assert_non_null(strstr(text, "refused 1 request to 1 place:\n"));
	free(text);
}

/* Codex's own requests come last, without advice; those that may be a command's have it. */
static void codexs_own_requests(void **state)
{
	static const char tip[] = "raw.githubusercontent.com";
	struct fixture *x = *state;
	char *text;

	refuse_name(x->events, "ab.chatgpt.com", 0, NULL);
	refuse_name(x->events, tip, 0, NULL);
	refuse_name(x->events, tip, 0, NULL);
	refuse_name(x->events, "a.example", 0, NULL);
	text = summary(x->events);
	assert_true(strstr(text, "  a.example ") < strstr(text, "  ab.chatgpt.com "));
	assert_non_null(
		strstr(text, "1x   Codex's own request for telemetry: nothing is lost\n"));
	assert_non_null(
		strstr(text, "2x   Codex's own request for its tip of the day: nothing"));
	assert_null(strstr(text, "--allow raw"));
	assert_null(strstr(text, "--allow ab"));
	free(text);
	refuse_name(x->events, tip, 0, NULL);
	events_add(
		x->events, &(struct event){.kind = EVENT_REFUSED_TLS, .name = tip, .port = 22});
	events_add(x->events, &(struct event){.kind = EVENT_REFUSED_NAME,
				      .name = "ab.chatgpt.com",
				      .port = 22,
				      .reason = "a rule denies it"});
	text = summary(x->events);
	assert_non_null(
		strstr(text, "3x\n      allow with: --allow raw.githubusercontent.com\n"));
	assert_non_null(strstr(text, "--allow raw.githubusercontent.com:22\n"));
	assert_non_null(strstr(text, "1x   a rule denies it\n"));
	free(text);
}

/* --allow is suggested only if it would help. */
static void advice(void **state)
{
	static const struct {
		const char *name, *address;
		uint16_t port;
		const char *reason, *line;
	} cases[] = {
		{"a.example", NULL, 0, NULL, "--allow a.example\n"},
		{"auth.openai.com", NULL, 0, "auth.json is read-only",
			"x   auth.json is read-only\n"},
		{NULL, "9.9.9.9", 22, NULL, "--allow 9.9.9.9:22\n"},
		{NULL, "2600::1", 22, NULL, "--allow [2600::1]:22\n"},
		{NULL, "10.1.2.3", 22, NULL, "--allow 10.1.2.3:22+private\n"},
		{NULL, "fd00::1", 22, NULL, "--allow [fd00::1]:22+private\n"},
		{NULL, "9.9.9.9", 53, "UDP can't be allowed", "x   UDP can't be allowed\n"},
		{NULL, "9.9.9.9", 0, NULL, "x   only TCP can be allowed\n"},
		{NULL, "169.254.169.254", 80, NULL, "no rule can allow these: link-local"},
		{NULL, "100.100.100.200", 80, NULL,
			"no rule can allow these: a cloud's metadata"},
		{NULL, "::ffff:9.9.9.9", 80, NULL, "no rule can allow these: IPv4-mapped"},
		{"a;reboot", NULL, 0, NULL, "not a valid host name"},
		{"$(id).example", NULL, 0, NULL, "not a valid host name"},
		{"1.2.3.4", NULL, 0, NULL, "not a valid host name"},
		{"db", NULL, 5432, NULL, "--allow db:5432+private\n"},
		{"db", NULL, 443, NULL, "--allow db+private\n"},
		{"a.example", NULL, 8443, NULL, "--allow a.example:8443\n"},
	};

	(void)state;
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		struct events *e;
		struct failure f;
		char *text;

		assert_int_equal(events_open(&e, NULL, &f), 0);
		if (cases[i].name)
			events_add(e, &(struct event){.kind = EVENT_REFUSED_NAME,
					      .name = cases[i].name,
					      .port = cases[i].port,
					      .reason = cases[i].reason});
		else
			refuse_address(e, cases[i].address, cases[i].port, 1, cases[i].reason);
		text = summary(e);
		if (!strstr(text, cases[i].line))
			fail_msg("%s", text);
		if (!strstr(cases[i].line, "--allow") && strstr(text, "--allow"))
			fail_msg("%s", text);
		free(text);
		events_close(e);
	}
}

/* What the summary suggests for an address, and whether that rule would permit it. */
static void try_advice(const struct address *a, bool *advised, bool *helps)
{
	static const char mark[] = "allow with: --allow ";
	char rules[2][ADDRESS_TEXT + 32], at[ADDRESS_TEXT];
	struct rule_error error;
	struct failure f;
	struct events *e;
	char *text, *found;
	size_t count = 0;

	assert_int_equal(events_open(&e, NULL, &f), 0);
	refuse_address(e, address_text(a, at), 5432, 1, NULL);
	text = summary(e);
	events_close(e);
	found = strstr(text, mark);
	*advised = found != NULL;
	if (found) {
		found += strlen(mark);
		snprintf(rules[count++], sizeof(rules[0]), "%.*s", (int)strcspn(found, "\n"),
			found);
	} else {
		/* Then no suggestion would help. */
		snprintf(rules[count++], sizeof(rules[0]),
			a->family == 4 ? "%s:5432" : "[%s]:5432", at);
		snprintf(rules[count++], sizeof(rules[0]),
			a->family == 4 ? "%s:5432+private" : "[%s]:5432+private", at);
	}
	free(text);
	*helps = false;
	for (size_t i = 0; i < count; i++) {
		struct policy p;

		policy_init(&p);
		if (policy_add(&p, rules[i], RULE_ALLOW, ORIGIN_OPTION, NULL, NULL, &error) ==
				0 &&
			policy_compile(&p) == 0)
			*helps |= policy_check_address(&p, a, 5432).allowed;
		policy_free(&p);
	}
}

static void advice_for_every_kind_of_address(void **state)
{
	static const struct address public[] = {{4, {9, 9, 9, 9}}, {6, {0x26, 0x20, 0, 0xfe}}};
	bool advised, helps;

	(void)state;
	for (size_t i = 0; i < 2; i++) {
		try_advice(&public[i], &advised, &helps);
		assert_true(advised && helps);
	}
	for (size_t i = 0; i < address_ranges_count; i++) {
		const struct address_range *r = &address_ranges[i];
		struct address last = r->base;

		for (unsigned bit = r->prefix; bit < (last.family == 4 ? 32u : 128u); bit++)
			last.bytes[bit / 8] |= (uint8_t)(0x80 >> bit % 8);
		for (int end = 0; end < 2; end++) {
			try_advice(end ? &last : &r->base, &advised, &helps);
			if (advised != helps || advised != (r->class == ADDRESS_PRIVATE))
				fail_msg("%s: %d %d", r->name, advised, helps);
		}
	}
}

/* A worker may have counted more than it could report individually. */
static void what_is_only_counted_has_no_line_of_its_own(void **state)
{
	struct fixture *x = *state;
	char *text;

	refuse_name(x->events, "", 3, NULL);
	events_add(x->events, &(struct event){.kind = EVENT_REFUSED_HTTP, .count = 2});
	text = summary(x->events);
	assert_string_equal(text, "codex-init: refused 5 requests:\n"
				  "  others     5x   see the event log\n");
	free(text);
}

static void the_terminal_is_safe_from_names(void **state)
{
	struct fixture *x = *state;
	char *text;

	refuse_name(x->events, "\x1b]0;gotcha\x07\x9b.exa\xc3\xbcmple\n", 1, NULL);
	refuse_name(x->events, "a b\x7f.example", 1, NULL);
	text = summary(x->events);
	for (const char *c = text; *c; c++)
		assert_true(*c == '\n' || (*c >= ' ' && *c <= '~'));
	assert_non_null(strstr(text, "?]0;gotcha??.exa??mple?"));
	assert_non_null(strstr(text, "  a?b?.example "));
	assert_int_equal(lines(text), 3);
	free(text);
}

static void the_table_is_bounded(void **state)
{
	struct fixture *x = *state;
	char name[32], *text;

	for (int i = 0; i < LIMIT_SUMMARY + 10; i++) {
		snprintf(name, sizeof(name), "n%d.example", i);
		refuse_name(x->events, name, 2, NULL);
	}
	refuse_name(x->events, "n0.example", 1, NULL);
	assert_int_equal(events_refused(x->events), 2 * (LIMIT_SUMMARY + 10) + 1);
	text = summary(x->events);
	assert_non_null(strstr(text, "to more than 256 places:"));
	assert_non_null(strstr(text, "  n0.example       3x"));
	assert_non_null(strstr(text, "--allow n255.example\n"));
	assert_null(strstr(text, "n256.example"));
	assert_non_null(strstr(text, "  others          20x   see the event log\n"));
	assert_int_equal(lines(text), LIMIT_SUMMARY + 2);
	free(text);
}

static void ports_and_families_are_distinguished(void **state)
{
	struct fixture *x = *state;
	char *text;

	refuse_address(x->events, "9.9.9.9", 1, 1, NULL);
	refuse_address(x->events, "9.9.9.9", 2, 1, NULL);
	refuse_address(x->events, "909:909::", 1, 1, NULL);
	refuse_address(x->events, "9.9.9.9", 1, 4, NULL);
	text = summary(x->events);
	assert_non_null(strstr(text, "refused 7 requests to 3 places"));
	assert_non_null(strstr(text, "9.9.9.9:1 "));
	free(text);
}

static void the_exit_status_is_reported_unchanged(void **state)
{
	struct fixture *x = *state;

	events_add(x->events, &(struct event){.kind = EVENT_PAYLOAD, .count = 0});
	assert_non_null(strstr(logged(x), "\"event\":\"payload\",\"count\":0}"));
}

static void a_full_disk_is_no_failure(void **state)
{
	struct events *e;
	struct failure f;

	(void)state;
	assert_int_equal(events_open(&e, "/dev/full", &f), 0);
	for (int i = 0; i < 300; i++)
		refuse_name(e, "a.example", 1, NULL);
	assert_int_equal(events_refused(e), 300);
	events_close(e);
}

static void a_path_that_cannot_be_opened(void **state)
{
	struct fixture *x = *state;
	struct events *e = x->events;
	struct failure f;
	char pipe[80];

	assert_int_equal(events_open(&e, "/nonexistent/log", &f), -1);
	assert_null(e);
	assert_string_equal(f.subject, "/nonexistent/log");
	/* A pipe without a reader fails at once; it doesn't block PID 1. */
	snprintf(pipe, sizeof(pipe), "%s/pipe", x->directory);
	assert_int_equal(mkfifo(pipe, 0600), 0);
	assert_int_equal(events_open(&e, pipe, &f), -1);
	unlink(pipe);
}

static void no_log_at_all(void **state)
{
	struct event odd = {.kind = (enum event_kind)99, .name = "x"};
	struct fixture *x = *state;

	events_add(NULL, &odd);
	assert_int_equal(events_refused(NULL), 0);
	events_close(NULL);
	events_add(x->events, &odd);
	assert_string_equal(logged(x), "");
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(the_options_that_would_permit_it_are_one_line),
		TEST(no_line_of_the_report_breaks_a_name),
		TEST(a_line_has_every_field),
		TEST(a_field_that_is_not_there_is_left_out),
		TEST(strings_are_escaped),
		TEST(a_string_without_end_is_cut),
		TEST(lines_are_appended),
		TEST(lines_are_rationed_and_the_rest_is_reported),
		TEST(what_was_left_out_last_is_reported_at_the_end),
		TEST(the_summary),
		TEST(the_summary_of_an_audit_claims_no_refusal),
		TEST(nothing_refused_nothing_said),
		TEST(one_is_singular),
		TEST(codexs_own_requests),
		TEST(advice),
		TEST(advice_for_every_kind_of_address),
		TEST(what_is_only_counted_has_no_line_of_its_own),
		TEST(the_terminal_is_safe_from_names),
		TEST(the_table_is_bounded),
		TEST(ports_and_families_are_distinguished),
		TEST(the_exit_status_is_reported_unchanged),
		TEST(a_full_disk_is_no_failure),
		TEST(a_path_that_cannot_be_opened),
		TEST(no_log_at_all),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
