/* The resolver: what becomes of an answer before the client gets it. */
#include "resolver_fixture.h"

static void test_other_types_are_empty_and_stay_here(void **state)
{
	struct play *p = SERVING(true, "good.test", "*.wild.test");
	unsigned before = shared->count;
	static const uint16_t types[] = {2, 5, 10, 15, 16, 33, 64, 65, 255, 257};

	(void)state;
	for (size_t i = 0; i < sizeof(types) / sizeof(*types); i++) {
		struct reply r = ask_for(p, "good.test", types[i], true);

		assert_int_equal(r.rcode, RCODE_NOERROR);
		assert_int_equal(r.count, 0);
		r = ask_for(p, "secret.wild.test", types[i], true);
		assert_int_equal(r.rcode, RCODE_NOERROR);
		assert_int_equal(r.count, 0);
	}
	assert_int_equal(shared->count, before);
	play_end(p);
}

/* musl fails completely on NXDOMAIN for AAAA, and waits half a minute on SERVFAIL. */
static void test_absent_aaaa_is_empty(void **state)
{
	static const char *const names[] = {"v4only.test", "nx6.test", "lame.test"};
	struct play *p = SERVING(false, "v4only.test", "nx6.test", "lame.test");

	(void)state;
	for (size_t i = 0; i < 3; i++) {
		struct reply r = ask_for(p, names[i], DNS_A, false);

		assert_int_equal(r.answer.count, 1);
		r = ask_for(p, names[i], DNS_AAAA, false);
		assert_int_equal(r.rcode, RCODE_NOERROR);
		assert_int_equal(r.count, 0);
	}
	play_end(p);
}

static void test_absent_name(void **state)
{
	struct play *p = SERVING(true, "nx.test");
	unsigned before = shared->count;
	struct reply r = ask_for(p, "nx.test", DNS_A, true);

	(void)state;
	assert_int_equal(r.rcode, RCODE_NXDOMAIN);
	assert_false(has_text(&r, "allow")); /* it is allowed; it does not exist */
	r = ask_for(p, "nx.test", DNS_AAAA, false);
	assert_int_equal(r.rcode, RCODE_NOERROR);
	assert_int_equal(shared->count, before); /* both kept, RFC 2308 */
	play_end(p);
}

/* The order that everything depends on: no answer before PID 1 has acknowledged the pin. */
static void test_pin_comes_before_the_answer(void **state)
{
	struct play *p = SERVING(false, "*.wild.test");
	int fd = client_socket(p, SOCK_DGRAM);
	const struct resolver_message *m;
	struct reply r;

	(void)state;
	p->hold = true;
	client_send(fd, 7, "a.wild.test", DNS_A, false);
	client_take(p, fd, 7, "a.wild.test", DNS_A, 400, &r);
	assert_int_equal(r.len, 0);
	m = play_find(p, RESOLVER_PIN, "a.wild.test");
	assert_non_null(m);
	/* Nobody else gets it either meanwhile. */
	client_send(fd, 8, "a.wild.test", DNS_A, false);
	client_take(p, fd, 8, "a.wild.test", DNS_A, 200, &r);
	assert_int_equal(r.len, 0);
	play_acknowledge(p, m);
	for (int i = 0; i < 2; i++) {
		client_take(p, fd, 0, "a.wild.test", DNS_A, 1000, &r);
		assert_true(r.len > 0);
		assert_int_equal(r.count, 1);
	}
	assert_int_equal(seen("a.wild.test", 0), 1);
	close(fd);
	play_end(p);
}

static void test_what_pid1_does_not_open_is_not_answered(void **state)
{
	struct play *p = SERVING(false, "*.wild.test");
	struct reply r;

	(void)state;
	p->accept = 0;
	r = ask_for(p, "a.wild.test", DNS_A, false);
	assert_int_equal(r.count, 0);
	assert_int_equal(r.rcode, RCODE_NXDOMAIN);
	play_end(p);
}

static void test_private_answers_are_dropped(void **state)
{
	struct play *p = SERVING(false, "private.test", "mixed.test");
	struct reply r = ask_for(p, "private.test", DNS_A, true);

	(void)state;
	assert_int_equal(r.count, 0);
	assert_true(has_text(&r, "+private"));
	assert_null(play_find(p, RESOLVER_PIN, "private.test"));
	r = ask_for(p, "mixed.test", DNS_A, true);
	assert_int_equal(r.count, 1);
	assert_int_equal(r.answer.addresses[0][0], 93);
	assert_non_null(play_find(p, RESOLVER_DROPPED, "mixed.test"));
	play_end(p);
}

static void test_aliases_are_flattened(void **state)
{
	struct play *p = SERVING(false, "alias.test");
	struct reply r = ask_for(p, "alias.test", DNS_A, false);

	(void)state;
	assert_int_equal(r.count, 1);
	assert_int_equal(r.outcome, OUTCOME_ADDRESSES);
	assert_true(r.answer.ttl <= 77); /* the lowest TTL of the chain */
	assert_null(play_find(p, RESOLVER_PIN, "end.test"));
	play_end(p);
}

/* One upstream query for many clients at the same time. */
static void test_single_flight(void **state)
{
	struct play *p = SERVING(false, "*.wild.test");
	int fd[50];

	(void)state;
	shared->delay_ms = 200;
	for (int i = 0; i < 50; i++) {
		fd[i] = client_socket(p, SOCK_DGRAM);
		client_send(fd[i], (uint16_t)(500 + i), "a.wild.test", DNS_A, false);
	}
	for (int i = 0; i < 50; i++) {
		struct reply r;

		client_take(p, fd[i], (uint16_t)(500 + i), "a.wild.test", DNS_A, 3000, &r);
		assert_int_equal(r.answer.count, 1);
		close(fd[i]);
	}
	assert_int_equal(seen("a.wild.test", 0), 1);
	play_end(p);
}

static void test_short_ttl_expires(void **state)
{
	struct play *p = SERVING(false, "rotate.test");
	struct reply a = ask_for(p, "rotate.test", DNS_A, false), b;

	(void)state;
	assert_true(a.answer.ttl >= 1 && a.answer.ttl <= CACHE_TTL_FLOOR);
	b = ask_for(p, "rotate.test", DNS_A, false);
	assert_memory_equal(a.answer.addresses[0], b.answer.addresses[0], 4);
	/* In use: refreshed before it expires, so nobody ever waits. */
	drain(p, CACHE_TTL_FLOOR * 1000 + 200);
	assert_int_equal(seen("rotate.test", DNS_A), 2);
	b = ask_for(p, "rotate.test", DNS_A, false);
	assert_memory_not_equal(a.answer.addresses[0], b.answer.addresses[0], 4);
	play_end(p);
}

/* RFC 8767: the upstreams are down; the old answer is served after it was pinned again. */
static void test_stale_answer_when_upstream_is_down(void **state)
{
	struct play *p = SERVING(false, "rotate.test");
	struct reply a = ask_for(p, "rotate.test", DNS_A, false), b;
	unsigned pins = 0;

	(void)state;
	shared->down[0] = true;
	drain(p, CACHE_TTL_FLOOR * 1000 + 200);
	b = ask_for(p, "rotate.test", DNS_A, true);
	assert_int_equal(b.answer.count, 1);
	assert_memory_equal(a.answer.addresses[0], b.answer.addresses[0], 4);
	assert_in_range(b.answer.ttl, 1, CACHE_STALE_TTL);
	for (unsigned i = 0; i < p->count; i++)
		pins += p->got[i].type == RESOLVER_PIN;
	assert_int_equal(pins, 2);
	/* The upstream was queried before without success, more than once. */
	assert_true(seen("rotate.test", DNS_A) >= 3);
	play_end(p);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_other_types_are_empty_and_stay_here),
		cmocka_unit_test(test_absent_aaaa_is_empty),
		cmocka_unit_test(test_absent_name),
		cmocka_unit_test(test_pin_comes_before_the_answer),
		cmocka_unit_test(test_what_pid1_does_not_open_is_not_answered),
		cmocka_unit_test(test_private_answers_are_dropped),
		cmocka_unit_test(test_aliases_are_flattened),
		cmocka_unit_test(test_single_flight),
		cmocka_unit_test(test_short_ttl_expires),
		cmocka_unit_test(test_stale_answer_when_upstream_is_down),
	};

	return cmocka_run_group_tests(tests, dns_begin, dns_end);
}
