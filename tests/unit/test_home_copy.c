/* The drop-off's files into the home: what is copied, and what stays. */
#include "home_copy_fixture.h"

static void nothing_to_copy(void **state)
{
	must_work(*state);
	assert_int_equal(entries(at(*state, "home")), 0);
	assert_false(result.hook);
	assert_int_equal(run_from(*state, NULL), 0);
	assert_int_equal(entries(at(*state, "home")), 0);
}

static void all_three_are_copied(void **state)
{
	const struct tree *t = *state;

	put(at(t, "in/config.toml"), "model = \"x\"\n", 0644, 0);
	put(at(t, "in/init.sh"), "#!/bin/sh\n", 0644, 0);
	make_dir(at(t, "in/prompts"), 0755, 0);
	put(at(t, "in/prompts/one.md"), "one", 0644, 0);
	make_dir(at(t, "in/prompts/deep"), 0755, 0);
	put(at(t, "in/prompts/deep/two.md"), "two", 0644, 0);
	must_work(t);
	assert_true(result.hook);
	assert_string_equal(result.warning, "");
	assert_string_equal(text_of(at(t, "home/config.toml")), "model = \"x\"\n");
	assert_string_equal(text_of(at(t, "home/prompts/deep/two.md")), "two");
	assert_owned(at(t, "home/config.toml"), USER, 0600);
	assert_owned(at(t, "home/init.sh"), USER, 0755);
	assert_owned(at(t, "home/prompts"), USER, 0755);
	assert_owned(at(t, "home/prompts/one.md"), USER, 0644);
	assert_int_equal(entries(at(t, "home")), 3);
	assert_int_equal(entries(at(t, "home/prompts")), 2);
}

static void what_took_the_place_of_prompts_is_copied_too(void **state)
{
	const struct tree *t = *state;

	put(at(t, "in/AGENTS.md"), "be brief", 0644, 0);
	make_dir(at(t, "in/rules"), 0755, 0);
	put(at(t, "in/rules/my.rules"), "rule", 0644, 0);
	make_dir(at(t, "in/skills"), 0755, 0);
	make_dir(at(t, "in/skills/one"), 0755, 0);
	put(at(t, "in/skills/one/SKILL.md"), "skill", 0644, 0);
	put(at(t, "in/skills/one/run.sh"), "#!/bin/sh\n", 0755, 0);
	make_dir(at(t, "in/skills/.system"), 0755, 0);
	put(at(t, "in/skills/.system/codexs"), "", 0644, 0);
	must_work(t);
	assert_string_equal(result.warning, "");
	assert_string_equal(text_of(at(t, "home/AGENTS.md")), "be brief");
	assert_string_equal(text_of(at(t, "home/rules/my.rules")), "rule");
	assert_owned(at(t, "home/AGENTS.md"), USER, 0600);
	assert_owned(at(t, "home/skills/one/SKILL.md"), USER, 0644);
	assert_owned(at(t, "home/skills/one/run.sh"), USER, 0755);
	assert_false(there(at(t, "home/skills/.system")));
	/* The next time nothing is overwritten, not even what has changed since. */
	put(at(t, "home/AGENTS.md"), "mine", 0600, USER);
	put(at(t, "home/skills/one/run.sh"), "mine", 0755, USER);
	put(at(t, "in/skills/one/new"), "new", 0644, 0);
	must_work(t);
	assert_true(there(at(t, "home/skills/one/new")));
	assert_string_equal(text_of(at(t, "home/AGENTS.md")), "mine");
	assert_string_equal(text_of(at(t, "home/skills/one/run.sh")), "mine");
}

static void what_is_denied_or_too_large_in_a_collection_is_left_out(void **state)
{
	const struct tree *t = *state;

	make_dir(at(t, "in/skills"), 0755, 0);
	put(at(t, "in/skills/theirs"), "x", 0600, USER + 7);
	put(at(t, "in/skills/large"), "", 0644, 0);
	assert_int_equal(truncate(at(t, "in/skills/large"), LIMIT_HOME_BYTES + 1), 0);
	put(at(t, "in/skills/good"), "x", 0644, 0);
	must_work(t);
	assert_int_equal(entries(at(t, "home/skills")), 1);
	assert_in(result.warning, "2 files of");
}

static void a_name_that_only_begins_like_one_of_them_is_not_copied(void **state)
{
	const struct tree *t = *state;

	make_dir(at(t, "in/skills2"), 0755, 0);
	put(at(t, "in/skills2/x"), "x", 0644, 0);
	put(at(t, "in/history.jsonl"), "x", 0644, 0);
	put(at(t, "in/auth.json"), "{}", 0644, 0);
	must_work(t);
	assert_int_equal(entries(at(t, "home")), 0);
}

static void the_effective_config_is_checked(void **state)
{
	const struct tree *t = *state;
	char line[1000];

	put(at(t, "in/config.toml"), "model = \"x\"\n", 0644, 0);
	must_work(t);
	assert_int_equal(result.advice, 0);
	assert_false(result.provider);
	put(at(t, "home/config.toml"), "notify = [\"say\"]\nmodel_provider = \"x\"\n", 0600,
		USER);
	must_work(t);
	assert_true(result.provider);
	advice_line(result.advice, line, sizeof(line));
	assert_in(line, "notify");
}

static void requirements_for_codex_are_checked(void **state)
{
	const struct tree *t = *state;
	char line[1000];

	make_dir(at(t, "etc"), 0755, 0);
	put(at(t, "in/config.toml"), "sandbox_mode = \"read-only\"\n", 0644, 0);
	put(at(t, "etc/requirements.toml"), "# codex-sandbox: \n", 0644, 0);
	must_work(t);
	assert_true(result.layers.ours);
	assert_int_equal(result.advice, 0);
	put(at(t, "etc/requirements.toml"), "allowed_sandbox_modes = []\n", 0644, 0);
	must_work(t);
	assert_string_equal(result.layers.closed, "requirements.toml");
	advice_line(result.advice, line, sizeof(line));
	assert_in(line, "sandbox_mode");
	/* What Codex can't read either. */
	put(at(t, "etc/requirements.toml"), "allowed_sandbox_modes = []\n", 0600, 0);
	must_work(t);
	assert_string_equal(result.layers.closed, "");
}

static void a_policy_that_stops_codex_is_mended_in_the_copy(void **state)
{
	const struct tree *t = *state;
	const char theirs[] = "approval_policy = \"untrusted\"\nx = 1\n";

	put(at(t, "in/config.toml"), theirs, 0644, 0);
	put(at(t, "in/AGENTS.md"), theirs, 0644, 0);
	must_work(t);
	assert_string_equal(
		text_of(at(t, "home/config.toml")), "approval_policy = \"never\"    \nx = 1\n");
	assert_int_equal(result.advice, 0);
	assert_string_equal(text_of(at(t, "in/config.toml")), theirs);
	assert_string_equal(text_of(at(t, "home/AGENTS.md")), theirs);
	/* An existing one is the user's, so it is only reported. */
	put(at(t, "home/config.toml"), theirs, 0600, USER);
	must_work(t);
	assert_string_equal(text_of(at(t, "home/config.toml")), theirs);
	assert_int_not_equal(result.advice, 0);
}

static void a_config_that_is_there_stays(void **state)
{
	const struct tree *t = *state;

	put(at(t, "in/config.toml"), "theirs", 0644, 0);
	put(at(t, "home/config.toml"), "mine", 0600, USER);
	must_work(t);
	assert_string_equal(text_of(at(t, "home/config.toml")), "mine");
}

static void prompts_that_are_there_stay(void **state)
{
	const struct tree *t = *state;

	make_dir(at(t, "in/prompts"), 0755, 0);
	put(at(t, "in/prompts/a.md"), "theirs", 0644, 0);
	put(at(t, "in/prompts/b.md"), "new", 0644, 0);
	make_dir(at(t, "home/prompts"), 0755, USER);
	put(at(t, "home/prompts/a.md"), "mine", 0644, USER);
	must_work(t);
	assert_string_equal(text_of(at(t, "home/prompts/a.md")), "mine");
	assert_string_equal(text_of(at(t, "home/prompts/b.md")), "new");
}

int main(void)
{
	static const struct CMUnitTest tests[] = {
		T(nothing_to_copy),
		T(all_three_are_copied),
		T(what_took_the_place_of_prompts_is_copied_too),
		T(prompts_that_are_there_stay),
		T(what_is_denied_or_too_large_in_a_collection_is_left_out),
		T(a_name_that_only_begins_like_one_of_them_is_not_copied),
		T(the_effective_config_is_checked),
		T(requirements_for_codex_are_checked),
		T(a_policy_that_stops_codex_is_mended_in_the_copy),
		T(a_config_that_is_there_stays),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
