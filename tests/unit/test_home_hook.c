/* The home's init.sh, and its login. */
#include "home_copy_fixture.h"

static void the_hook_is_replaced(void **state)
{
	const struct tree *t = *state;

	put(at(t, "in/init.sh"), "new", 0644, 0);
	put(at(t, "home/init.sh"), "old and longer", 0755, USER);
	assert_int_equal(link(at(t, "home/init.sh"), at(t, "other-name")), 0);
	must_work(t);
	assert_string_equal(text_of(at(t, "home/init.sh")), "new");
	assert_owned(at(t, "home/init.sh"), USER, 0755);
	/* Replaced, not overwritten: a hard link elsewhere keeps its contents. */
	assert_string_equal(text_of(at(t, "other-name")), "old and longer");
}

static void a_login_that_is_there_is_seen(void **state)
{
	const struct tree *t = *state;
	char end[PATH_MAX];

	must_work(t);
	assert_false(result.login);
	put(at(t, "home/auth.json"), "", 0600, USER);
	must_work(t);
	assert_false(result.login);
	put(at(t, "home/auth.json"), "{}", 0600, USER);
	must_work(t);
	assert_true(result.login);
	assert_string_equal(result.login_link, "");
	assert_int_equal(unlink(at(t, "home/auth.json")), 0);
	snprintf(end, sizeof(end), "%s", at(t, "login.json"));
	assert_int_equal(symlink(end, at(t, "home/auth.json")), 0);
	must_work(t);
	assert_false(result.login);
	assert_string_equal(result.login_link, end);
	put(end, "{}", 0644, USER);
	must_work(t);
	assert_true(result.login);
}

static void a_hook_that_is_there_is_found(void **state)
{
	const struct tree *t = *state;

	put(at(t, "home/init.sh"), "#!/bin/sh\n", 0700, USER);
	must_work(t);
	assert_true(result.hook);
	assert_int_equal(run_from(t, NULL), 0);
	assert_true(result.hook);
}

static void a_hook_without_its_bit_is_not_run(void **state)
{
	const struct tree *t = *state;

	put(at(t, "home/init.sh"), "#!/bin/sh\n", 0600, USER);
	must_work(t);
	assert_false(result.hook);
	assert_in(result.warning, "not executable");
}

static void a_directory_is_no_hook(void **state)
{
	make_dir(at(*state, "home/init.sh"), 0755, USER);
	assert_int_equal(run_from(*state, NULL), 0);
	assert_false(result.hook);
}

int main(void)
{
	static const struct CMUnitTest tests[] = {
		T(the_hook_is_replaced),
		T(a_login_that_is_there_is_seen),
		T(a_hook_that_is_there_is_found),
		T(a_hook_without_its_bit_is_not_run),
		T(a_directory_is_no_hook),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
