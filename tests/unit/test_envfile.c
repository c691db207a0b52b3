/* What the hook can pass to the payload, and what else it might try. */
#include "home_fixture.h"

#include "../../init/home/envfile.h"
#include "../../init/lib/limits.h"

static struct failure why;
static char **vars;

/* Fails at that line, for that reason. */
static void bad(const char *text, size_t length, unsigned line, const char *reason)
{
	const char *said;
	unsigned at_line;

	assert_int_equal(envfile_parse(text, length, &vars, &at_line, &said), -1);
	assert_int_equal(at_line, line);
	assert_in(said, reason);
}

static void good(const char *text, unsigned count, const char *first)
{
	const char *reason;
	unsigned line, n = 0;

	if (envfile_parse(text, strlen(text), &vars, &line, &reason) < 0)
		fail_msg("line %u: %s", line, reason);
	while (vars[n])
		n++;
	assert_int_equal(n, count);
	if (first)
		assert_string_equal(vars[0], first);
	envfile_free(vars);
}

static void lines_are_taken_as_they_stand(void **state)
{
	(void)state;
	good("", 0, NULL);
	good("\n\n# a comment\n", 0, NULL);
	good("A=1", 1, "A=1");
	good("A=1\nB=2\n", 2, "A=1");
	good("A=\n", 1, "A=");
	good("_a9=x y=\"z\" $(id) `id`\t\x01\n", 1, "_a9=x y=\"z\" $(id) `id`\t\x01");
	good("A=\xff\xfe\n", 1, "A=\xff\xfe");
}

static void bad_lines_are_quoted_by_number(void **state)
{
	(void)state;
	bad("A=1\nnonsense\n", 13, 2, "no '='");
	bad("=x\n", 3, 1, "begins with");
	bad("1A=x\n", 5, 1, "begins with");
	bad("\n\nA B=x\n", 8, 3, "letters, digits");
	bad(" A=x\n", 5, 1, "begins with");
	bad("A\xc3\xa4=x\n", 6, 1, "letters, digits");
	bad("export A=x\n", 11, 1, "letters, digits");
	bad("A=x\0y\n", 6, 1, "zero byte");
	bad("A\0=x\n", 5, 1, "zero byte");
}

static void too_many_lines_are_a_failure(void **state)
{
	char *text = calloc(LIMIT_ENV_FILE_LINES + 2, 4), *p = text;

	(void)state;
	for (unsigned i = 0; i < LIMIT_ENV_FILE_LINES; i++, p += 4)
		memcpy(p, "A=1\n", 4);
	good(text, LIMIT_ENV_FILE_LINES, "A=1");
	memcpy(p, "B=1\n", 4);
	bad(text, strlen(text), LIMIT_ENV_FILE_LINES + 1, "too many");
	free(text);
}

/* The file itself. */
static char path[PATH_MAX];

static int call_create(void *context, void *result, struct failure *f)
{
	(void)context;
	return envfile_create(result, PATH_MAX, USER, GROUP, f);
}

static int file_make(void **state)
{
	tree_make(state);
	path[0] = '\0';
	assert_int_equal(limited(call_create, NULL, path, sizeof(path), &why), 0);
	return 0;
}

static int file_remove(void **state)
{
	remove(path);
	return tree_remove(state);
}

/* In this process, which keeps the strings; the file is read as the user anyway. */
static int read_now(void)
{
	why = (struct failure){.reason = ""};
	return envfile_read(path, USER, GROUP, &vars, &why);
}

static void the_file_is_the_user_s_alone(void **state)
{
	(void)state;
	assert_owned(path, USER, 0600);
	assert_string_equal(text_of(path), "");
	assert_int_equal(read_now(), 0);
	assert_null(vars[0]);
	envfile_free(vars);
	assert_false(there(path));
}

static void what_the_hook_wrote_is_read(void **state)
{
	(void)state;
	put(path, "JAVA_HOME=/opt/jdk\nB=2", 0600, USER);
	assert_int_equal(read_now(), 0);
	assert_string_equal(vars[0], "JAVA_HOME=/opt/jdk");
	assert_string_equal(vars[1], "B=2");
	assert_null(vars[2]);
	envfile_free(vars);
	assert_false(there(path));
}

static void a_bad_line_is_reported(void **state)
{
	(void)state;
	put(path, "A=1\noops\n", 0600, USER);
	assert_int_equal(read_now(), -1);
	assert_in(why.reason, "line 2");
	assert_null(vars);
	assert_false(there(path));
}

static void no_file_hands_over_nothing(void **state)
{
	(void)state;
	assert_int_equal(unlink(path), 0);
	assert_int_equal(read_now(), 0);
	assert_null(vars[0]);
	envfile_free(vars);
}

static void a_link_to_root_s_file_is_not_read(void **state)
{
	put(at(*state, "secret"), "SECRET=1\n", 0600, 0);
	assert_int_equal(unlink(path), 0);
	assert_int_equal(symlink(at(*state, "secret"), path), 0);
	assert_int_equal(lchown(path, USER, GROUP), 0);
	assert_int_equal(read_now(), -1);
	assert_in(why.reason, "symbolic link");
	assert_true(there(at(*state, "secret")));
}

static void root_s_file_in_its_place_is_not_read(void **state)
{
	(void)state;
	put(path, "SECRET=1\n", 0600, 0);
	assert_int_equal(read_now(), -1);
	assert_in(why.reason, "Permission denied");
}

static void special_files_do_not_block_the_boot(void **state)
{
	(void)state;
	assert_int_equal(unlink(path), 0);
	assert_int_equal(mkfifo(path, 0666), 0);
	assert_int_equal(read_now(), -1);
	assert_in(why.reason, "not a file any more");
	remove(path);
	assert_int_equal(mkdir(path, 0755), 0);
	assert_int_equal(read_now(), -1);
	assert_in(why.reason, "not a file any more");
}

static void too_large_a_file_is_a_failure(void **state)
{
	(void)state;
	assert_int_equal(truncate(path, LIMIT_ENV_FILE_BYTES + 1), 0);
	assert_int_equal(read_now(), -1);
	assert_in(why.reason, "larger than 64 KiB");
}

#define T(name) cmocka_unit_test_setup_teardown(name, file_make, file_remove)

int main(void)
{
	static const struct CMUnitTest tests[] = {
		cmocka_unit_test(lines_are_taken_as_they_stand),
		cmocka_unit_test(bad_lines_are_quoted_by_number),
		cmocka_unit_test(too_many_lines_are_a_failure), T(the_file_is_the_user_s_alone),
		T(what_the_hook_wrote_is_read), T(a_bad_line_is_reported),
		T(no_file_hands_over_nothing), T(a_link_to_root_s_file_is_not_read),
		T(root_s_file_in_its_place_is_not_read), T(special_files_do_not_block_the_boot),
		T(too_large_a_file_is_a_failure)};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
