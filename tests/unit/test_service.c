/* Services (SRV) of allowed names, and their text: what is queried, and what is answered. */
#include "dns_fixture.h"

#define SRV "_mongodb._tcp.cluster.test"

static struct play *serving(const char *const *rules)
{
	struct play *p = play_new();

	for (; *rules; rules++)
		allow(p, *rules);
	play_start(p, false);
	return p;
}
#define SERVING(...) serving((const char *const[]){__VA_ARGS__, NULL})

/* Only targets that the rules allow, on their ports; others are reported. */
static void test_targets_are_held_to_the_rules(void **state)
{
	struct play *p = SERVING("cluster.test", "a.cluster.test:27017");
	const struct resolver_message *m;
	struct reply r = ask_for(p, SRV, DNS_SRV, true);

	(void)state;
	assert_int_equal(r.outcome, OUTCOME_ADDRESSES);
	assert_int_equal(r.answer.count, 1);
	assert_string_equal(r.answer.services[0].target, "a.cluster.test");
	assert_int_equal(r.answer.services[0].port, 27017);
	assert_int_equal(r.answer.services[0].priority, 1);
	assert_int_equal(r.answer.services[0].weight, 2);
	assert_in_range(r.answer.ttl, 1, 60);
	drain(p, 50);
	m = play_find(p, RESOLVER_REFUSED, "b.evil.test");
	assert_non_null(m);
	assert_int_equal(m->reason, REASON_TARGET);
	assert_int_equal(m->port, 27017);
	m = play_find(p, RESOLVER_REFUSED, "a.cluster.test");
	assert_int_equal(m->port, 27018);
	/* Cached like any answer. */
	assert_int_equal(ask_for(p, SRV, DNS_SRV, false).answer.count, 1);
	assert_int_equal(shared->count, 1);
	/* It opens nothing by itself. */
	assert_null(play_find(p, RESOLVER_PIN, "a.cluster.test"));
	play_end(p);
}

static void test_targets_elsewhere(void **state)
{
	struct play *p = SERVING("away.test", "*.a.wild.test");
	struct reply r = ask_for(p, "_mongodb._tcp.away.test", DNS_SRV, true);

	(void)state;
	assert_int_equal(r.rcode, RCODE_NOERROR);
	assert_int_equal(r.count, 0);
	assert_true(has_text(&r, "b.evil.test, port 27017, which is not allowed"));
	assert_true(has_text(&r, "add --allow b.evil.test:27017"));
	/* apt works without. */
	p->count = 0;
	ask_for(p, "_http._tcp.away.test", DNS_SRV, true);
	drain(p, 50);
	for (unsigned i = 0; i < p->count; i++)
		assert_int_not_equal(p->got[i].reason, REASON_TARGET);
	play_end(p);
}

/* Only for a name that has a service. */
static void test_text(void **state)
{
	struct play *p = SERVING("cluster.test", "*.cluster.test:27017", "other.test");
	struct reply r = ask_for(p, "cluster.test", DNS_TXT, true);

	(void)state;
	assert_int_equal(r.rcode, RCODE_NOERROR);
	assert_int_equal(r.count, 0);
	assert_int_equal(shared->count, 0);
	assert_int_equal(ask_for(p, SRV, DNS_SRV, true).answer.count, 1);
	r = ask_for(p, "cluster.test", DNS_TXT, true);
	assert_int_equal(r.count, 1);
	assert_true(has_text(&r, "\25replicaSet=shard&x=y1"));
	assert_int_equal(shared->count, 2);
	assert_int_equal(ask_for(p, "other.test", DNS_TXT, true).count, 0);
	assert_int_equal(ask_for(p, "a.cluster.test", DNS_TXT, true).count, 0);
	assert_int_equal(shared->count, 2);
	play_end(p);
}

/* The service is from a closed list, and the name an allowed one. */
static void test_nothing_else_leaves(void **state)
{
	static const char *const names[] = {"_secret._tcp.cluster.test",
		"_mongodb._udp.cluster.test", "_mongodb._tcp.other.test", "_mongodb._tcp",
		"_mongodb._tcp.sub.cluster.test", "x._mongodb._tcp.cluster.test",
		"_mongodb.cluster.test", "_mongodbx._tcp.cluster.test",
		"_mongodb._tcp._mongodb._tcp.cluster.test"};
	struct play *p = SERVING("cluster.test");

	(void)state;
	for (size_t i = 0; i < sizeof(names) / sizeof(*names); i++)
		assert_int_equal(ask_for(p, names[i], DNS_SRV, true).rcode, RCODE_NXDOMAIN);
	assert_int_equal(ask_for(p, SRV, DNS_TXT, true).rcode, RCODE_NXDOMAIN);
	assert_int_equal(ask_for(p, SRV, DNS_A, true).rcode, RCODE_NXDOMAIN);
	assert_int_equal(ask_for(p, "cluster.test", DNS_SRV, true).count, 0);
	assert_int_equal(shared->count, 0);
	play_end(p);
}

static void test_a_service_that_is_not_there(void **state)
{
	struct play *p = SERVING("none.test");

	(void)state;
	for (int i = 0; i < 3; i++)
		assert_int_equal(ask_for(p, "_mongodb._tcp.none.test", DNS_SRV, true).rcode,
			RCODE_NXDOMAIN);
	assert_int_equal(shared->count, 1);
	assert_int_equal(ask_for(p, "none.test", DNS_TXT, true).count, 0);
	assert_int_equal(shared->count, 1);
	play_end(p);
}

/* They count towards the same limit as addresses, of the name or of its wildcard. */
static void test_they_are_rationed(void **state)
{
	struct play *p = SERVING("*.wild.test");
	struct reply r = {0};
	char name[64];
	int i;

	(void)state;
	for (i = 0; i <= LIMIT_WILDCARD_QUESTIONS && r.rcode == RCODE_NOERROR; i++) {
		snprintf(name, sizeof(name), "%sn%d.wild.test", i % 2 ? "_mongodb._tcp." : "",
			i);
		r = ask_for(p, name, i % 2 ? DNS_SRV : DNS_A, true);
	}
	assert_int_equal(shared->count, LIMIT_WILDCARD_QUESTIONS);
	assert_int_equal(i, LIMIT_WILDCARD_QUESTIONS + 1);
	assert_true(has_text(&r, "more than 120 questions"));
	play_end(p);
}

/* More than there are places for: the oldest are dropped, and no answer is lost. */
static void test_more_than_there_are_places_for(void **state)
{
	struct play *p = SERVING("*.wild.test", "*.cluster.test:27017");
	char name[64];

	(void)state;
	for (int i = 0; i < LIMIT_SERVICES + 5; i++) {
		snprintf(name, sizeof(name), "_mongodb._tcp.n%d.wild.test", i);
		assert_int_equal(ask_for(p, name, DNS_SRV, true).answer.count, 1);
	}
	assert_int_equal(ask_for(p, name, DNS_SRV, true).answer.count, 1);
	assert_int_equal(shared->count, LIMIT_SERVICES + 5);
	play_end(p);
}

/* Many clients at once: one query. */
static void test_one_question_for_all(void **state)
{
	struct play *p = SERVING("cluster.test", "a.cluster.test:27017");
	int fd[20];

	(void)state;
	shared->delay_ms = 200;
	for (int i = 0; i < 20; i++) {
		fd[i] = client_socket(p, SOCK_DGRAM);
		client_send(fd[i], (uint16_t)i, SRV, DNS_SRV, true);
	}
	for (int i = 0; i < 20; i++) {
		struct reply r;

		client_take(p, fd[i], (uint16_t)i, SRV, DNS_SRV, 3000, &r);
		assert_int_equal(r.answer.count, 1);
		close(fd[i]);
	}
	assert_int_equal(shared->count, 1);
	play_end(p);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_targets_are_held_to_the_rules),
		cmocka_unit_test(test_targets_elsewhere),
		cmocka_unit_test(test_text),
		cmocka_unit_test(test_nothing_else_leaves),
		cmocka_unit_test(test_a_service_that_is_not_there),
		cmocka_unit_test(test_they_are_rationed),
		cmocka_unit_test(test_more_than_there_are_places_for),
		cmocka_unit_test(test_one_question_for_all),
	};

	return cmocka_run_group_tests(tests, dns_begin, dns_end);
}
