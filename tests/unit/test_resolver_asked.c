/* Names that somebody is asked about get an address at once, and nothing about them leaves. */
#include "resolver_fixture.h"

#include "init/lib/fake_ip.h"
#include "init/lib/stand_ins.h"

static struct play *asking(void)
{
	struct play *p = play_new();
	struct rule_error e;

	allow(p, "good.test");
	allow(p, "*.wild.test");
	assert_int_equal(
		policy_add(&p->policy, "bad.test", RULE_DENY, ORIGIN_OPTION, NULL, NULL, &e),
		0);
	p->policy.overlay = mmap(NULL, sizeof(struct policy_overlay), PROT_READ | PROT_WRITE,
		MAP_SHARED | MAP_ANONYMOUS, -1, 0);
	assert_true(p->policy.overlay != MAP_FAILED);
	p->config.stand_ins = stand_ins_new();
	assert_non_null(p->config.stand_ins);
	strcpy(p->config.conf.search[0], "corp.example");
	p->config.conf.search_count = 1;
	p->config.conf.ndots = 5;
	play_start(p, false);
	policy_watch(&p->policy, true);
	return p;
}

/* The place that the answer's address has, or SIZE_MAX. */
static size_t place_of(struct play *p, const char *name)
{
	struct reply r = ask_for(p, name, DNS_A, false);
	struct address a = {.family = 4};
	size_t index;

	if (r.rcode != RCODE_NOERROR || r.count != 1)
		return SIZE_MAX;
	memcpy(a.bytes, r.answer.addresses[0], 4);
	return fake_ip_index(FAKE_IP_PROXY, &a, &index) && index >= FAKE_IP_ASKED
		       ? index - FAKE_IP_ASKED
		       : SIZE_MAX;
}

static void an_address_stands_for_a_name(void **state)
{
	struct play *p = asking();
	char name[NAME_TEXT];
	size_t place = place_of(p, "new.example");
	struct reply r;

	(void)state;
	assert_true(place < STAND_INS_NAMELESS);
	assert_int_equal(place_of(p, "new.example"), place);
	stand_ins_name(p->config.stand_ins, place, name);
	assert_string_equal(name, "new.example");
	assert_true(place_of(p, "other.example") != place);
	/* It has no other records. */
	r = ask_for(p, "new.example", DNS_AAAA, false);
	assert_int_equal(r.rcode, RCODE_NOERROR);
	assert_int_equal(r.count, 0);
	assert_int_equal(ask_for(p, "new.example", DNS_HTTPS, false).rcode, RCODE_NOERROR);
	assert_int_equal(ask_for(p, "new.example", DNS_TXT, false).rcode, RCODE_NXDOMAIN);
	drain(p, 50);
	assert_null(play_find(p, RESOLVER_PIN, "new.example"));
	assert_int_equal(shared->count, 0); /* nothing has left */
	play_end(p);
}

static void what_has_none(void **state)
{
	static const char *const names[] = {"bad.test", "ab.chatgpt.com",
		"_http._tcp.x.example",
		/* Made from good.test and www.example, which are tried next. */
		"good.test.corp.example", "www.example.corp.example"};
	struct play *p = asking();

	(void)state;
	for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++)
		assert_int_equal(place_of(p, names[i]), SIZE_MAX);
	assert_true(place_of(p, "git.corp.example") < STAND_INS_NAMELESS);
	assert_true(place_of(p, "a.b.c.d.e.f.corp.example") < STAND_INS_NAMELESS);
	/* Codex's own lookups at its start, A and AAAA. */
	assert_int_equal(place_of(p, "raw.githubusercontent.com"), SIZE_MAX);
	assert_int_equal(place_of(p, "raw.githubusercontent.com"), SIZE_MAX);
	assert_true(place_of(p, "raw.githubusercontent.com") < STAND_INS_NAMELESS);
	assert_int_equal(shared->count, 0);
	/* Allowed names have their own. */
	assert_int_equal(place_of(p, "good.test"), SIZE_MAX);
	assert_true(shared->count > 0);
	policy_watch(&p->policy, false);
	assert_int_equal(place_of(p, "new.example"), SIZE_MAX);
	assert_int_equal(ask_for(p, "new.example", DNS_A, false).rcode, RCODE_NXDOMAIN);
	play_end(p);
}

static void when_it_is_allowed_it_is_looked_up(void **state)
{
	struct play *p = asking();
	struct policy_change change;
	struct rule_error e;

	(void)state;
	assert_true(place_of(p, "new.example") < STAND_INS_NAMELESS);
	assert_int_equal(
		policy_say(&p->policy, "new.example", RULE_ALLOW, NULL, NULL, &change, &e), 0);
	assert_int_equal(place_of(p, "new.example"), SIZE_MAX);
	assert_non_null(play_find(p, RESOLVER_PIN, "new.example"));
	assert_int_equal(
		policy_say(&p->policy, "new.example", RULE_DENY, NULL, NULL, &change, &e), 0);
	assert_int_equal(ask_for(p, "new.example", DNS_A, false).rcode, RCODE_NXDOMAIN);
	play_end(p);
}

/* Each gets an address at once; those that are known keep theirs. */
static void a_flood_of_names(void **state)
{
	struct play *p = asking();
	size_t place = place_of(p, "new.example");
	char name[32];

	(void)state;
	for (int i = 0; i < 2 * LIMIT_STAND_INS; i++) {
		snprintf(name, sizeof(name), "n%d.example", i);
		assert_true(place_of(p, name) <= STAND_INS_NAMELESS);
	}
	assert_int_equal(place_of(p, "new.example"), place);
	assert_int_equal(place_of(p, "later.example"), STAND_INS_NAMELESS);
	assert_int_equal(ask_for(p, "good.test", DNS_A, false).rcode, RCODE_NOERROR);
	play_end(p);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(an_address_stands_for_a_name),
		cmocka_unit_test(what_has_none),
		cmocka_unit_test(when_it_is_allowed_it_is_looked_up),
		cmocka_unit_test(a_flood_of_names),
	};

	return cmocka_run_group_tests(tests, dns_begin, dns_end);
}
