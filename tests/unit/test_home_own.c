/* Making the home the user's: created if missing, replaced if empty, and left alone if it is
 * somebody else's. Root has neither CHOWN nor DAC_OVERRIDE in these tests. */
#include "home_fixture.h"

#include "../../init/lib/limits.h"

struct call {
	const char *home;
	uid_t uid;
};

static struct failure why;

static int call_own(void *context, void *result, struct failure *f)
{
	const struct call *c = context;

	(void)result;
	return home_own(c->home, c->uid, GROUP, f);
}

static int own(const char *home)
{
	struct call c = {home, USER};

	return limited(call_own, &c, NULL, 0, &why);
}

static void must_own(const char *home)
{
	if (own(home) < 0)
		fail_msg("%s: %s: %s", why.operation, why.subject, why.reason);
}

static void the_user_s_home_stays(void **state)
{
	const struct tree *t = *state;

	put(at(t, "home/file"), "x", 0600, USER);
	must_own(at(t, "home"));
	assert_owned(at(t, "home"), USER, 0700);
	assert_true(there(at(t, "home/file")));
}

static void a_missing_home_is_made(void **state)
{
	const struct tree *t = *state;
	struct stat st;

	must_own(at(t, "new"));
	assert_owned(at(t, "new"), USER, 0700);
	assert_int_equal(stat(at(t, "new"), &st), 0);
	assert_int_equal(st.st_gid, GROUP);
	/* in, home, new: no staging directory is left. */
	assert_int_equal(entries(t->top), 3);
}

static void an_empty_home_of_root_s_is_replaced(void **state)
{
	const struct tree *t = *state;

	assert_int_equal(chown(at(t, "home"), 0, 0), 0);
	must_own(at(t, "home"));
	assert_owned(at(t, "home"), USER, 0700);
	assert_int_equal(entries(t->top), 2);
}

static void an_empty_home_of_another_user_is_replaced(void **state)
{
	const struct tree *t = *state;

	assert_int_equal(chown(at(t, "home"), USER + 1, GROUP), 0);
	assert_int_equal(chmod(at(t, "home"), 0700), 0);
	must_own(at(t, "home"));
	assert_owned(at(t, "home"), USER, 0700);
}

static void a_home_with_something_in_it_stays(void **state)
{
	const struct tree *t = *state;

	put(at(t, "home/file"), "x", 0600, 0);
	assert_int_equal(chown(at(t, "home"), 0, 0), 0);
	assert_int_equal(own(at(t, "home")), -1);
	assert_in(why.reason, "not empty");
	assert_in(why.hint, "chown");
	assert_owned(at(t, "home"), 0, 0700);
	assert_true(there(at(t, "home/file")));
	assert_int_equal(entries(t->top), 2);
}

static void a_mounted_home_of_another_s_is_a_failure(void **state)
{
	const struct tree *t = *state;

	assert_int_equal(
		mount("tmpfs", at(t, "home"), "tmpfs", 0, "size=64k,mode=0755,uid=0"), 0);
	assert_int_equal(own(at(t, "home")), -1);
	assert_in(why.reason, "mounted");
	assert_in(why.hint, ":uid=4321,mode=0700");
	assert_owned(at(t, "home"), 0, 0755);
	assert_int_equal(entries(t->top), 2);
}

static void so_is_a_directory_of_the_host_s(void **state)
{
	const struct tree *t = *state;

	assert_int_equal(chown(at(t, "home"), 0, 0), 0);
	assert_int_equal(mount(at(t, "home"), at(t, "home"), NULL, MS_BIND, NULL), 0);
	assert_int_equal(own(at(t, "home")), -1);
	assert_in(why.reason, "mounted");
	assert_in(why.hint, "on the host");
}

static void a_mounted_home_of_the_user_s_is_fine(void **state)
{
	const struct tree *t = *state;

	assert_int_equal(
		mount("tmpfs", at(t, "home"), "tmpfs", 0, "size=64k,mode=0700,uid=4321"), 0);
	must_own(at(t, "home"));
}

static void a_read_only_home_is_a_failure(void **state)
{
	const struct tree *t = *state;

	assert_int_equal(mount("tmpfs", at(t, "home"), "tmpfs", MS_RDONLY,
				 "size=64k,mode=0700,uid=4321"),
		0);
	assert_int_equal(own(at(t, "home")), -1);
	assert_in(why.reason, "Read-only");
	assert_in(why.hint, "read-write");
}

static void a_link_or_a_file_is_a_failure(void **state)
{
	const struct tree *t = *state;

	assert_int_equal(symlink(at(t, "home"), at(t, "link")), 0);
	assert_int_equal(own(at(t, "link")), -1);
	assert_in(why.reason, "isn't a directory");
	put(at(t, "file"), "x", 0644, USER);
	assert_int_equal(own(at(t, "file")), -1);
	assert_in(why.reason, "isn't a directory");
}

static void a_dangling_link_is_not_followed(void **state)
{
	const struct tree *t = *state;

	assert_int_equal(symlink(at(t, "target"), at(t, "link")), 0);
	assert_int_equal(own(at(t, "link")), -1);
	assert_false(there(at(t, "target")));
}

static void no_parent_no_home(void **state)
{
	assert_int_equal(own(at(*state, "no/home")), -1);
	assert_in(why.reason, "No such file");
	assert_int_equal(own("relative"), -1);
	assert_in(why.reason, "absolute");
}

static void root_gets_no_home(void **state)
{
	struct call c = {at(*state, "new"), 0};

	assert_int_equal(limited(call_own, &c, NULL, 0, &why), -1);
	assert_false(there(at(*state, "new")));
	assert_int_equal(entries(((struct tree *)*state)->top), 2);
}

#define T(name) cmocka_unit_test_setup_teardown(name, tree_make, tree_remove)

int main(void)
{
	static const struct CMUnitTest tests[] = {T(the_user_s_home_stays),
		T(a_missing_home_is_made), T(an_empty_home_of_root_s_is_replaced),
		T(an_empty_home_of_another_user_is_replaced),
		T(a_home_with_something_in_it_stays),
		T(a_mounted_home_of_another_s_is_a_failure), T(so_is_a_directory_of_the_host_s),
		T(a_mounted_home_of_the_user_s_is_fine), T(a_read_only_home_is_a_failure),
		T(a_link_or_a_file_is_a_failure), T(a_dangling_link_is_not_followed),
		T(no_parent_no_home), T(root_gets_no_home)};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
