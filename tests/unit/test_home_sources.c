/* The drop-off's files: whose they may be, and odd ones. */
#include "home_copy_fixture.h"

static void sources_of_root_alone_are_read(void **state)
{
	const struct tree *t = *state;

	put(at(t, "in/config.toml"), "root's", 0600, 0);
	make_dir(at(t, "in/prompts"), 0700, 0);
	put(at(t, "in/prompts/a.md"), "a", 0600, 0);
	must_work(t);
	assert_string_equal(text_of(at(t, "home/config.toml")), "root's");
	assert_string_equal(text_of(at(t, "home/prompts/a.md")), "a");
}

/* Somebody who can write to a directory could have moved a file of root's into it. */
static void what_root_alone_may_read_is_not_taken_from_the_users_directories(void **state)
{
	const struct tree *t = *state;

	make_dir(at(t, "in/prompts"), 0755, USER);
	put(at(t, "in/prompts/a.md"), "a", 0600, 0);
	put(at(t, "in/prompts/b.md"), "b", 0644, 0);
	make_dir(at(t, "in/prompts/sub"), 0755, 0);
	put(at(t, "in/prompts/sub/c.md"), "c", 0600, 0);
	make_dir(at(t, "in/skills"), 0775, 0);
	put(at(t, "in/skills/d.md"), "d", 0600, 0);
	must_work(t);
	assert_false(there(at(t, "home/prompts/a.md")));
	assert_string_equal(text_of(at(t, "home/prompts/b.md")), "b");
	assert_false(there(at(t, "home/prompts/sub/c.md")));
	assert_false(there(at(t, "home/skills/d.md")));
	assert_in(result.warning, "3 files of prompts, skills or rules were not copied");
}

static void sources_of_the_user_alone_are_read(void **state)
{
	const struct tree *t = *state;

	put(at(t, "in/config.toml"), "root's", 0600, 0);
	put(at(t, "in/init.sh"), "user's", 0600, USER);
	make_dir(at(t, "in/prompts"), 0700, USER);
	put(at(t, "in/prompts/a.md"), "a", 0600, USER);
	must_work(t);
	assert_string_equal(text_of(at(t, "home/config.toml")), "root's");
	assert_string_equal(text_of(at(t, "home/init.sh")), "user's");
	assert_string_equal(text_of(at(t, "home/prompts/a.md")), "a");
}

static void a_drop_off_of_the_user_alone_is_read(void **state)
{
	const struct tree *t = *state;

	put(at(t, "in/config.toml"), "c", 0600, USER);
	assert_int_equal(chown(at(t, "in"), USER, GROUP), 0);
	assert_int_equal(chmod(at(t, "in"), 0700), 0);
	must_work(t);
	assert_string_equal(text_of(at(t, "home/config.toml")), "c");
}

static void somebody_elses_source_is_a_failure(void **state)
{
	const struct tree *t = *state;

	put(at(t, "in/init.sh"), "x", 0644, 0);
	put(at(t, "in/config.toml"), "x", 0600, USER + 7);
	must_fail(t, "neither root nor the user");
}

static void a_missing_drop_off_is_a_failure(void **state)
{
	assert_int_equal(run_from(*state, at(*state, "nowhere")), -1);
	assert_in(why.reason, "No such file");
	assert_in(why.subject, "nowhere");
}

/* Links and special files among the sources. */
static void a_link_as_a_source_is_a_failure(void **state)
{
	static const char *const names[] = {"config.toml", "init.sh", "prompts"};
	const struct tree *t = *state;

	for (unsigned i = 0; i < 3; i++) {
		assert_int_equal(symlink("/etc/passwd", at(t, "in/%s", names[i])), 0);
		must_fail(t, "symbolic link");
		assert_int_equal(unlink(at(t, "in/%s", names[i])), 0);
	}
}

static void special_sources_are_failures(void **state)
{
	static const char *const names[] = {"config.toml", "init.sh", "prompts"};
	const struct tree *t = *state;

	for (unsigned i = 0; i < 3; i++) {
		char path[PATH_MAX];

		snprintf(path, sizeof(path), "%s", at(t, "in/%s", names[i]));
		assert_int_equal(mkfifo(path, 0666), 0);
		must_fail(t, "the wrong type");
		assert_int_equal(unlink(path), 0);
		assert_int_equal(mknod(path, S_IFCHR | 0666, makedev(1, 5)), 0); /* zero */
		must_fail(t, "the wrong type");
		assert_int_equal(unlink(path), 0);
	}
	put(at(t, "in/prompts"), "a file", 0644, 0);
	must_fail(t, "the wrong type");
	assert_int_equal(unlink(at(t, "in/prompts")), 0);
	make_dir(at(t, "in/config.toml"), 0755, 0);
	must_fail(t, "the wrong type");
}

static void special_prompts_are_left_out(void **state)
{
	const struct tree *t = *state;
	struct sockaddr_un where = {.sun_family = AF_UNIX};
	int s = socket(AF_UNIX, SOCK_STREAM, 0);

	make_dir(at(t, "in/prompts"), 0755, 0);
	put(at(t, "in/prompts/good.md"), "good", 0644, 0);
	assert_int_equal(symlink("/etc/shadow", at(t, "in/prompts/link.md")), 0);
	assert_int_equal(symlink("/etc", at(t, "in/prompts/dir")), 0);
	assert_int_equal(mkfifo(at(t, "in/prompts/pipe"), 0666), 0);
	assert_int_equal(mknod(at(t, "in/prompts/null"), S_IFCHR | 0666, makedev(1, 3)), 0);
	snprintf(where.sun_path, sizeof(where.sun_path), "%s", at(t, "in/prompts/socket"));
	assert_int_equal(bind(s, (struct sockaddr *)&where, sizeof(where)), 0);
	close(s);
	must_work(t);
	assert_int_equal(entries(at(t, "home/prompts")), 1);
	assert_in(result.warning, "5 files of prompts");
}

int main(void)
{
	static const struct CMUnitTest tests[] = {
		T(sources_of_root_alone_are_read),
		T(what_root_alone_may_read_is_not_taken_from_the_users_directories),
		T(sources_of_the_user_alone_are_read),
		T(a_drop_off_of_the_user_alone_is_read),
		T(somebody_elses_source_is_a_failure),
		T(a_missing_drop_off_is_a_failure),
		T(a_link_as_a_source_is_a_failure),
		T(special_sources_are_failures),
		T(special_prompts_are_left_out),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
