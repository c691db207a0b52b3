/* The event log and summary: hostile names, bounds, disks. */
#include "events_fixture.h"

#include <fcntl.h>

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

/* Where others write, an earlier command may have put one. */
static void a_link_is_not_followed(void **state)
{
	struct fixture *x = *state;
	char link[80], target[80], through[96];
	struct events *e;
	struct failure f;

	snprintf(target, sizeof(target), "%s/target", x->directory);
	snprintf(link, sizeof(link), "%s/link", x->directory);
	assert_int_equal(symlink(target, link), 0);
	assert_int_equal(events_open(&e, link, &f), -1);
	assert_null(e);
	assert_string_equal(
		f.hint, "name the place that the link leads to; - is the container's log");
	assert_int_equal(access(target, F_OK), -1);
	assert_int_equal(unlink(link), 0);
	assert_int_equal(symlink(x->directory, link), 0);
	snprintf(through, sizeof(through), "%s/target", link);
	assert_int_equal(events_open(&e, through, &f), -1);
	assert_int_equal(access(target, F_OK), -1);
	assert_int_equal(events_open(&e, target, &f), 0);
	events_close(e);
	assert_int_equal(unlink(target), 0);
	assert_int_equal(unlink(link), 0);
}

static void no_log_at_all(void **state)
{
	struct event odd = {.kind = (enum event_kind)99, .name = "x"};
	struct fixture *x = *state;

	events_context(NULL, "box", "/app", NULL);
	events_add(NULL, &odd);
	assert_int_equal(events_refused(NULL), 0);
	events_close(NULL);
	events_add(x->events, &odd);
	assert_string_equal(logged(x), "");
}

/* A flood of the payload's leaves room for what it can't cause, and ends with a word about it.
 */
static void the_copy_is_bounded(void **state)
{
	struct fixture *x = *state;
	char path[80], *text = NULL;
	size_t size = 0;
	struct stat st;
	FILE *f;

	snprintf(path, sizeof(path), "%s/copy", x->directory);
	events_copy(x->events, open(path, O_WRONLY | O_APPEND | O_CREAT | O_CLOEXEC, 0600));
	/* The ration per second isn't what is tested here. */
	for (int i = 0; i < 2 * LIMIT_TRAIL_BYTES / 128; i++)
		events_add(x->events, &(struct event){.kind = EVENT_WORKER,
					      .name = "gate",
					      .reason = "it ended and is started again"});
	assert_int_equal(stat(path, &st), 0);
	assert_in_range(st.st_size, LIMIT_TRAIL_BYTES - 256, LIMIT_TRAIL_BYTES + 256);
	refuse_name(x->events, "late.example", 1, NULL);
	f = fopen(path, "r");
	assert_non_null(f);
	assert_true(getdelim(&text, &size, '\0', f) > 0);
	fclose(f);
	assert_non_null(strstr(text, "\"event\":\"full\",\"count\":1}\n"));
	assert_null(strstr(strstr(text, "\"full\"") + 1, "\"full\""));
	assert_null(strstr(text, "late.example"));
	/* The container's own log isn't bounded. */
	assert_int_equal(stat(x->path, &st), 0);
	assert_true(st.st_size > LIMIT_TRAIL_BYTES + LIMIT_TRAIL_BYTES / 8);
	free(text);
	unlink(path);
}

static void what_the_payload_causes_leaves_room(void **state)
{
	struct fixture *x = *state;
	char path[80];
	struct stat st;
	int fd;

	snprintf(path, sizeof(path), "%s/copy", x->directory);
	fd = open(path, O_WRONLY | O_APPEND | O_CREAT | O_CLOEXEC, 0600);
	events_copy(x->events, fd);
	while (fstat(fd, &st) == 0 && st.st_size < LIMIT_TRAIL_BYTES - LIMIT_TRAIL_KEPT - 256)
		events_add(x->events, &(struct event){.kind = EVENT_WORKER, .name = "gate"});
	for (int i = 0; i < 100; i++)
		refuse_name(x->events, "a.example", 1, NULL);
	assert_int_equal(fstat(fd, &st), 0);
	assert_true(st.st_size < LIMIT_TRAIL_BYTES - LIMIT_TRAIL_KEPT + 256);
	events_add(x->events, &(struct event){.kind = EVENT_PAYLOAD, .count = 7});
	assert_int_equal(fstat(fd, &st), 0);
	assert_true(st.st_size > LIMIT_TRAIL_BYTES - LIMIT_TRAIL_KEPT - 256);
	unlink(path);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(what_is_only_counted_has_no_line_of_its_own),
		TEST(the_terminal_is_safe_from_names),
		TEST(the_table_is_bounded),
		TEST(ports_and_families_are_distinguished),
		TEST(the_exit_status_is_reported_unchanged),
		TEST(a_full_disk_is_no_failure),
		TEST(a_path_that_cannot_be_opened),
		TEST(a_link_is_not_followed),
		TEST(no_log_at_all),
		TEST(the_copy_is_bounded),
		TEST(what_the_payload_causes_leaves_room),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
