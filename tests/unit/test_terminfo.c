/* Terminal types that an image lacks. */
#include "home_fixture.h"

#include "../../init/home/terminfo.h"

static void add_entry(void **state, const char *path)
{
	char entry[PATH_MAX];

	snprintf(entry, sizeof(entry), "%s", at(*state, "%s", path));
	for (char *slash = strchr(entry + 1, '/'); slash; slash = strchr(slash + 1, '/')) {
		*slash = '\0';
		mkdir(entry, 0755);
		*slash = '/';
	}
	put(entry, "", 0644, 0);
}

static void one_that_is_there_stays(void **state)
{
	const char *root = at(*state, "image");

	add_entry(state, "image/usr/share/terminfo/x/xterm-256color");
	add_entry(state, "image/lib/terminfo/v/vt220");
	add_entry(state, "image/etc/terminfo/73/screen");
	assert_null(terminfo_replacement(root, "xterm-256color"));
	assert_null(terminfo_replacement(root, "vt220"));
	assert_null(terminfo_replacement(root, "screen"));
}

static void one_that_is_not_is_replaced(void **state)
{
	const char *root = at(*state, "image");

	add_entry(state, "image/usr/share/terminfo/v/vt100");
	assert_string_equal(terminfo_replacement(root, "xterm-ghostty"), "vt100");
	add_entry(state, "image/lib/terminfo/x/xterm-256color");
	assert_string_equal(terminfo_replacement(root, "xterm-ghostty"), "xterm-256color");
}

static void where_there_is_nothing_better_it_stays(void **state)
{
	const char *root = at(*state, "image");

	assert_null(terminfo_replacement(root, "xterm-kitty"));
	add_entry(state, "image/usr/share/terminfo/x/xterm");
	assert_null(terminfo_replacement(root, ""));
	assert_null(terminfo_replacement(root, NULL));
	assert_null(terminfo_replacement(root, "../../../etc/passwd"));
}

#define T(name) cmocka_unit_test_setup_teardown(name, tree_make, tree_remove)

int main(void)
{
	static const struct CMUnitTest tests[] = {T(one_that_is_there_stays),
		T(one_that_is_not_is_replaced), T(where_there_is_nothing_better_it_stays)};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
