/* What happens at the end of a session to a login kept in its own directory. */
#include "home_fixture.h"

#include "../../init/lib/limits.h"

static struct failure why;
static char home[PATH_MAX], link_text[PATH_MAX];

static int keep(void *context, void *result, struct failure *f)
{
	(void)context, (void)result;
	return home_keep_login(home, link_text, USER, GROUP, f);
}

static int run(const struct tree *t)
{
	snprintf(home, sizeof(home), "%s", at(t, "home"));
	snprintf(link_text, sizeof(link_text), "%s", at(t, "login/auth.json"));
	return limited(keep, NULL, NULL, 0, &why);
}

static int place_make(void **state)
{
	tree_make(state);
	make_dir(at(*state, "login"), 0700, USER);
	return 0;
}

static void make_link(const struct tree *t)
{
	assert_int_equal(symlink(at(t, "login/auth.json"), at(t, "home/auth.json")), 0);
}

static void a_link_that_is_still_there_leaves_all_as_it_is(void **state)
{
	const struct tree *t = *state;

	make_link(t);
	assert_int_equal(run(t), 0);
	assert_false(there(at(t, "login/auth.json")));
	put(at(t, "login/auth.json"), "{\"a\":1}", 0600, USER);
	assert_int_equal(run(t), 0);
	assert_string_equal(text_of(at(t, "login/auth.json")), "{\"a\":1}");
	assert_true(there(at(t, "home/auth.json")));
}

static void a_first_login_is_moved(void **state)
{
	const struct tree *t = *state;

	put(at(t, "home/auth.json"), "{\"new\":1}", 0600, USER);
	assert_int_equal(run(t), 0);
	assert_string_equal(text_of(at(t, "login/auth.json")), "{\"new\":1}");
	assert_owned(at(t, "login/auth.json"), USER, 0600);
	assert_false(there(at(t, "home/auth.json")));
	assert_int_equal(entries(at(t, "login")), 1);
}

static void a_new_login_replaces_the_old_one(void **state)
{
	const struct tree *t = *state;

	put(at(t, "login/auth.json"), "{\"old\":\"and longer\"}", 0600, USER);
	put(at(t, "home/auth.json"), "{\"new\":1}", 0600, USER);
	assert_int_equal(run(t), 0);
	assert_string_equal(text_of(at(t, "login/auth.json")), "{\"new\":1}");
}

static void a_logout_is_one(void **state)
{
	const struct tree *t = *state;

	put(at(t, "login/auth.json"), "{}", 0600, USER);
	put(at(t, "login/other"), "", 0600, USER);
	assert_int_equal(run(t), 0);
	assert_false(there(at(t, "login/auth.json")));
	assert_true(there(at(t, "login/other")));
	assert_int_equal(run(t), 0);
}

static void a_relative_link_counts_from_the_home(void **state)
{
	const struct tree *t = *state;

	put(at(t, "home/auth.json"), "{\"new\":1}", 0600, USER);
	run(t); /* sets the names; and moves it */
	put(at(t, "home/auth.json"), "{\"newer\":1}", 0600, USER);
	snprintf(link_text, sizeof(link_text), "../login/auth.json");
	assert_int_equal(limited(keep, NULL, NULL, 0, &why), 0);
	assert_string_equal(text_of(at(t, "login/auth.json")), "{\"newer\":1}");
	assert_false(there(at(t, "home/auth.json")));
	assert_int_equal(limited(keep, NULL, NULL, 0, &why), 0);
	assert_false(there(at(t, "login/auth.json")));
}

static void what_is_no_login_stays_where_it_is(void **state)
{
	static char big[LIMIT_LOGIN_BYTES + 2];
	const struct tree *t = *state;

	put(at(t, "login/auth.json"), "old", 0600, USER);
	assert_int_equal(mkfifo(at(t, "home/auth.json"), 0600), 0);
	assert_int_equal(run(t), 0);
	assert_int_equal(unlink(at(t, "home/auth.json")), 0);
	/* What a full disk or an engine leaves behind. */
	put(at(t, "home/auth.json"), "", 0600, USER);
	assert_int_equal(run(t), 0);
	assert_string_equal(text_of(at(t, "login/auth.json")), "old");
	memset(big, ' ', sizeof(big) - 1);
	put(at(t, "home/auth.json"), big, 0600, USER);
	assert_int_equal(run(t), -1);
	assert_true(there(at(t, "home/auth.json")));
	assert_string_equal(text_of(at(t, "login/auth.json")), "old");
}

static void a_link_in_the_targets_place_is_replaced_not_followed(void **state)
{
	const struct tree *t = *state;

	put(at(t, "victim"), "untouched", 0666, USER);
	assert_int_equal(symlink(at(t, "victim"), at(t, "login/auth.json")), 0);
	put(at(t, "home/auth.json"), "{\"new\":1}", 0600, USER);
	assert_int_equal(run(t), 0);
	assert_string_equal(text_of(at(t, "victim")), "untouched");
	assert_owned(at(t, "login/auth.json"), USER, 0600);
}

static void a_directory_that_is_not_the_users_is_reported(void **state)
{
	const struct tree *t = *state;

	assert_int_equal(chown(at(t, "login"), 0, 0), 0);
	put(at(t, "home/auth.json"), "{}", 0600, USER);
	assert_int_equal(run(t), -1);
	assert_in(why.reason, "Permission denied");
	assert_true(there(at(t, "home/auth.json")));
}

#define TEST(f) cmocka_unit_test_setup_teardown(f, place_make, tree_remove)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(a_link_that_is_still_there_leaves_all_as_it_is),
		TEST(a_first_login_is_moved),
		TEST(a_new_login_replaces_the_old_one),
		TEST(a_logout_is_one),
		TEST(a_relative_link_counts_from_the_home),
		TEST(what_is_no_login_stays_where_it_is),
		TEST(a_link_in_the_targets_place_is_replaced_not_followed),
		TEST(a_directory_that_is_not_the_users_is_reported),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
