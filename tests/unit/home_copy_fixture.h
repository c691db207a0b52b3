/* home_prepare() as the tests call it. */
#ifndef TESTS_UNIT_HOME_COPY_FIXTURE_H
#define TESTS_UNIT_HOME_COPY_FIXTURE_H

#include "home_fixture.h"

#include <signal.h>
#include <sys/socket.h>
#include <sys/un.h>

#include "../../init/home/advice.h"
#include "../../init/lib/limits.h"

static __attribute__((unused)) int prepare(void *context, void *result, struct failure *f)
{
	return home_prepare(context, result, f);
}

static __attribute__((unused)) struct home_result result;
static __attribute__((unused)) struct failure why;

static __attribute__((unused)) int run_from(const struct tree *t, const char *from)
{
	char home[PATH_MAX], source[PATH_MAX];
	char etc[PATH_MAX];
	struct home_request r = {.home = home, .etc = etc, .uid = USER, .gid = GROUP};

	snprintf(home, sizeof(home), "%s", at(t, "home"));
	snprintf(etc, sizeof(etc), "%s", at(t, "etc"));
	if (from) {
		snprintf(source, sizeof(source), "%s", from);
		r.from = source;
	}
	result = (struct home_result){0};
	return limited(prepare, &r, &result, sizeof(result), &why);
}

static __attribute__((unused)) int run(const struct tree *t)
{
	return run_from(t, at(t, "in"));
}

static __attribute__((unused)) void must_work(const struct tree *t)
{
	if (run(t) < 0)
		fail_msg("%s: %s: %s", why.operation, why.subject, why.reason);
}

/* Fails for this reason and leaves the home unchanged. */
static __attribute__((unused)) void must_fail(const struct tree *t, const char *reason)
{
	unsigned before = entries(at(t, "home"));

	assert_int_equal(run(t), -1);
	assert_in(why.reason, reason);
	assert_int_equal(entries(at(t, "home")), before);
	assert_false(result.hook);
}

#define T(name) cmocka_unit_test_setup_teardown(name, tree_make, tree_remove)

#endif
