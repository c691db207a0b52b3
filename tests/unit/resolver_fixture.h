/* What the resolver's tests have beyond dns_fixture.h. */
#ifndef TESTS_UNIT_RESOLVER_FIXTURE_H
#define TESTS_UNIT_RESOLVER_FIXTURE_H

#include "dns_fixture.h"
#include "init/resolver/cache.h"

static __attribute__((unused)) struct play *serving(const char *const *rules, bool boot)
{
	struct play *p = play_new();

	for (; *rules; rules++)
		allow(p, *rules);
	play_start(p, boot);
	if (boot)
		play_booted(p);
	return p;
}

#define SERVING(boot, ...) serving((const char *const[]){__VA_ARGS__, NULL}, boot)

#endif
