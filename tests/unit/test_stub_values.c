/* The values of options that go on to the engine: what is one, and what isn't. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include "../../stub/values.h"

typedef const char *check(const char *);

static void all(check *why, const char *const *texts, bool good)
{
	for (; *texts; texts++)
		if ((why(*texts) == NULL) != good)
			fail_msg("%s: %s", *texts, good ? why(*texts) : "was taken");
}
#define GOOD(why, ...) all(why, (const char *const[]){__VA_ARGS__, NULL}, true)
#define BAD(why, ...)  all(why, (const char *const[]){__VA_ARGS__, NULL}, false)

static void amounts_of_memory(void **state)
{
	(void)state;
	GOOD(values_bytes, "1", "512m", "4g", "64K", "100b", "999999999999999999");
	BAD(values_bytes, "", "m", "0", "0m", "-1", "+1", " 1", "1 ", "1mb", "1.5g", "1t",
		"1m,x", "9999999999999999999", "1\n");
}

static void numbers_of_processors(void **state)
{
	(void)state;
	GOOD(values_processors, "1", "2", "1.5", "0.25", "01");
	BAD(values_processors, "", "0", "0.0", ".5", "1.", "1.555", "-1", "1e3", "1,5", "all",
		"1.5 ", "9999999999999999999");
}

static void lines_of_a_hosts_file(void **state)
{
	(void)state;
	GOOD(values_host, "db:10.1.2.3", "a.b-c.test:::1", "a:[2001:db8::1]", "a:host-gateway",
		"postgres_db:10.0.0.1");
	BAD(values_host, "", "db", "db:", ":10.1.2.3", "db:10.1.2", "db:10.1.2.3 x",
		"-h:10.1.2.3", "a b:10.1.2.3", "a:[::1", "a:[]", "a:other", "a=10.1.2.3",
		"a\n:10.1.2.3", "db:10.1.2.3\n1.2.3.4 api.openai.com");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(amounts_of_memory),
		cmocka_unit_test(numbers_of_processors),
		cmocka_unit_test(lines_of_a_hosts_file),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
