/*
 * The resolver's queries, and how it treats unexpected responses: letter case ("0x20"),
 * forgeries, addresses of other names, stale answers.
 */
#include "dns_fixture.h"
#include "init/resolver/cache.h"
#include "init/lib/sockaddr.h"

/* With the upstream that isn't on loopback. */
static struct play *outside(const char *rule)
{
	struct play *p = play_new();

	allow(p, rule);
	p->config.conf.upstreams[0] = server_endpoint(OUTSIDE);
	return p;
}

static unsigned large_letters(void)
{
	unsigned n = 0;

	for (unsigned i = 0; i < shared->count; i++)
		n += shared->log[i].large;
	return n;
}

static void test_letters_are_mixed(void **state)
{
	struct play *p = outside("*.wild.test");
	char name[64];

	(void)state;
	play_start(p, false);
	for (int i = 0; i < 20; i++) {
		snprintf(name, sizeof(name), "abcdefghij-%d.wild.test", i);
		assert_int_equal(ask_for(p, name, DNS_A, false).answer.count, 1);
	}
	/* 18 letters in each of 20 questions: half of 360, within ten standard deviations. */
	assert_in_range(large_letters(), 180 - 95, 180 + 95);
	assert_int_equal(shared->count, 20);
	play_end(p);
}

/* Programs in the container can send there as well as the engine's resolver. */
static void test_letters_are_mixed_on_loopback_too(void **state)
{
	struct play *p = play_new();

	(void)state;
	allow(p, "abcdefghijklmnopqrstuvwxyz.test");
	play_start(p, true);
	assert_int_equal(play_booted(p), 1);
	assert_in_range(large_letters(), 1, 2 * 30 - 1);
	play_end(p);
}

/* After two responses, an upstream that never kept letter case is recognised, and queried in
 * lower case from then on. */
static void test_an_upstream_that_loses_letters(void **state)
{
	struct play *p = outside("*.wild.test");
	unsigned first;

	(void)state;
	shared->small = true;
	play_start(p, false);
	assert_int_equal(ask_for(p, "abcdefghij.wild.test", DNS_A, false).answer.count, 1);
	first = large_letters();
	assert_true(first > 0);
	for (int i = 0; i < 3; i++)
		assert_int_equal(
			ask_for(p, i ? i > 1 ? "ab.wild.test" : "cd.wild.test" : "ef.wild.test",
				DNS_A, false)
				.answer.count,
			1);
	assert_int_equal(large_letters(), first);
	assert_int_equal(shared->count, 5); /* and only the first was queried twice */
	assert_int_not_equal(shared->log[0].port, shared->log[1].port);
	play_end(p);
}

/*
 * Once an upstream keeps letter case, a response in another case is a forgery, even with the
 * right id: the resolver doesn't fall back to lower case, but to TCP after two of them.
 */
static void test_another_spelling_is_a_forgery(void **state)
{
	struct play *p = outside("*.test.example");
	uint8_t expected[4];
	unsigned before;
	struct reply r;

	(void)state;
	play_start(p, false);
	assert_int_equal(ask_for(p, "first.test.example", DNS_A, false).answer.count, 1);
	address_for("respelt.test.example", expected);
	r = ask_for(p, "respelt.test.example", DNS_A, false);
	assert_int_equal(r.answer.count, 1);
	assert_memory_equal(r.answer.addresses[0], expected, 4);
	assert_int_equal(seen("respelt.test.example", DNS_A), 3);
	assert_true(shared->log[shared->count - 1].tcp);
	/* Eleven letters and more: all in lower case once in 2,048 times, twice never. */
	assert_true(shared->log[1].large + shared->log[2].large > 0);
	before = large_letters();
	assert_int_equal(ask_for(p, "abcdefghijk.test.example", DNS_A, false).count, 1);
	assert_true(large_letters() > before);
	drain(p, 1200);
	assert_int_equal(play_find(p, RESOLVER_UNSOLICITED, "")->reason, REASON_GUESSED);
	play_end(p);
}

/* The upstream is replaced: names still resolve, after one more attempt by TCP. */
static void test_an_upstream_that_no_longer_keeps_letters(void **state)
{
	struct play *p = outside("*.wild.test");

	(void)state;
	play_start(p, false);
	assert_int_equal(ask_for(p, "first.wild.test", DNS_A, false).answer.count, 1);
	shared->small = true;
	assert_int_equal(ask_for(p, "abcdefghij.wild.test", DNS_A, false).answer.count, 1);
	assert_int_equal(seen("abcdefghij.wild.test", DNS_A), 3);
	assert_int_equal(ask_for(p, "bcdefghijk.wild.test", DNS_A, false).answer.count, 1);
	assert_int_equal(seen("bcdefghijk.wild.test", DNS_A), 1);
	play_end(p);
}

/* ... and if it has no TCP either, after that many consecutive responses like that. */
static void test_an_upstream_that_no_longer_keeps_letters_without_tcp(void **state)
{
	struct play *p = outside("*.wild.test");

	(void)state;
	play_start(p, false);
	assert_int_equal(ask_for(p, "first.wild.test", DNS_A, false).answer.count, 1);
	shared->small = shared->no_tcp = true;
	assert_int_equal(ask_for(p, "abcdefghij.wild.test", DNS_A, false).answer.count, 0);
	assert_int_equal(ask_for(p, "bcdefghijk.wild.test", DNS_A, false).answer.count, 1);
	assert_int_equal(ask_for(p, "cdefghijkl.wild.test", DNS_A, false).answer.count, 1);
	assert_int_equal(seen("cdefghijkl.wild.test", DNS_A), 1);
	play_end(p);
}

/* ---- What is not believed is reported ---------------------------------------------------- */

/* After a few guesses the outstanding queries are sent again from another port, then by TCP,
 * so a flood gets no more guesses than that. */
static void test_guesses_change_port_and_id(void **state)
{
	const struct log_line *a[3] = {NULL};
	struct play *p = play_new();
	const struct resolver_message *m;
	unsigned n = 0;

	(void)state;
	allow(p, "wrongid.test");
	play_start(p, true);
	assert_int_equal(play_booted(p), 1);
	assert_int_equal(seen("wrongid.test", DNS_A), 3);
	for (unsigned i = 0; i < shared->count; i++)
		if (shared->log[i].type == DNS_A)
			a[n++] = &shared->log[i];
	assert_false(a[0]->tcp || a[1]->tcp);
	assert_true(a[2]->tcp);
	assert_int_not_equal(a[0]->port, a[1]->port);
	assert_int_not_equal(a[0]->id, a[1]->id);
	drain(p, 1500);
	m = play_find(p, RESOLVER_UNSOLICITED, "");
	assert_non_null(m);
	assert_int_equal(m->reason, REASON_GUESSED);
	/* By each of two sockets; A and AAAA shared them. */
	assert_int_equal(m->count, 2 * LIMIT_UPSTREAM_WRONG);
	/* One report, however many there were. */
	assert_int_equal(p->got[p->count - 1].type, RESOLVER_UNSOLICITED);
	play_end(p);
}

static void test_one_wrong_id_changes_nothing(void **state)
{
	struct play *p = play_new();
	const struct resolver_message *m;

	(void)state;
	allow(p, "oneguess.test");
	play_start(p, true);
	assert_int_equal(play_booted(p), 1);
	drain(p, 1500);
	assert_int_equal(shared->count, 2);
	m = play_find(p, RESOLVER_UNSOLICITED, "");
	assert_non_null(m);
	assert_int_equal(m->count, 2);
	assert_int_equal(m->reason, REASON_NONE);
	play_end(p);
}

/* A response must come from the queried address, port and family. */
static void test_senders_are_compared(void **state)
{
	static const struct endpoint v4 = {{4, {45, 53, 0, 1}}, 53};
	static const struct endpoint v6 = {{6, {0x20, 1, [15] = 1}}, 53};
	static const struct endpoint others[] = {{{4, {45, 53, 0, 1}}, 54},
		{{4, {45, 53, 0, 2}}, 53}, {{6, {0x20, 1, [15] = 1}}, 54},
		{{6, {0x20, 1, [15] = 2}}, 53}};
	union sockaddr_any a, b, c;

	(void)state;
	sockaddr_of(&v4, &a);
	sockaddr_of(&v6, &b);
	assert_true(sockaddr_same(&a, &a) && sockaddr_same(&b, &b));
	assert_false(sockaddr_same(&a, &b) || sockaddr_same(&b, &a));
	for (size_t i = 0; i < sizeof(others) / sizeof(*others); i++) {
		sockaddr_of(&others[i], &c);
		assert_false(sockaddr_same(&a, &c) || sockaddr_same(&b, &c));
	}
}

/* A query sent twice is answered twice: the second response is late, and not a forgery. */
static void test_late_answers_are_not_forgeries(void **state)
{
	struct play *p = play_new();

	(void)state;
	shared->slow_ms = 700;
	for (int i = 0; i < LIMIT_UPSTREAM_WRONG + 1; i++) {
		char name[32];

		snprintf(name, sizeof(name), "slow%d.test", i);
		allow(p, name);
	}
	play_start(p, true);
	assert_int_equal(play_booted(p), LIMIT_UPSTREAM_WRONG + 1);
	drain(p, 2000);
	assert_int_equal(shared->count, 4 * (LIMIT_UPSTREAM_WRONG + 1));
	assert_null(play_find(p, RESOLVER_UNSOLICITED, ""));
	play_end(p);
}

/* ---- EDNS, and answers of all sizes -------------------------------------------------- */

/* A server that doesn't answer EDNS is queried without it from the second attempt on, and at
 * once when that is known. */
static void test_an_upstream_that_drops_edns(void **state)
{
	struct play *p = outside("*.wild.test");

	(void)state;
	shared->drops_edns = true;
	play_start(p, false);
	assert_int_equal(ask_for(p, "first.wild.test", DNS_A, false).answer.count, 1);
	assert_int_equal(shared->count, 2);
	assert_true(shared->log[0].edns);
	assert_false(shared->log[1].edns);
	assert_int_equal(ask_for(p, "second.wild.test", DNS_A, false).answer.count, 1);
	assert_int_equal(shared->count, 3);
	play_end(p);
}

/* If EDNS has been answered, a lost packet is no reason to omit it, except in the last
 * attempts. */
static void test_a_lost_packet_is_not_blamed_on_edns(void **state)
{
	struct play *p = outside("*.wild.test");

	(void)state;
	play_start(p, false);
	assert_int_equal(ask_for(p, "first.wild.test", DNS_A, false).answer.count, 1);
	assert_int_equal(ask_for(p, "lost.wild.test", DNS_A, false).answer.count, 1);
	assert_int_equal(shared->count, 3);
	assert_true(shared->log[1].edns && shared->log[2].edns);
	assert_int_equal(ask_for(p, "silent.wild.test", DNS_A, false).answer.count, 0);
	assert_int_equal(shared->count, 7);
	assert_true(shared->log[3].edns && shared->log[4].edns);
	assert_false(shared->log[5].edns || shared->log[6].edns);
	assert_int_equal(ask_for(p, "last.wild.test", DNS_A, false).answer.count, 1);
	assert_true(shared->log[7].edns);
	play_end(p);
}

/* Longer than the limit: by TCP. */
static void test_a_long_answer_by_udp(void **state)
{
	struct play *p = outside("*.wild.test");
	struct reply r;

	(void)state;
	play_start(p, false);
	r = ask_for(p, "big.wild.test", DNS_A, true);
	assert_int_equal(r.answer.count, LIMIT_ANSWER_ADDRESSES);
	assert_int_equal(shared->count, 2);
	assert_true(shared->log[1].tcp);
	drain(p, 1200);
	assert_null(play_find(p, RESOLVER_UNSOLICITED, ""));
	play_end(p);
}

static void test_addresses_of_other_names_are_reported(void **state)
{
	struct play *p = play_new();
	uint8_t expected[4];
	struct reply r;

	(void)state;
	allow(p, "stray.test");
	play_start(p, false);
	address_for("stray.test", expected);
	r = ask_for(p, "stray.test", DNS_A, false);
	assert_int_equal(r.answer.count, 1);
	assert_memory_equal(r.answer.addresses[0], expected, 4);
	drain(p, 50);
	assert_int_equal(
		play_find(p, RESOLVER_DROPPED, "stray.test")->reason, REASON_MALFORMED);
	play_end(p);
}

static void test_malformed_answers_are_reported(void **state)
{
	struct play *p = play_new();
	static const char *const names[] = {"counts.test", "loop.test"};

	(void)state;
	for (int i = 0; i < 2; i++)
		allow(p, names[i]);
	play_start(p, true);
	assert_int_equal(play_booted(p), 0);
	for (int i = 0; i < 2; i++)
		assert_int_equal(
			play_find(p, RESOLVER_DROPPED, names[i])->reason, REASON_MALFORMED);
	play_end(p);
}

/* RFC 8767 §5: a stale answer is served for a while, not for ever. */
static void test_old_answers_have_an_end(void **state)
{
	struct cache_record r = {.result = CACHE_ADDRESSES, .count = 1, .answered = 1000};

	(void)state;
	assert_true(cache_stale_usable(&r, 1000 + CACHE_STALE_MAX * 1000 - 1));
	assert_false(cache_stale_usable(&r, 1000 + CACHE_STALE_MAX * 1000));
	r.count = 0;
	assert_false(cache_stale_usable(&r, 2000));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_letters_are_mixed),
		cmocka_unit_test(test_letters_are_mixed_on_loopback_too),
		cmocka_unit_test(test_an_upstream_that_loses_letters),
		cmocka_unit_test(test_another_spelling_is_a_forgery),
		cmocka_unit_test(test_an_upstream_that_no_longer_keeps_letters),
		cmocka_unit_test(test_an_upstream_that_no_longer_keeps_letters_without_tcp),
		cmocka_unit_test(test_guesses_change_port_and_id),
		cmocka_unit_test(test_one_wrong_id_changes_nothing),
		cmocka_unit_test(test_senders_are_compared),
		cmocka_unit_test(test_late_answers_are_not_forgeries),
		cmocka_unit_test(test_an_upstream_that_drops_edns),
		cmocka_unit_test(test_a_lost_packet_is_not_blamed_on_edns),
		cmocka_unit_test(test_a_long_answer_by_udp),
		cmocka_unit_test(test_addresses_of_other_names_are_reported),
		cmocka_unit_test(test_malformed_answers_are_reported),
		cmocka_unit_test(test_old_answers_have_an_end),
	};

	return cmocka_run_group_tests(tests, dns_begin, dns_end);
}
