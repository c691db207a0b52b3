/* The limits of copying: sizes, numbers, depth, disks; and the second boot. */
#include "home_copy_fixture.h"

/* Limits. */
static void a_file_that_is_too_large_is_a_failure(void **state)
{
	const struct tree *t = *state;

	put(at(t, "in/init.sh"), "x", 0644, 0);
	put(at(t, "in/config.toml"), "", 0644, 0);
	assert_int_equal(truncate(at(t, "in/config.toml"), LIMIT_HOME_BYTES + 1), 0);
	must_fail(t, "larger than");
	assert_int_equal(truncate(at(t, "in/config.toml"), LIMIT_HOME_BYTES), 0);
	must_work(t);
}

static void too_many_files_are_reported(void **state)
{
	const struct tree *t = *state;

	make_dir(at(t, "in/prompts"), 0755, 0);
	for (unsigned i = 0; i < LIMIT_HOME_FILES; i++)
		put(at(t, "in/prompts/%u", i), "", 0644, 0);
	must_work(t);
	/* The directory itself and others count as well. */
	const unsigned copied = entries(at(t, "home/prompts"));

	assert_true(copied > LIMIT_HOME_FILES - 10 && copied < LIMIT_HOME_FILES);
	assert_in(result.warning, "were not copied");
}

static void too_deep_a_directory_is_left_out(void **state)
{
	const struct tree *t = *state;
	char path[PATH_MAX] = "in/prompts";

	make_dir(at(t, "%s", path), 0755, 0);
	for (unsigned i = 1; i < LIMIT_HOME_DEPTH; i++) {
		strcat(path, "/d");
		make_dir(at(t, "%s", path), 0755, 0);
	}
	put(at(t, "%s/f", path), "f", 0644, 0);
	must_work(t);
	assert_true(there(at(t, "home%s/f", path + strlen("in"))));
	strcat(path, "/d");
	make_dir(at(t, "%s", path), 0755, 0);
	put(at(t, "%s/f", path), "f", 0644, 0);
	must_work(t);
	assert_false(there(at(t, "home%s/f", path + strlen("in"))));
	assert_in(result.warning, "1 files of prompts");
}

static void long_names_are_no_trouble(void **state)
{
	const struct tree *t = *state;
	char name[256];

	memset(name, 'n', 255);
	name[255] = '\0';
	make_dir(at(t, "in/prompts"), 0755, 0);
	put(at(t, "in/prompts/%s", name), "x", 0644, 0);
	put(at(t, "in/prompts/new\nline"), "x", 0644, 0);
	must_work(t);
	assert_int_equal(entries(at(t, "home/prompts")), 2);
	assert_true(there(at(t, "home/prompts/%s", name)));
}

static void a_path_that_is_too_long_is_left_out(void **state)
{
	const struct tree *t = *state;
	char path[PATH_MAX] = "in/prompts";

	make_dir(at(t, "%s", path), 0755, 0);
	for (unsigned i = 0; i < 5; i++) {
		size_t n = strlen(path);

		path[n] = '/';
		memset(path + n + 1, 'd', 220);
		path[n + 221] = '\0';
		make_dir(at(t, "%s", path), 0755, 0);
	}
	must_work(t);
	assert_in(result.warning, "1 files of prompts");
}

/* All or nothing if the disk is full after the first file. */
static void a_full_disk_leaves_nothing_behind(void **state)
{
	const struct tree *t = *state;
	char *big = calloc(1, 200 * 1024 + 1);

	memset(big, 'x', 200 * 1024);
	assert_int_equal(mount("tmpfs", at(t, "home"), "tmpfs", 0,
				 "size=128k,mode=0700,uid=4321,gid=4322"),
		0);
	make_dir(at(t, "in/prompts"), 0755, 0);
	put(at(t, "in/prompts/small.md"), "small", 0644, 0);
	put(at(t, "in/prompts/zbig.md"), big, 0644, 0);
	put(at(t, "in/config.toml"), "x", 0644, 0);
	put(at(t, "in/init.sh"), "x", 0644, 0);
	must_fail(t, "No space");
	assert_int_equal(entries(at(t, "home")), 0);
	free(big);
}

static void a_read_only_home_is_a_failure(void **state)
{
	const struct tree *t = *state;

	put(at(t, "in/config.toml"), "x", 0644, 0);
	assert_int_equal(mount("tmpfs", at(t, "home"), "tmpfs", MS_RDONLY,
				 "size=64k,mode=0700,uid=4321,gid=4322"),
		0);
	must_fail(t, "Read-only");
}

static void the_second_boot_changes_nothing(void **state)
{
	const struct tree *t = *state;

	put(at(t, "in/config.toml"), "x", 0644, 0);
	make_dir(at(t, "in/prompts"), 0755, 0);
	put(at(t, "in/prompts/a.md"), "a", 0644, 0);
	must_work(t);
	put(at(t, "home/config.toml"), "changed", 0600, USER);
	must_work(t);
	assert_string_equal(text_of(at(t, "home/config.toml")), "changed");
}

static int dies(void *context, void *none, struct failure *f)
{
	(void)none, (void)f;
	raise(*(const int *)context);
	_exit(5);
}

/* Whatever the child was for: homes, logins, mounts and projects are examined in such
 * children. */
static void a_child_that_dies_is_reported(void **state)
{
	int signal = SIGKILL;

	(void)state;
	assert_int_equal(child_run(dies, &signal, NULL, 0, &why), -1);
	assert_null(strstr(why.operation, "home"));
	assert_string_equal(why.reason, "signal 9 ended it");
	signal = 0;
	assert_int_equal(child_run(dies, &signal, NULL, 0, &why), -1);
	assert_string_equal(why.reason, "it ended with status 5");
}

int main(void)
{
	static const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_child_that_dies_is_reported),
		T(a_file_that_is_too_large_is_a_failure),
		T(too_many_files_are_reported),
		T(too_deep_a_directory_is_left_out),
		T(long_names_are_no_trouble),
		T(a_path_that_is_too_long_is_left_out),
		T(a_full_disk_leaves_nothing_behind),
		T(a_read_only_home_is_a_failure),
		T(the_second_boot_changes_nothing),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
