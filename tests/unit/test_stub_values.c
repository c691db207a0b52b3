/* Values of options that are passed on to the engine: valid and invalid ones. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>
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

static void publication_is(
	const char *text, const char *address, unsigned outside, unsigned inside, bool loopback)
{
	struct publication p;
	const char *why = values_publish(text, &p);

	if (why)
		fail_msg("%s: %s", text, why);
	assert_string_equal(p.address, address);
	assert_int_equal(p.outside, outside);
	assert_int_equal(p.inside, inside);
	assert_int_equal(p.loopback, loopback);
}

static const char *no_publication(const char *text)
{
	struct publication p;

	return values_publish(text, &p);
}

static void published_ports(void **state)
{
	(void)state;
	publication_is("3000", "127.0.0.1", 3000, 3000, true);
	publication_is("8080:3000", "127.0.0.1", 8080, 3000, true);
	publication_is("127.0.0.2:1:65535", "127.0.0.2", 1, 65535, true);
	publication_is("0.0.0.0:3000", "0.0.0.0", 3000, 3000, false);
	publication_is("192.168.1.5:80:8080", "192.168.1.5", 80, 8080, false);
	publication_is("[::1]:5", "::1", 5, 5, true);
	publication_is("[::]:5:6", "::", 5, 6, false);
	BAD(no_publication, "", "0", "65536", "a", "3000:", ":3000", "1:2:3", "1.2.3:4",
		"1.2.3.4", "1.2.3.4:", "1.2.3.4:0", "[::1]", "[::1:5", "::1:5", "[1.2.3.4]:5",
		"3000/udp", "3000-3010", "1.2.3.4:1:2:3", "localhost:3000", "+1", "03000",
		"[1111:1111:1111:1111:1111:1111:1111:1111:1111:1111:1111]:5");
}

static void digests(void **state)
{
	(void)state;
	GOOD(values_sha256, "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855");
	BAD(values_sha256, "", "e3b0c442",
		"e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b85",
		"e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b8555",
		"E3B0C44298FC1C149AFBF4C8996FB92427AE41E4649B934CA495991B7852B855",
		"g3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855",
		"e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b85 ");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(amounts_of_memory),
		cmocka_unit_test(numbers_of_processors),
		cmocka_unit_test(lines_of_a_hosts_file),
		cmocka_unit_test(published_ports),
		cmocka_unit_test(digests),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
