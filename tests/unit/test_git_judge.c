/* What a session has changed in a config: what stands, what is told, what is put back. */
#include "home_fixture.h"

#include <time.h>

#include "../../init/home/git_judge.h"
#include "../../init/lib/gitconfig.h"

static struct git_report report;
static char out[2 * LIMIT_GITCONFIG_BYTES + 1];

static const char *judge(const char *before, const char *now)
{
	size_t n;

	memset(&report, 0, sizeof(report));
	n = git_judge(before, strlen(before), now, strlen(now), out, &report);
	out[n] = '\0';
	return out;
}

static bool is_reported(enum git_change how, const char *key)
{
	for (unsigned i = 0; i < report.count && i < LIMIT_GIT_REPORTED; i++)
		if (report.keys[i].how == how && strcmp(report.keys[i].key, key) == 0)
			return true;
	return false;
}

#define BASE "[core]\n\tbare = false\n[remote \"origin\"]\n\turl = a\n"

static void nothing_changed(void **state)
{
	(void)state;
	assert_string_equal(judge(BASE, BASE), BASE);
	assert_string_equal(judge("[ nonsense", "[ nonsense"), "[ nonsense");
	assert_int_equal(report.count, 0);
	assert_false(report.whole);
}

static void ordinary_writing_stands(void **state)
{
	static const char *const more[] = {
		"[branch \"x\"]\n\tremote = origin\n\tmerge = refs/heads/x\n",
		"[branch \"x\"]\n\tremote = .\n\trebase = true\n\tdescription = d\n",
	};

	(void)state;
	for (size_t i = 0; i < sizeof(more) / sizeof(more[0]); i++) {
		char now[256];

		snprintf(now, sizeof(now), "%s%s", BASE, more[i]);
		assert_string_equal(judge(BASE, now), now);
		assert_int_equal(report.count, 0);
		assert_string_equal(judge(now, BASE), BASE);
		assert_int_equal(report.count, 0);
	}
}

static void what_leads_elsewhere_is_told(void **state)
{
	static const char now[] = "[core]\n\tbare = false\n[remote \"origin\"]\n\turl = b\n"
				  "[branch \"x\"]\n\tremote = ../evil\n[user]\n\temail = e\n";

	(void)state;
	assert_string_equal(judge(BASE, now), now);
	assert_true(is_reported(GIT_REPORTED, "remote.origin.url"));
	assert_true(is_reported(GIT_REPORTED, "branch.x.remote"));
	assert_true(is_reported(GIT_REPORTED, "user.email"));
	assert_int_equal(report.count, 3);
	assert_false(report.added);
}

static void what_runs_something_is_put_back(void **state)
{
	(void)state;
	assert_string_equal(judge(BASE, BASE "[core]\n\tfsmonitor = x\n"), BASE "[core]\n");
	assert_true(is_reported(GIT_PUT_BACK, "core.fsmonitor") && report.added);
	assert_string_equal(judge(BASE, "[core] fsmonitor = x\n" BASE), "[core]" BASE);
	/* A remote whose address names a program. */
	judge(BASE, BASE "[remote \"x\"]\nurl = ext::sh -c x\n");
	assert_true(is_reported(GIT_PUT_BACK, "remote.x.url"));
	judge(BASE, BASE "[remote \"x\"]\nurl = --upload-pack=x\n");
	assert_true(is_reported(GIT_PUT_BACK, "remote.x.url"));
	judge(BASE, BASE "[remote \"x\"]\nurl = ssh://[::1]/x\n");
	assert_true(is_reported(GIT_REPORTED, "remote.x.url"));
	/* Where git takes a remote's name it takes its address as well. */
	judge(BASE, BASE "[branch \"x\"]\nremote = ext::sh -c x\n");
	assert_true(is_reported(GIT_PUT_BACK, "branch.x.remote"));
	judge(BASE, BASE "[branch \"x\"]\npushRemote = ext::sh -c x\n");
	assert_true(is_reported(GIT_PUT_BACK, "branch.x.pushremote"));
	judge(BASE, BASE "[remote]\npushDefault = x::y\n");
	assert_true(is_reported(GIT_PUT_BACK, "remote.pushdefault"));
	judge(BASE, BASE "[branch \"x\"]\ndescription = a::b\n");
	assert_int_equal(report.count, 0);
	/* Names that only read alike. */
	judge(BASE, BASE "[remote]\nurl = x\n[branch]\nmerge = x\n[remotes \"a\"]\nurl = b\n");
	assert_int_equal(report.count, 3);
	assert_true(is_reported(GIT_PUT_BACK, "remote.url"));
}

#define TWICE "[x \"a\\\"b\"]\n\tc = 1\n[x \"a\\\"b\"]\n\tc = 2\n"

static void the_order_counts(void **state)
{
	(void)state;
	/* git takes the last one. */
	assert_string_equal(judge(TWICE, "[x \"a\\\"b\"]\nc = 2\nc = 1\n"),
		"[x \"a\\\"b\"]\n[x \"a\\\"b\"]\n\tc = 1\n[x \"a\\\"b\"]\n\tc = 2\n");
	assert_true(report.added);
	/* What is missing comes back; so does a value that isn't the same. */
	judge(TWICE, "");
	assert_true(strstr(out, "c = 1\n") && strstr(out, "c = 2\n") && !report.added);
	judge("[a]\nb\n", "[a]\nb = \n");
	assert_string_equal(out, "[a]\n[a]\n\tb\n");
	assert_string_equal(
		judge("[a]\nb = c", "[user]\nname = x"), "[user]\nname = x\n[a]\n\tb = c");
}

static void what_cannot_be_read_is_put_back_whole(void **state)
{
	static char large[LIMIT_GITCONFIG_BYTES + 2];

	(void)state;
	assert_string_equal(judge(BASE, "[core\n"), BASE);
	assert_true(report.whole);
	memset(large, '\n', sizeof(large) - 1);
	assert_string_equal(judge(BASE, large), BASE);
	assert_true(report.whole);
}

static void the_report_is_bounded(void **state)
{
	static char now[8192];
	size_t n = 0;

	(void)state;
	for (int i = 0; i < 100; i++)
		n += (size_t)sprintf(now + n, "[a%d]b=c\n", i);
	judge(BASE, now);
	/* And of what was there before, the one setting that is denied. */
	assert_int_equal(report.count, 102);
}

static const char *filled(char *text, size_t size, const char *head, const char *line)
{
	size_t n = (size_t)sprintf(text, "%s", head);

	while (n + strlen(line) <= size)
		n += (size_t)sprintf(text + n, "%s", line);
	return text;
}

/* The processor's time for one judgement of files of that size, at best of three. */
static clock_t spent(const char *const *old, const char *const *new, size_t size)
{
	static char before[LIMIT_GITCONFIG_BYTES + 1], now[LIMIT_GITCONFIG_BYTES + 1];
	clock_t least = 0;

	filled(before, size, old[0], old[1]);
	filled(now, size, new[0], new[1]);
	for (int i = 0; i < 3; i++) {
		clock_t begin = clock(), took;

		assert_true(judge(before, now) && report.count > 0 && !report.whole);
		took = clock() - begin;
		if (i == 0 || took < least)
			least = took;
	}
	return least;
}

/* PID 1 waits for it, and a payload can fill both, the one before in a session before: sixteen times as
 * many settings may take sixteen times as long, and some; not 256 times. */
static void full_ones_take_no_time(void **state)
{
	static const char *const with[][2][2] = {
		{{"[user]\n", "name=1\n"}, {"[user]\n", "name=2\n"}},
		{{"[branch \"a\"]\n", "remote=q\n"}, {"[branch \"a\"]\n", "remote=r\n"}},
		{{"[user]\n", "name=1\n"}, {"[core]\n", "pager=1\n"}},
		{{"[core]\npager=2\n[user]\n", "name=1\n"}, {"[core]\n", "pager=1\n"}},
	};

	(void)state;
	for (size_t i = 0; i < sizeof(with) / sizeof(with[0]); i++) {
		clock_t small = spent(with[i][0], with[i][1], LIMIT_GITCONFIG_BYTES / 16);
		clock_t full = spent(with[i][0], with[i][1], LIMIT_GITCONFIG_BYTES);

		if (full > 64 * (small + 1))
			fail_msg("%zu: %ld us, and %ld us for a sixteenth", i, (long)full, (long)small);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(nothing_changed),
		cmocka_unit_test(ordinary_writing_stands),
		cmocka_unit_test(what_leads_elsewhere_is_told),
		cmocka_unit_test(what_runs_something_is_put_back),
		cmocka_unit_test(the_order_counts),
		cmocka_unit_test(what_cannot_be_read_is_put_back_whole),
		cmocka_unit_test(the_report_is_bounded),
		cmocka_unit_test(full_ones_take_no_time),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
