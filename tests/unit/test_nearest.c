/* Which word was probably meant. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>
#include <cmocka.h>

#include "../../init/lib/nearest.h"

static const char *const words[] = {"allow", "deny", "dry-run", "read-only", "work_dir", "pypi",
	"npm", "CODEX_INIT_EGRESS"};

static const char *meant(const char *word)
{
	struct nearest n = {.word = word, .size = strlen(word)};

	for (size_t i = 0; i < sizeof(words) / sizeof(words[0]); i++)
		nearest_offer(&n, words[i]);
	return n.best;
}

static void one_slip_or_two(void **state)
{
	(void)state;
	assert_string_equal(meant("alow"), "allow");
	assert_string_equal(meant("allwo"), "allow");
	assert_string_equal(meant("readonly"), "read-only");
	assert_string_equal(meant("read_onyl"), "read-only");
	assert_string_equal(meant("work-dri"), "work_dir");
	assert_string_equal(meant("pipy"), "pypi");
	assert_string_equal(meant("nmp"), "npm");
	assert_string_equal(meant("CODEX_INIT_EGRES"), "CODEX_INIT_EGRESS");
}

static void something_else_altogether(void **state)
{
	(void)state;
	assert_null(meant(""));
	assert_null(meant("n"));
	assert_null(meant("verbose"));
	assert_null(meant("crates"));
	assert_null(meant("xyz"));
	assert_null(meant(
		"alolow-this-and-that-and-another-thing-and-yet-another-thing-without-end"));
}

static void the_distance_itself(void **state)
{
	(void)state;
	assert_int_equal(nearest_distance("", 0, "", 9), 0);
	assert_int_equal(nearest_distance("abc", 3, "", 9), 3);
	assert_int_equal(nearest_distance("abc", 3, "acb", 9), 1);
	assert_int_equal(nearest_distance("abcd", 4, "badc", 9), 2);
	assert_int_equal(nearest_distance("abcx", 3, "abc", 9), 0);
	assert_int_equal(nearest_distance("abc", 3, "xyz", 1), 2);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(one_slip_or_two),
		cmocka_unit_test(something_else_altogether),
		cmocka_unit_test(the_distance_itself),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
