/*
 * The resolver as a process: which server it queries first and for how long, which
 * connections are closed for others, and what it answers about addresses that aren't open
 * yet.
 */
#include "dns_fixture.h"

#include "init/resolver/cache.h"

/* How often this server was queried for the name. */
static unsigned asked(const char *name, int server)
{
	unsigned n = 0;

	for (unsigned i = 0; i < shared->count; i++)
		n += shared->log[i].server == server && strcmp(shared->log[i].name, name) == 0;
	return n;
}

static unsigned asked_anything(int server)
{
	unsigned n = 0;

	for (unsigned i = 0; i < shared->count; i++)
		n += shared->log[i].server == server;
	return n;
}

static struct play *two_servers(const char *exact, const char *wild)
{
	struct play *p = play_new();

	p->config.conf.upstreams_count = 2;
	if (exact)
		allow(p, exact);
	allow(p, wild);
	return p;
}

/* At boot and afterwards, the second one isn't queried. */
static void test_the_first_is_queried(void **state)
{
	struct play *p = two_servers("good.test", "*.order.test");

	(void)state;
	play_start(p, true);
	assert_int_equal(play_booted(p), 1);
	for (int i = 0; i < 10; i++) {
		char name[32];

		snprintf(name, sizeof(name), "%s%d.order.test", i % 2 ? "a" : "nx-", i);
		assert_int_equal(ask_for(p, name, DNS_A, true).count, (unsigned)i % 2);
	}
	assert_int_equal(asked_anything(1), 0);
	play_end(p);
}

/* One slow answer is no reason to reveal the name to others: neither while other queries are
 * answered, nor if nothing is queried but what it has answered before. */
static void test_a_slow_answer_is_waited_for(void **state)
{
	struct play *p = two_servers("good.test", "*.order.test");

	(void)state;
	shared->slow_ms = 4000;
	play_start(p, true);
	assert_int_equal(play_booted(p), 1);
	for (int i = 0; i < 2; i++) {
		char name[32];

		snprintf(name, sizeof(name), "slow%d.order.test", i);
		assert_int_equal(ask_for(p, name, DNS_A, true).count, 1);
		assert_int_equal(asked(name, 1), 0);
	}
	assert_true(asked("good.test", 0) > 2); /* A, AAAA; and to see that it is alive */
	assert_int_equal(asked_anything(1), 0);
	play_end(p);
}

/* Asks for new names, which begin with `begin`, until the first server is queried for one. */
static void ask_until_retried(struct play *p, const char *begin)
{
	char name[32];

	for (int i = 0; i < 100; i++) {
		snprintf(name, sizeof(name), "%s%d.order.test", begin, i);
		assert_int_equal(ask_for(p, name, DNS_A, true).count, 1);
		drain(p, 100);
		if (asked(name, 0))
			break;
	}
	assert_int_equal(asked(name, 0), 1);
}

/* If it is completely silent, the next one is queried from then on, until the first is back. */
static void first_comes_back(const char *begin)
{
	struct play *p = two_servers("good.test", "*.order.test");

	play_start(p, true);
	assert_int_equal(play_booted(p), 1);
	shared->down[0] = true;
	assert_int_equal(ask_for(p, "a.order.test", DNS_A, true).count, 1);
	assert_true(asked("a.order.test", 0) > 0);
	assert_int_equal(ask_for(p, "b.order.test", DNS_A, true).count, 1);
	assert_int_equal(asked("b.order.test", 0), 0);
	shared->down[0] = false;
	shared->slow_ms = 200;
	ask_until_retried(p, begin);
	drain(p, 400);
	assert_int_equal(ask_for(p, "d.order.test", DNS_A, true).count, 1);
	assert_int_equal(asked("d.order.test", 0), 1);
	assert_int_equal(asked("d.order.test", 1), 0);
	play_end(p);
}

static void test_a_silent_server_is_passed_over_until_it_answers(void **state)
{
	(void)state;
	first_comes_back("c");
}

/* Even if the other one was faster, and its answer is of no use any more. */
static void test_a_silent_server_is_back_when_its_answer_is_late(void **state)
{
	(void)state;
	first_comes_back("slow");
}

/* Without a name for a probe, a server counts as silent when a query has timed out. */
static void test_a_silent_server_without_a_probe(void **state)
{
	struct play *p = two_servers(NULL, "*.order.test");

	(void)state;
	play_start(p, false);
	assert_int_equal(ask_for(p, "a.order.test", DNS_A, true).count, 1);
	shared->down[0] = true;
	assert_int_equal(ask_for(p, "b.order.test", DNS_A, true).rcode, RCODE_SERVFAIL);
	assert_int_equal(asked("b.order.test", 1), 0);
	assert_int_equal(ask_for(p, "c.order.test", DNS_A, true).count, 1);
	play_end(p);
}

/* The second one's negative answer waits for the first, which may know better and was only
 * slow. */
static void test_a_no_of_the_second_does_not_beat_the_first(void **state)
{
	struct play *p = two_servers(NULL, "*.mine.test");
	uint8_t expected[4];
	struct reply r;

	(void)state;
	shared->slow_ms = 2000;
	play_start(p, false);
	r = ask_for(p, "slow.mine.test", DNS_A, true);
	assert_true(asked("slow.mine.test", 1) > 0);
	address_for("slow.mine.test", expected);
	assert_int_equal(r.count, 1);
	assert_memory_equal(r.answer.addresses[0], expected, 4);
	play_end(p);
}

/* ... but not for ever; and its positive answer doesn't wait. */
static void test_what_the_second_says_counts_when_the_first_is_silent(void **state)
{
	struct play *p = two_servers(NULL, "*.order.test");
	int64_t began;

	(void)state;
	allow(p, "*.mine.test");
	shared->down[0] = true;
	play_start(p, false);
	assert_int_equal(ask_for(p, "x.mine.test", DNS_A, true).rcode, RCODE_NXDOMAIN);
	began = clock_ms();
	assert_int_equal(ask_for(p, "a.order.test", DNS_A, true).count, 1);
	assert_true(clock_ms() - began < 1000);
	play_end(p);
}

/* SERVFAIL isn't an answer: the second is queried, and the first remains first. */
static void test_a_server_that_fails_is_queried_first_again(void **state)
{
	struct play *p = two_servers(NULL, "*.order.test");

	(void)state;
	play_start(p, false);
	assert_int_equal(ask_for(p, "half.order.test", DNS_A, true).count, 1);
	assert_int_equal(asked("half.order.test", 1), 1);
	assert_int_equal(ask_for(p, "a.order.test", DNS_A, true).count, 1);
	assert_int_equal(asked("a.order.test", 1), 0);
	play_end(p);
}

/* A server that answers A but never AAAA isn't silent. */
static void test_silence_about_aaaa_says_nothing_of_the_server(void **state)
{
	struct play *p = two_servers("good.test", "*.order.test");

	(void)state;
	play_start(p, true);
	assert_int_equal(play_booted(p), 1);
	assert_int_equal(ask_for(p, "lame.order.test", DNS_A, true).count, 1);
	ask_for(p, "lame.order.test", DNS_AAAA, true);
	drain(p, 5000);
	assert_int_equal(ask_for(p, "a.order.test", DNS_A, true).count, 1);
	assert_int_equal(asked_anything(1), 0);
	play_end(p);
}

/* RFC 8767 §5: with a stale answer, wait only a moment for a new one. */
static void test_an_old_answer_is_given_soon(void **state)
{
	struct play *p = play_new();
	int64_t began;
	struct reply r;

	(void)state;
	allow(p, "*.old.test");
	play_start(p, false);
	assert_int_equal(ask_for(p, "rotate.old.test", DNS_A, true).count, 1);
	/* What was used is refreshed once, just before it expires; after that it isn't used
	 * any more. */
	drain(p, CACHE_TTL_FLOOR * 1000 - 200);
	assert_int_equal(seen("rotate.old.test", DNS_A), 2);
	shared->down[0] = true;
	drain(p, CACHE_TTL_FLOOR * 1000);
	began = clock_ms();
	r = ask_for(p, "rotate.old.test", DNS_A, true);
	assert_int_equal(r.count, 1);
	assert_in_range(clock_ms() - began, 500, 3500);
	assert_true(seen("rotate.old.test", DNS_A) > 2);
	play_end(p);
}

/* A server that never answers AAAA is waited for only a moment, and isn't queried again
 * while the A is there. */
static void test_a_silent_family_is_left_alone(void **state)
{
	struct play *p = play_new();
	int64_t began;
	unsigned tries;

	(void)state;
	allow(p, "*.still.test");
	play_start(p, false);
	assert_int_equal(ask_for(p, "lame.still.test", DNS_A, true).count, 1);
	began = clock_ms();
	for (int i = 0; i < 3; i++)
		assert_int_equal(
			ask_for(p, "lame.still.test", DNS_AAAA, true).rcode, RCODE_NOERROR);
	assert_in_range(clock_ms() - began, 300, 2500);
	drain(p, 5000);
	tries = seen("lame.still.test", DNS_AAAA);
	assert_true(tries > 0);
	drain(p, CACHE_FAILURE_TTL * 1000 + 500);
	assert_int_equal(ask_for(p, "lame.still.test", DNS_AAAA, true).rcode, RCODE_NOERROR);
	assert_int_equal(seen("lame.still.test", DNS_AAAA), tries);
	play_end(p);
}

/* Queried at the same time, as C libraries do; if the A is slow as well, both are waited
 * for. */
static void test_both_families_queried_at_once(void **state)
{
	struct play *p = play_new();
	struct reply r;
	int fd, fd6;

	(void)state;
	allow(p, "*.still.test");
	shared->slow_ms = 1500;
	play_start(p, false);
	for (int i = 0; i < 2; i++) {
		const char *name = i ? "slow.still.test" : "lame.still.test";

		fd = client_socket(p, SOCK_DGRAM);
		fd6 = client_socket(p, SOCK_DGRAM);
		client_send(fd6, 2, name, DNS_AAAA, true);
		client_send(fd, 1, name, DNS_A, true);
		client_take(p, fd, 1, name, DNS_A, 5000, &r);
		assert_int_equal(r.count, 1);
		client_take(p, fd6, 2, name, DNS_AAAA, 3000, &r);
		assert_true(r.len > 0);
		assert_int_equal(r.rcode, RCODE_NOERROR);
		assert_int_equal(r.count, (unsigned)i);
		close(fd);
		close(fd6);
	}
	play_end(p);
}

static void reverse_name(const struct resolver_message *m, char name[64])
{
	const uint8_t *b = m->addresses[0].bytes;

	snprintf(name, 64, "%u.%u.%u.%u.in-addr.arpa", b[3], b[2], b[1], b[0]);
}

/* An address has a name once it is open, not while PID 1 is still opening it. */
static void test_an_address_has_no_name_before_it_is_open(void **state)
{
	struct play *p = play_new();
	const struct resolver_message *m = NULL;
	char name[64];
	struct reply r;
	int fd;

	(void)state;
	allow(p, "*.back.test");
	play_start(p, false);
	p->hold = true;
	fd = client_socket(p, SOCK_DGRAM);
	client_send(fd, 1, "a.back.test", DNS_A, true);
	for (int i = 0; i < 50 && !m; i++) {
		play_take(p, 100);
		m = play_find(p, RESOLVER_PIN, "a.back.test");
	}
	assert_non_null(m);
	reverse_name(m, name);
	assert_int_equal(ask_for(p, name, DNS_PTR, true).rcode, RCODE_NXDOMAIN);
	p->hold = false;
	play_acknowledge(p, m);
	client_take(p, fd, 1, "a.back.test", DNS_A, 5000, &r);
	assert_int_equal(r.count, 1);
	r = ask_for(p, name, DNS_PTR, true);
	assert_int_equal(r.rcode, RCODE_NOERROR);
	assert_int_equal(r.count, 1);
	close(fd);
	play_end(p);
}

static bool answers_by_tcp(int fd)
{
	uint8_t packet[300];
	size_t len = dns_write_query(
		7, "refused.test", DNS_A, false, packet + 2, sizeof(packet) - 2);
	struct timeval patience = {.tv_sec = 5};

	setsockopt(fd, SOL_SOCKET, SO_RCVTIMEO, &patience, sizeof(patience));
	packet[0] = 0;
	packet[1] = (uint8_t)len;
	return send(fd, packet, len + 2, MSG_NOSIGNAL) == (ssize_t)len + 2 &&
	       recv(fd, packet, sizeof(packet), 0) > 0;
}

/* As many connections as permitted, and one more: the one idle longest is closed for it. */
static void test_the_connection_idle_longest_is_closed(void **state)
{
	struct play *p = play_new();
	int fds[LIMIT_CLIENT_TCP + 1];

	(void)state;
	play_start(p, false);
	for (int i = 0; i < LIMIT_CLIENT_TCP; i++) {
		fds[i] = client_socket(p, SOCK_STREAM);
		if (i < 2) {
			assert_true(answers_by_tcp(fds[i]));
			usleep(50000);
		}
	}
	assert_true(answers_by_tcp(fds[LIMIT_CLIENT_TCP - 1]));
	usleep(50000);
	/* The first is idle for less time than the second now. */
	assert_true(answers_by_tcp(fds[0]));
	usleep(50000);
	fds[LIMIT_CLIENT_TCP] = client_socket(p, SOCK_STREAM);
	assert_true(answers_by_tcp(fds[LIMIT_CLIENT_TCP]));
	assert_false(answers_by_tcp(fds[1]));
	assert_true(answers_by_tcp(fds[0]));
	assert_true(answers_by_tcp(fds[LIMIT_CLIENT_TCP - 1]));
	for (int i = 0; i <= LIMIT_CLIENT_TCP; i++)
		close(fds[i]);
	play_end(p);
}

/* Datagrams too short for an id don't count as guesses, however many arrive. */
static void test_rubbish_changes_no_port(void **state)
{
	struct play *p = play_new();
	const struct resolver_message *m;

	(void)state;
	allow(p, "rubbish.test");
	play_start(p, true);
	assert_int_equal(play_booted(p), 1);
	assert_int_equal(seen("rubbish.test", DNS_A), 1);
	drain(p, 1500);
	m = play_find(p, RESOLVER_UNSOLICITED, "");
	assert_non_null(m);
	assert_int_equal(m->reason, REASON_NONE);
	play_end(p);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_the_first_is_queried),
		cmocka_unit_test(test_a_slow_answer_is_waited_for),
		cmocka_unit_test(test_a_silent_server_is_passed_over_until_it_answers),
		cmocka_unit_test(test_a_silent_server_is_back_when_its_answer_is_late),
		cmocka_unit_test(test_a_silent_server_without_a_probe),
		cmocka_unit_test(test_a_no_of_the_second_does_not_beat_the_first),
		cmocka_unit_test(test_what_the_second_says_counts_when_the_first_is_silent),
		cmocka_unit_test(test_a_server_that_fails_is_queried_first_again),
		cmocka_unit_test(test_silence_about_aaaa_says_nothing_of_the_server),
		cmocka_unit_test(test_an_old_answer_is_given_soon),
		cmocka_unit_test(test_a_silent_family_is_left_alone),
		cmocka_unit_test(test_both_families_queried_at_once),
		cmocka_unit_test(test_an_address_has_no_name_before_it_is_open),
		cmocka_unit_test(test_the_connection_idle_longest_is_closed),
		cmocka_unit_test(test_rubbish_changes_no_port),
	};

	return cmocka_run_group_tests(tests, dns_begin, dns_end);
}
