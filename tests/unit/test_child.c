/*
 * Work in a child: what it says comes back, and one that is stopped, as a payload of its uid
 * can do, keeps nobody waiting.
 */
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>
#include <unistd.h>

#include "../../init/home/child.h"

#include <cmocka.h>

/* Only a test that hangs is as slow. */
#define DEADLINE 60

static int count(void *context, void *result, struct failure *f)
{
	(void)f;
	*(int *)result += *(const int *)context;
	return 0;
}

static int stop(void *context, void *result, struct failure *f)
{
	(void)context;
	(void)result;
	(void)f;
	return raise(SIGSTOP);
}

static void its_result_comes_back(void **state)
{
	int more = 2, result = 3;
	struct failure f = {0};

	(void)state;
	assert_int_equal(child_run(count, &more, &result, sizeof(result), &f), 0);
	assert_int_equal(result, 5);
}

static void one_that_is_stopped_is_ended(void **state)
{
	struct failure f = {0};

	(void)state;
	alarm(DEADLINE);
	assert_int_equal(child_run(stop, NULL, NULL, 0, &f), -1);
	assert_string_equal(f.reason, "signal 9 ended it");
	assert_int_equal(child_run_for(DEADLINE * 1000, stop, NULL, &f), -1);
	assert_string_equal(f.reason, "signal 9 ended it");
	alarm(0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(its_result_comes_back),
		cmocka_unit_test(one_that_is_stopped_is_ended),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
