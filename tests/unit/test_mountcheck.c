/* The launcher's list of mounts: its syntax, and the comparison with the files. */
#include "home_fixture.h"

#include <sys/utsname.h>

#include "../../init/home/mountcheck.h"

static void an_entry_is_read(void **state)
{
	struct mountcheck_entry e;

	(void)state;
	assert_string_equal(mountcheck_next("8:1:42:/app/a%20%25%0Ab", &e), "");
	assert_int_equal(e.major, 8);
	assert_int_equal(e.minor, 1);
	assert_int_equal(e.inode, 42);
	assert_string_equal(e.path, "/app/a %\nb");
	assert_string_equal(mountcheck_next("0:4294967295:18446744073709551615:/a,\"\xc3\xa4:/ "
					    "1:2:3:/b",
				    &e),
		"1:2:3:/b");
	assert_int_equal(e.minor, UINT32_MAX);
	assert_true(e.inode == UINT64_MAX);
	assert_string_equal(e.path, "/a,\"\xc3\xa4:/");
}

static void what_is_no_list_is_refused(void **state)
{
	static const char *const bad[] = {"", " ", "x", "1", "1:2", "1:2:3",
		"1:2:3:", "1:2:3:a", ":2:3:/a", "1::3:/a", "1:2::/a", "-1:2:3:/a", "+1:2:3:/a",
		" 1:2:3:/a", "1:2:3:/a ", "1:2:3:/a  1:2:3:/b", "4294967296:2:3:/a",
		"1:4294967296:3:/a", "1:2:18446744073709551616:/a",
		"1:2:99999999999999999999999:/a", "1:2:3:/a%", "1:2:3:/a%2", "1:2:3:/a%2g",
		"1:2:3:/a%00", "1:2:3:/a%2f%", "1:2:3:/a\nb", "1:2:3:/a\t", "kernel=6.1",
		"kernel=6.1 ", "kernel=6.1 x", "kernel= ", "1:2:3:/a kernel=6.1", "kernel"};

	(void)state;
	for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++)
		if (mountcheck_valid(bad[i]))
			fail_msg("\"%s\" was taken for a list", bad[i]);
	assert_true(mountcheck_valid("1:2:3:/"));
	assert_true(mountcheck_valid("1:2:3:/a 4:5:6:/b"));
	assert_true(mountcheck_valid("kernel=6.1.0-x 1:2:3:/a 4:5:6:/b"));
	assert_string_equal(mountcheck_entries("kernel=6.1 1:2:3:/a"), "1:2:3:/a");
	assert_string_equal(mountcheck_entries("1:2:3:/a"), "1:2:3:/a");
}

static void lists_and_paths_are_bounded(void **state)
{
	static char text[LIMIT_MOUNTS * 16 + LIMIT_MOUNT_PATH + 64];
	size_t n = 0;

	(void)state;
	for (unsigned i = 0; i < LIMIT_MOUNTS; i++)
		n += (size_t)sprintf(text + n, "%s1:2:3:/a", i ? " " : "");
	assert_true(mountcheck_valid(text));
	strcpy(text + n, " 1:2:3:/a");
	assert_false(mountcheck_valid(text));
	n = (size_t)sprintf(text, "1:2:3:/");
	memset(text + n, 'a', LIMIT_MOUNT_PATH - 2);
	text[n + LIMIT_MOUNT_PATH - 2] = '\0';
	assert_true(mountcheck_valid(text));
	strcat(text, "a");
	assert_false(mountcheck_valid(text));
}

/* "the file at this path is mounted there" */
static const char *entry(const char *place, const char *file)
{
	static char text[2 * PATH_MAX];
	struct stat st;

	assert_int_equal(lstat(file, &st), 0);
	snprintf(text, sizeof(text), "%u:%u:%llu:%s", major(st.st_dev), minor(st.st_dev),
		(unsigned long long)st.st_ino, place);
	return text;
}

struct job {
	const char *list;
	bool as_user;
};

static int run(void *context, void *result, struct failure *f)
{
	const struct job *j = context;

	(void)result;
	return mountcheck_run(j->list, j->as_user, USER, GROUP, f);
}

static struct failure why;

static int check(const char *list, bool as_user)
{
	struct job j = {list, as_user};

	return limited(run, &j, NULL, 0, &why);
}

static void the_same_file_is_good(void **state)
{
	const char *home = at(*state, "home"), *in = at(*state, "in");
	char list[4 * PATH_MAX];

	snprintf(list, sizeof(list), "%s", entry(home, home));
	assert_int_equal(check(list, true), 0);
	assert_int_equal(check(list, false), 0);
	snprintf(list + strlen(list), sizeof(list) - strlen(list), " %s", entry(in, in));
	assert_int_equal(check(list, true), 0);
}

static void another_file_is_not(void **state)
{
	const char *home = at(*state, "home"), *in = at(*state, "in");
	char list[4 * PATH_MAX];

	assert_int_equal(check(entry(home, in), true), -1);
	assert_in(why.reason, "a different file");
	assert_in(why.subject, home);
	assert_in(why.hint, "CODEX_INIT_MOUNTS=");
	/* The second one counts as well. */
	snprintf(list, sizeof(list), "%s", entry(in, in));
	snprintf(list + strlen(list), sizeof(list) - strlen(list), " %s", entry(home, in));
	assert_int_equal(check(list, true), -1);
	assert_in(why.subject, home);
}

static void on_another_kernel_nothing_is_compared(void **state)
{
	const char *home = at(*state, "home"), *in = at(*state, "in");
	char list[4 * PATH_MAX];
	struct utsname us;

	assert_int_equal(uname(&us), 0);
	snprintf(list, sizeof(list), "kernel=%s %s", us.release, entry(home, in));
	assert_int_equal(check(list, true), -1);
	assert_in(why.reason, "a different file");
	snprintf(list, sizeof(list), "kernel=%sx %s", us.release, entry(home, in));
	assert_int_equal(check(list, true), 0);
	snprintf(list, sizeof(list), "kernel=%.3s %s", us.release, entry(home, in));
	assert_int_equal(check(list, true), 0);
}

static void another_file_system_is_not(void **state)
{
	const char *home = at(*state, "home");
	char list[2 * PATH_MAX];
	struct stat st;

	assert_int_equal(lstat(home, &st), 0);
	snprintf(list, sizeof(list), "%u:%u:%llu:%s", major(st.st_dev), minor(st.st_dev) + 1,
		(unsigned long long)st.st_ino, home);
	assert_int_equal(check(list, true), -1);
	snprintf(list, sizeof(list), "%u:%u:%llu:%s", major(st.st_dev) + 1, minor(st.st_dev),
		(unsigned long long)st.st_ino, home);
	assert_int_equal(check(list, true), -1);
}

static void nothing_there_is_not(void **state)
{
	const char *in = at(*state, "in");

	assert_int_equal(check(entry(at(*state, "missing"), in), true), -1);
	assert_in(why.reason, "No such file");
}

static void a_link_to_the_file_is_not(void **state)
{
	const char *link = at(*state, "link"), *in = at(*state, "in");

	assert_int_equal(symlink(in, link), 0);
	assert_int_equal(check(entry(link, in), true), -1);
}

static void what_root_cannot_reach_is_looked_at_as_the_user(void **state)
{
	const char *file = at(*state, "home/auth.json");

	put(file, "{}", 0600, USER);
	assert_int_equal(check(entry(file, file), true), 0);
	assert_int_equal(check(entry(file, file), false), -1);
	assert_in(why.reason, "Permission denied");
	assert_int_equal(check(entry(file, at(*state, "in")), true), -1);
}

static void what_nobody_can_reach_is_rejected(void **state)
{
	const char *file = at(*state, "home/closed/inside/file");

	make_dir(at(*state, "home/closed"), 0700, USER);
	make_dir(at(*state, "home/closed/inside"), 0700, 0);
	put(file, "", 0600, 0);
	assert_int_equal(check(entry(file, file), true), -1);
	assert_in(why.reason, "Permission denied");
}

#define T(name) cmocka_unit_test_setup_teardown(name, tree_make, tree_remove)

int main(void)
{
	static const struct CMUnitTest tests[] = {cmocka_unit_test(an_entry_is_read),
		cmocka_unit_test(what_is_no_list_is_refused),
		cmocka_unit_test(lists_and_paths_are_bounded), T(the_same_file_is_good),
		T(another_file_is_not), T(on_another_kernel_nothing_is_compared),
		T(another_file_system_is_not), T(nothing_there_is_not),
		T(a_link_to_the_file_is_not),
		T(what_root_cannot_reach_is_looked_at_as_the_user),
		T(what_nobody_can_reach_is_rejected)};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
