/* The command line: every spelling of an option, every mistake, and where codex's part
 * begins. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <cmocka.h>

#include "../../stub/beneath.h"
#include "../../stub/request_env.h"
#include "stub_cli_fixture.h"

#define PARSE(c, ...) parse(c, (const char *const[]){__VA_ARGS__, NULL})

static void nothing_given(void **state)
{
	struct cli c;

	(void)state;
	assert_int_equal(parse(&c, (const char *const[]){NULL}), 0);
	assert_null(c.work_dir);
	assert_false(c.yes || c.dry_run || c.exec || c.trust || c.audit || c.no_protect);
	assert_int_equal(c.read_only.count + c.allow.count + c.deny.count + c.env.count, 0);
	assert_null(*c.rest);
	cli_free(&c);
}

static void dashes_and_underscores_are_one(void **state)
{
	static const char *const names[] = {"--work_dir", "--work-dir"};
	struct cli c;

	(void)state;
	for (int i = 0; i < 2; i++) {
		assert_int_equal(PARSE(&c, names[i], "/a"), 0);
		assert_string_equal(c.work_dir, "/a");
		cli_free(&c);
	}
	assert_int_equal(PARSE(&c, "--codex_home=/h", "--sessions_path=/s=t", "--dry_run"), 0);
	assert_string_equal(c.codex_home, "/h");
	assert_string_equal(c.sessions_path, "/s=t");
	assert_true(c.dry_run);
	cli_free(&c);
}

static void lists_add_up_and_single_values_do_not(void **state)
{
	struct cli c;

	(void)state;
	assert_int_equal(PARSE(&c, "--allow", "a", "--read-only", "/x", "--allow=b", "-e", "N",
				 "-eM=1", "--env=O", "--image", "i", "--image=j"),
		0);
	assert_int_equal(c.allow.count, 2);
	assert_string_equal(c.allow.word[1], "b");
	assert_int_equal(c.read_only.count, 1);
	assert_int_equal(c.env.count, 3);
	assert_string_equal(c.env.word[1], "M=1");
	assert_string_equal(c.image, "j");
	cli_free(&c);
}

static void codex_begins_at_the_first_word_or_after_dashes(void **state)
{
	struct cli c;

	(void)state;
	assert_int_equal(PARSE(&c, "-y", "exec", "--json", "--dry-run"), 0);
	assert_true(c.yes && !c.dry_run);
	assert_string_equal(c.rest[0], "exec");
	assert_string_equal(c.rest[2], "--dry-run");
	cli_free(&c);
	assert_int_equal(PARSE(&c, "--", "--help"), 0);
	assert_false(c.help);
	assert_string_equal(c.rest[0], "--help");
	cli_free(&c);
	assert_int_equal(PARSE(&c, "-", "--"), 0);
	assert_string_equal(c.rest[0], "-");
	cli_free(&c);
}

static void a_value_may_look_like_an_option(void **state)
{
	struct cli c;

	(void)state;
	assert_int_equal(PARSE(&c, "--allow", "--dry-run"), 0);
	assert_string_equal(c.allow.word[0], "--dry-run");
	assert_false(c.dry_run);
	cli_free(&c);
}

static void exec_takes_the_rest(void **state)
{
	struct cli c;

	(void)state;
	assert_int_equal(PARSE(&c, "--exec", "ls", "--help"), 0);
	assert_true(c.exec && !c.help);
	assert_string_equal(c.rest[0], "ls");
	cli_free(&c);
	assert_int_equal(PARSE(&c, "--exec", "--", "-odd"), 0);
	assert_string_equal(c.rest[0], "-odd");
	cli_free(&c);
	assert_int_equal(PARSE(&c, "--exec", "-odd"), 0);
	assert_string_equal(c.rest[0], "-odd");
	cli_free(&c);
}

static void a_value_may_be_left_out(void **state)
{
	static const char *const wrong[] = {"--ask=", "--ask=x", "--ask=1s", "--ask=-1",
		"--ask=3601", "--ask=99999999999999999999"};
	struct cli c;

	(void)state;
	assert_int_equal(PARSE(&c, "--ask", "exec", "hello"), 0);
	assert_string_equal(c.ask, "");
	assert_string_equal(c.rest[0], "exec");
	cli_free(&c);
	assert_int_equal(PARSE(&c, "--ask=30", "--audit"), 0);
	assert_string_equal(c.ask, "30");
	cli_free(&c);
	assert_int_equal(PARSE(&c, "--audit"), 0);
	assert_null(c.ask);
	cli_free(&c);
	for (size_t i = 0; i < sizeof(wrong) / sizeof(wrong[0]); i++) {
		if (PARSE(&c, wrong[i]) == 0)
			fail_msg("accepted: %s", wrong[i]);
		cli_free(&c);
	}
}

static void mistakes(void **state)
{
	static const char *const wrong[][4] = {{"--nonsense"}, {"--work"},
		{"--work_dirs", "/a"}, {"-x"}, {"-yy"}, {"-yh"}, {"--work_dir"},
		{"--work_dir="}, {"--work_dir", ""}, {"--dry-run=1"}, {"--exec"},
		{"--exec", "--"}, {"--exec=ls"}, {"-e"}, {"-e", "1A"}, {"-e", "A-B=c"},
		{"-e", "=c"}, {"-e", "A*"}, {"--engine", "sh"}, {"--engine="},
		{"--auth_dir=/a", "--auth_file=/b"}, {"---help"}, {"--=x"}};
	struct cli c;

	(void)state;
	for (size_t i = 0; i < sizeof(wrong) / sizeof(wrong[0]); i++) {
		if (parse(&c, wrong[i]) == 0)
			fail_msg("accepted: %s", wrong[i][0]);
		assert_int_equal(error.status, STATUS_REFUSED);
		assert_true(error.reason[0] && error.operation[0]);
		cli_free(&c);
	}
}

static void containment_goes_by_components(void **state)
{
	(void)state;
	assert_true(beneath_contains("/a/b", "/a/b"));
	assert_true(beneath_contains("/a/b", "/a/b/c"));
	assert_true(beneath_contains("/", "/a"));
	assert_false(beneath_contains("/a/b", "/a/bc"));
	assert_false(beneath_contains("/a/b", "/a"));
	assert_false(beneath_contains("/a/b", "/c/a/b"));
}

static void ids(void **state)
{
	static const char *const bad[] = {"", "codex", "1:", ":1", "1:2:3", "-1", "+1", " 1",
		"1 ", "4294967295", "99999999999999999999", "0x10", "1:codex"};
	uid_t uid = 7;
	gid_t gid = 8;

	(void)state;
	for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++)
		assert_false(request_env_ids(bad[i], &uid, &gid));
	assert_true(uid == 7 && gid == 8);
	assert_true(request_env_ids("1001", &uid, &gid) && uid == 1001 && gid == 1001);
	assert_true(
		request_env_ids("1:4294967294", &uid, &gid) && uid == 1 && gid == 4294967294);
}

static void a_setting_is_what_the_container_will_see(void **state)
{
	struct string_list env = {0};

	(void)state;
	setenv("G_SETTING", "ours", 1);
	unsetenv("G_SETTING_NOT");
	assert_string_equal(request_env_setting(&env, "G_SETTING"), "ours");
	string_list_add(&env, "G_SETTING=theirs");
	string_list_add(&env, "G_SETTING_NOT=1");
	assert_string_equal(request_env_setting(&env, "G_SETTING"), "theirs");
	string_list_add(&env, "G_SETTING");
	assert_string_equal(request_env_setting(&env, "G_SETTING"), "ours");
	string_list_add(&env, "G_SETTING_NOT");
	assert_null(request_env_setting(&env, "G_SETTING_NOT"));
	string_list_free(&env);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(nothing_given),
		cmocka_unit_test(dashes_and_underscores_are_one),
		cmocka_unit_test(lists_add_up_and_single_values_do_not),
		cmocka_unit_test(codex_begins_at_the_first_word_or_after_dashes),
		cmocka_unit_test(a_value_may_look_like_an_option),
		cmocka_unit_test(exec_takes_the_rest),
		cmocka_unit_test(a_value_may_be_left_out),
		cmocka_unit_test(mistakes),
		cmocka_unit_test(containment_goes_by_components),
		cmocka_unit_test(ids),
		cmocka_unit_test(a_setting_is_what_the_container_will_see),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
