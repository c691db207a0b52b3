/* The limits of the look for files that the host obeys. */
#include "host_exec_fixture.h"

static void wild_names(const struct tree *t)
{
	put(at(t, "home/.vscode/a\x1b[2Jb\n"), "", 0644, USER);
	assert_int_equal(mkfifo(at(t, "home/src/.envrc"), 0666), 0);
}

static void special_files_and_names_are_ignored(void **state)
{
	const char *text = report(*state, wild_names);

	assert_in(text, "  new      .vscode/a\\033[2Jb\\012\n");
	assert_in(text, "  new      src/.envrc\n");
	assert_null(strchr(text, '\x1b'));
}

static void a_flood(const struct tree *t)
{
	for (int i = 0; i < LIMIT_HOST_EXEC_FILES + 10; i++)
		put(at(t, "home/.vscode/%d", i), "", 0644, USER);
	put(at(t, "home/.envrc"), "evil\n", 0644, USER);
}

static void a_flood_is_bounded_and_reported(void **state)
{
	const char *text = report(*state, a_flood);
	unsigned lines = 0;

	for (const char *p = text; (p = strchr(p, '\n')); p++)
		lines++;
	assert_int_equal(lines, LIMIT_HOST_EXEC_REPORTED + 4);
	/* The top is scanned first, however much there is further down. */
	assert_in(text, "  changed  .envrc\n");
	assert_in(text, " more\n");
	assert_in(text, "could not be searched completely");
}

static void nothing(const struct tree *t)
{
	(void)t;
}

static void what_cannot_be_read_is_reported(void **state)
{
	const struct tree *t = *state;

	/* Somebody else's, which the payload can't change either: a database's files. */
	make_dir(at(t, "home/database"), 0700, 0);
	assert_string_equal(report(t, nothing), "");
	/* One that it may write to, and one of its own that it has made unreadable. */
	assert_int_equal(chmod(at(t, "home/database"), 0733), 0);
	assert_in(report(t, nothing), "could not be searched completely");
	assert_int_equal(chmod(at(t, "home/database"), 0700), 0);
	assert_int_equal(chmod(at(t, "home/src"), 0), 0);
	assert_in(report(t, nothing), "could not be searched completely");
}

static void names_alone_are_not_enough(void **state)
{
	const struct tree *t = *state;

	/* A directory that can be listed but not searched. */
	make_dir(at(t, "home/database"), 0744, 0);
	put(at(t, "home/database/.envrc"), "", 0644, 0);
	assert_string_equal(report(t, nothing), "");
	put(at(t, "home/src/.envrc"), "evil\n", 0644, USER);
	assert_int_equal(chmod(at(t, "home/src"), 0444), 0);
	assert_in(report(t, nothing), "could not be searched completely");
}

static void removes_project(const struct tree *t)
{
	assert_int_equal(rename(at(t, "home"), at(t, "gone")), 0);
}

static void back_again(const struct tree *t)
{
	assert_int_equal(rename(at(t, "gone"), at(t, "home")), 0);
}

static int looks_at_nothing(void *context, void *result, struct failure *f)
{
	struct looks *l = context;
	struct host_exec *o;
	int done;

	(void)result;
	assert_int_equal(host_exec_begin(&o, project(l->t), NULL, NULL, USER, GROUP, f), 0);
	removes_project(l->t);
	done = host_exec_report(o, stderr, f);
	back_again(l->t);
	host_exec_free(o);
	return done;
}

static void a_project_that_vanishes_is_a_failure_and_no_crash(void **state)
{
	struct looks l = {*state, NULL};
	struct host_exec *o = NULL;

	assert_int_equal(looks_at_nothing(&l, NULL, &why), -1);
	assert_int_equal(
		host_exec_begin(&o, at(*state, "no"), NULL, NULL, USER, GROUP, &why), -1);
	assert_null(o);
	host_exec_free(o);
}

static bool count(
	void *context, const char *path, const struct stat *st, const struct stat *end)
{
	(void)path, (void)st, (void)end;
	++*(unsigned *)context;
	return true;
}

static void a_path_that_is_too_long_is_a_gap(void **state)
{
	const struct tree *t = *state;
	unsigned n = 0;
	char name[200];
	int root = open(at(t, "home"), O_RDONLY | O_DIRECTORY), fd = dup(root), next;
	const struct host_exec_place place = {.root = root,
		.host = "/p",
		.prefix = "",
		.skip = "",
		.below = "",
		.elsewhere = -1};

	assert_true(host_exec_walk(&place, count, &n));
	assert_int_equal(n, 4); /* config, pre-commit, settings.json, .envrc */
	memset(name, 'd', sizeof(name) - 1);
	name[sizeof(name) - 1] = '\0';
	for (int i = 0; i < 4; i++) {
		assert_int_equal(mkdirat(fd, name, 0755), 0);
		next = openat(fd, name, O_RDONLY | O_DIRECTORY);
		close(fd);
		fd = next;
	}
	n = 0;
	assert_false(host_exec_walk(&place, count, &n));
	assert_int_equal(n, 4);
	close(fd);
	close(root);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(special_files_and_names_are_ignored),
		TEST(a_flood_is_bounded_and_reported),
		TEST(what_cannot_be_read_is_reported),
		TEST(names_alone_are_not_enough),
		TEST(a_project_that_vanishes_is_a_failure_and_no_crash),
		TEST(a_path_that_is_too_long_is_a_gap),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
