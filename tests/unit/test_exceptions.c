/* Lists in the format of NO_PROXY: which names they contain. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <cmocka.h>

#include "init/policy/exceptions.h"
#include "init/lib/name.h"

static void names_and_all_below_them(void **state)
{
	static const char *const lists[] = {"corp.example", ".corp.example", "*.corp.example",
		"a.b,corp.example", "a.b corp.example", " ,,\tCORP.Example. ,x.y\n",
		"corp.example:8080", ".corp.example:443,10.0.0.0/8"};

	(void)state;
	for (size_t i = 0; i < sizeof(lists) / sizeof(lists[0]); i++) {
		struct exceptions e = {0};
		const char *bad;

		assert_int_equal(exceptions_add(&e, lists[i], &bad), 0);
		assert_true(exceptions_have(&e, "corp.example"));
		assert_true(exceptions_have(&e, "git.corp.example"));
		assert_true(exceptions_have(&e, "a.git.corp.example"));
		assert_false(exceptions_have(&e, "badcorp.example"));
		assert_false(exceptions_have(&e, "corp.example.org"));
		assert_false(exceptions_have(&e, "example"));
		assert_false(exceptions_have(&e, "xcorp.examplex"));
		assert_false(e.all);
	}
}

static void networks_except_no_name(void **state)
{
	struct exceptions e = {0};
	const char *bad;

	(void)state;
	assert_int_equal(exceptions_add(&e,
				 "10.0.0.0/8,127.0.0.1,::1,fd00::/8,[fd00::1]:443,"
				 "10.1.2.3:8080,192.168.0.0/16,localhost",
				 &bad),
		0);
	assert_false(exceptions_have(&e, "a.example"));
	assert_true(exceptions_have(&e, "localhost"));
	assert_int_equal(e.used, sizeof("localhost"));
}

static void a_star_is_everybody(void **state)
{
	struct exceptions e = {0};
	const char *bad;

	(void)state;
	assert_int_equal(exceptions_add(&e, "a.b,*", &bad), 0);
	assert_true(e.all && exceptions_have(&e, "any.example"));
	e = (struct exceptions){0};
	assert_int_equal(exceptions_add(&e, "", &bad), 0);
	assert_false(e.all || exceptions_have(&e, "any.example"));
}

/* An invalid entry doesn't affect the others. */
static void the_first_invalid_entry_is_reported(void **state)
{
	static const char *const lists[] = {"corp.example,b~d,x y", "b~d,corp.example",
		"corp.example,-", "corp.example,..", "corp.example,*x", "corp.example,a..b"};

	(void)state;
	for (size_t i = 0; i < sizeof(lists) / sizeof(lists[0]); i++) {
		struct exceptions e = {0};
		const char *bad = NULL;

		assert_int_equal(exceptions_add(&e, lists[i], &bad), -1);
		assert_non_null(bad);
		if (strstr(lists[i], "b~d"))
			assert_ptr_equal(bad, strstr(lists[i], "b~d"));
		assert_true(exceptions_have(&e, "corp.example"));
	}
}

static void there_is_room_for_so_many(void **state)
{
	static struct exceptions e;
	const char *bad;
	char name[32];
	size_t count = 0;

	(void)state;
	for (;; count++) {
		snprintf(name, sizeof(name), "n%06zu.example", count);
		if (exceptions_add(&e, name, &bad) < 0)
			break;
	}
	assert_int_equal(count, LIMIT_EXCEPTIONS / sizeof("n000000.example"));
	assert_ptr_equal(bad, name);
	assert_false(exceptions_have(&e, name));
	snprintf(name, sizeof(name), "n%06zu.example", count - 1);
	assert_true(exceptions_have(&e, name));
	/* An entry that is already there needs no room. */
	assert_int_equal(exceptions_add(&e, name, &bad), 0);
}

int main(void)
{
	static const struct CMUnitTest tests[] = {
		cmocka_unit_test(names_and_all_below_them),
		cmocka_unit_test(networks_except_no_name),
		cmocka_unit_test(a_star_is_everybody),
		cmocka_unit_test(the_first_invalid_entry_is_reported),
		cmocka_unit_test(there_is_room_for_so_many),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
