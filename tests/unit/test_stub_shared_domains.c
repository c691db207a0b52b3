/* Where a wildcard may be proposed. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include "../../stub/commands/shared_domains.h"

static void all(const char *const *domains, bool wanted)
{
	for (; *domains; domains++)
		if (shared_domains_one_owner(*domains) != wanted)
			fail_msg("%s", *domains);
}
#define ONE(...)  all((const char *const[]){__VA_ARGS__, NULL}, true)
#define MANY(...) all((const char *const[]){__VA_ARGS__, NULL}, false)

static void a_label_more_than_is_given_away(void **state)
{
	(void)state;
	ONE("b.example.org", "cdn.example.com", "a.b.c.example.net", "a.example.co.uk",
		"x.city.pref.jp");
	MANY("", "org", "example.org", "co.uk", "example.co.uk", "city.pref.jp",
		"cdn.example.io", "github.io");
}

static void not_among_customers_of_a_host(void **state)
{
	(void)state;
	MANY("s3.amazonaws.com", "s3.eu-west-1.amazonaws.com", "bucket.s3.amazonaws.com",
		"blob.core.windows.net", "a.run.app", "global.ssl.fastly.net", "app.github.dev",
		"up.railway.app", "lambda-url.us-east-1.on.aws", "s3.fr-par.scw.cloud",
		"us-east-1.elasticbeanstalk.com", "storage.yandexcloud.net",
		"public.blob.vercel-storage.com");
	ONE("s3.notamazonaws.com", "run.app.example.com");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_label_more_than_is_given_away),
		cmocka_unit_test(not_among_customers_of_a_host),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
