/* Links and odd files in the home are never followed. */
#include "home_copy_fixture.h"

/* Traps in the home, as an earlier Codex might have left them. */
static void links_in_the_home_are_not_followed(void **state)
{
	const struct tree *t = *state;

	put(at(t, "victim"), "victim", 0666, 0);
	put(at(t, "in/config.toml"), "x", 0644, 0);
	assert_int_equal(symlink(at(t, "victim"), at(t, "home/config.toml")), 0);
	must_fail(t, "symbolic link");
	assert_int_equal(unlink(at(t, "home/config.toml")), 0);
	/* A dangling one would create its target. */
	assert_int_equal(symlink(at(t, "home/made"), at(t, "home/config.toml")), 0);
	must_fail(t, "symbolic link");
	assert_false(there(at(t, "home/made")));
	assert_int_equal(unlink(at(t, "home/config.toml")), 0);
	put(at(t, "in/init.sh"), "x", 0644, 0);
	assert_int_equal(symlink(at(t, "victim"), at(t, "home/init.sh")), 0);
	must_fail(t, "symbolic link");
	assert_string_equal(text_of(at(t, "victim")), "victim");
}

static void a_linked_prompts_directory_is_not_entered(void **state)
{
	const struct tree *t = *state;

	make_dir(at(t, "elsewhere"), 0777, USER);
	make_dir(at(t, "in/prompts"), 0755, 0);
	put(at(t, "in/prompts/a.md"), "a", 0644, 0);
	put(at(t, "in/config.toml"), "x", 0644, 0);
	assert_int_equal(symlink(at(t, "elsewhere"), at(t, "home/prompts")), 0);
	must_fail(t, "symbolic link");
	assert_int_equal(entries(at(t, "elsewhere")), 0);
}

static void a_prompt_that_is_a_link_stays_one(void **state)
{
	const struct tree *t = *state;

	put(at(t, "victim"), "victim", 0666, 0);
	make_dir(at(t, "in/prompts"), 0755, 0);
	put(at(t, "in/prompts/a.md"), "a", 0644, 0);
	make_dir(at(t, "home/prompts"), 0755, USER);
	assert_int_equal(symlink(at(t, "victim"), at(t, "home/prompts/a.md")), 0);
	must_work(t);
	assert_string_equal(text_of(at(t, "victim")), "victim");
}

static void special_files_in_the_home_are_failures(void **state)
{
	const struct tree *t = *state;

	put(at(t, "in/config.toml"), "x", 0644, 0);
	put(at(t, "in/init.sh"), "x", 0644, 0);
	make_dir(at(t, "home/config.toml"), 0755, USER);
	must_fail(t, "in the way");
	assert_int_equal(rmdir(at(t, "home/config.toml")), 0);
	assert_int_equal(mkfifo(at(t, "home/config.toml"), 0666), 0);
	must_fail(t, "in the way");
	assert_int_equal(unlink(at(t, "home/config.toml")), 0);
	make_dir(at(t, "home/init.sh"), 0755, USER);
	must_fail(t, "in the way");
	assert_int_equal(rmdir(at(t, "home/init.sh")), 0);
	make_dir(at(t, "in/prompts"), 0755, 0);
	put(at(t, "in/prompts/a.md"), "a", 0644, 0);
	put(at(t, "home/prompts"), "a file", 0644, USER);
	must_fail(t, "Not a directory");
}

/* The home itself. */
static void somebody_elses_home_is_a_failure(void **state)
{
	const struct tree *t = *state;

	assert_int_equal(chown(at(t, "home"), USER + 1, GROUP), 0);
	assert_int_equal(chmod(at(t, "home"), 0777), 0);
	must_fail(t, "belongs to uid 4322");
	assert_in(why.hint, "uid 4321");
}

static void a_home_that_is_a_link_is_a_failure(void **state)
{
	const struct tree *t = *state;

	assert_int_equal(rename(at(t, "home"), at(t, "real")), 0);
	assert_int_equal(symlink(at(t, "real"), at(t, "home")), 0);
	assert_int_equal(run(t), -1);
	assert_in(why.reason, "not a directory");
	assert_int_equal(unlink(at(t, "home")), 0);
}

static void the_user_can_t_become_root(void **state)
{
	const struct tree *t = *state;
	struct home_request r = {.home = at(t, "home"), .etc = "/nowhere", .uid = 0, .gid = 0};

	assert_int_equal(limited(prepare, &r, &result, sizeof(result), &why), -1);
}

int main(void)
{
	static const struct CMUnitTest tests[] = {
		T(links_in_the_home_are_not_followed),
		T(a_linked_prompts_directory_is_not_entered),
		T(a_prompt_that_is_a_link_stays_one),
		T(special_files_in_the_home_are_failures),
		T(somebody_elses_home_is_a_failure),
		T(a_home_that_is_a_link_is_a_failure),
		T(the_user_can_t_become_root),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
