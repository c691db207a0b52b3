/* Search domains: which names they are for, and that what libc asks with them is no refusal. */
#include "dns_fixture.h"

static struct play *searching(const char *rule, unsigned ndots)
{
	struct play *p = play_new();
	struct resolvconf *c = &p->config.conf;

	allow(p, rule);
	strcpy(c->search[0], "nx.corp.test");
	strcpy(c->search[1], "corp.test");
	c->search_count = 2;
	c->ndots = ndots;
	return p;
}

static void test_a_name_of_one_label_is_searched(void **state)
{
	struct play *p = searching("build", 1);
	uint8_t expected[4];
	struct reply r;

	(void)state;
	play_start(p, true);
	assert_int_equal(play_booted(p), 1);
	address_for("build.corp.test", expected);
	assert_memory_equal(
		play_find(p, RESOLVER_PIN, "build")->addresses[0].bytes, expected, 4);
	r = ask_for(p, "build", DNS_A, false);
	assert_int_equal(r.answer.count, 1);
	assert_memory_equal(r.answer.addresses[0], expected, 4);
	/* In the order of the list, and not beyond the first that exists. */
	assert_int_equal(seen("build.nx.corp.test", DNS_A), 1);
	assert_int_equal(seen("build.corp.test", DNS_A), 1);
	assert_int_equal(seen("build", 0), 0);
	/* The searched name may not be queried by the payload. */
	assert_int_equal(ask_for(p, "build.corp.test", DNS_A, false).rcode, RCODE_NXDOMAIN);
	play_end(p);
}

static void test_a_private_name_with_fewer_dots_than_ndots(void **state)
{
	struct play *p = searching("db.team:5432+private", 5);

	(void)state;
	play_start(p, true);
	assert_int_equal(play_booted(p), 1);
	assert_int_equal(seen("db.team.corp.test", DNS_A), 1);
	assert_int_equal(seen("db.team", 0), 0);
	play_end(p);
}

static void test_a_private_name_with_enough_dots(void **state)
{
	struct play *p = searching("nx.team:5432+private", 1);

	(void)state;
	play_start(p, true);
	assert_int_equal(play_booted(p), 0);
	/* The name itself first; it doesn't exist, so the domains follow. */
	assert_string_equal(shared->log[0].name, "nx.team");
	assert_int_equal(seen("nx.team.corp.test", DNS_A), 1);
	assert_int_equal(seen("nx.team.nx.corp.test", DNS_A), 1);
	play_end(p);
}

/*
 * libc also queries a public name with the domains appended, and clients of some services
 * one with the service prepended. All of that is refused; but if the name itself is allowed,
 * it isn't reported.
 */
static void what_goes_with_an_allowed_name(bool audit)
{
	static const struct {
		const char *name;
		bool told;
	} cases[] = {
		{"good.test.corp.test", false},
		{"good.test.nx.corp.test", false},
		{"below.wild.test.corp.test", false},
		{"_http._tcp.good.test", false},
		{"_mongodb._tcp.good.test.corp.test", false},
		{"other.test", true},
		{"other.test.corp.test", true},
		{"good.test.elsewhere.test", true},
		{"x.good.test.corp.test", true},
		{"_http._tcp.other.test", true},
		{"_x.corp.test", true},
		{"corp.test", true},
		{"denied.test.corp.test", true},
		{"good.test.denied.corp.test", true},
	};
	static const char *const denied[] = {"denied.test", "*.denied.corp.test"};
	struct play *p = searching("good.test", 1);
	struct rule_error e;

	allow(p, "*.wild.test");
	for (size_t i = 0; i < 2; i++)
		assert_int_equal(policy_add(&p->policy, denied[i], RULE_DENY, ORIGIN_OPTION,
					 NULL, NULL, &e),
			0);
	strcpy(p->config.conf.search[p->config.conf.search_count++], "denied.corp.test");
	p->config.audit = audit;
	play_start(p, true);
	play_booted(p);
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		const char *name = cases[i].name;
		unsigned asked = seen(name, 0);
		struct reply r = ask_for(p, name, DNS_A, true);

		if (!audit) {
			assert_int_equal(r.rcode, RCODE_NXDOMAIN);
			assert_int_equal(seen(name, 0), asked);
			if (has_text(&r, "is allowed, ") == cases[i].told)
				fail_msg("%s", name);
		}
		ask_for(p, name, DNS_A, false);
		drain(p, 50);
		if ((play_find(p, RESOLVER_REFUSED, name) != NULL) != cases[i].told)
			fail_msg("%s", name);
	}
	play_end(p);
}

static void test_what_belongs_to_an_allowed_name_is_not_reported(void **state)
{
	(void)state;
	what_goes_with_an_allowed_name(false);
}

static void test_nor_is_it_in_audit_mode(void **state)
{
	(void)state;
	what_goes_with_an_allowed_name(true);
}

/* A public name isn't combined with the list. */
static void test_a_public_name_is_not_searched(void **state)
{
	struct play *p = searching("nx.example.test", 5);

	(void)state;
	play_start(p, true);
	assert_int_equal(play_booted(p), 0);
	for (unsigned i = 0; i < shared->count; i++)
		assert_string_equal(shared->log[i].name, "nx.example.test");
	play_end(p);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_a_name_of_one_label_is_searched),
		cmocka_unit_test(test_a_private_name_with_fewer_dots_than_ndots),
		cmocka_unit_test(test_a_private_name_with_enough_dots),
		cmocka_unit_test(test_what_belongs_to_an_allowed_name_is_not_reported),
		cmocka_unit_test(test_nor_is_it_in_audit_mode),
		cmocka_unit_test(test_a_public_name_is_not_searched),
	};

	return cmocka_run_group_tests(tests, dns_begin, dns_end);
}
