/*
 * The resolver as a process: whom it asks first and how long, who gives way to whom, and what
 * it tells of addresses that aren't open yet.
 */
#include "dns_fixture.h"

#include "init/dns/cache.h"

static const struct log_line *first_question(const char *name, uint16_t type)
{
	for (unsigned i = 0; i < shared->count; i++)
		if (shared->log[i].type == type && strcmp(shared->log[i].name, name) == 0)
			return &shared->log[i];
	fail_msg("%s was not asked for", name);
	return NULL;
}

/* One silence is enough: the upstream that answered instead is the first to be asked then. */
static void test_who_answers_is_asked_first(void **state)
{
	struct play *p = play_new();

	(void)state;
	p->config.conf.upstreams_count = 2;
	allow(p, "*.order.test");
	play_start(p, false);
	assert_int_equal(ask_for(p, "a.order.test", MESSAGE_A, true).count, 1);
	assert_int_equal(first_question("a.order.test", MESSAGE_A)->server, 0);
	assert_int_equal(seen("a.order.test", MESSAGE_A), 1);
	shared->down[0] = true;
	assert_int_equal(ask_for(p, "b.order.test", MESSAGE_A, true).count, 1);
	assert_int_equal(first_question("b.order.test", MESSAGE_A)->server, 0);
	shared->down[0] = false;
	assert_int_equal(ask_for(p, "c.order.test", MESSAGE_A, true).count, 1);
	assert_int_equal(first_question("c.order.test", MESSAGE_A)->server, 1);
	assert_int_equal(seen("c.order.test", MESSAGE_A), 1);
	play_end(p);
}

/* RFC 8767 §5: who has an old answer waits for a new one a moment, not until it is given up. */
static void test_an_old_answer_is_given_soon(void **state)
{
	struct play *p = play_new();
	int64_t began;
	struct reply r;

	(void)state;
	allow(p, "*.old.test");
	play_start(p, false);
	assert_int_equal(ask_for(p, "rotate.old.test", MESSAGE_A, true).count, 1);
	/* What was used is renewed once, just before its end; then it isn't used any more. */
	drain(p, CACHE_TTL_FLOOR * 1000 - 200);
	assert_int_equal(seen("rotate.old.test", MESSAGE_A), 2);
	shared->down[0] = true;
	drain(p, CACHE_TTL_FLOOR * 1000);
	began = clock_ms();
	r = ask_for(p, "rotate.old.test", MESSAGE_A, true);
	assert_int_equal(r.count, 1);
	assert_in_range(clock_ms() - began, 500, 3500);
	assert_true(seen("rotate.old.test", MESSAGE_A) > 2);
	play_end(p);
}

/* A server that never answers AAAA is not waited for again as long as the A is there. */
static void test_a_silent_family_is_left_alone(void **state)
{
	struct play *p = play_new();
	unsigned asked;

	(void)state;
	allow(p, "*.still.test");
	play_start(p, false);
	assert_int_equal(ask_for(p, "lame.still.test", MESSAGE_A, true).count, 1);
	assert_int_equal(
		ask_for(p, "lame.still.test", MESSAGE_AAAA, true).rcode, RCODE_NOERROR);
	asked = seen("lame.still.test", MESSAGE_AAAA);
	assert_true(asked > 0);
	drain(p, CACHE_FAILURE_TTL * 1000 + 500);
	assert_int_equal(
		ask_for(p, "lame.still.test", MESSAGE_AAAA, true).rcode, RCODE_NOERROR);
	assert_int_equal(seen("lame.still.test", MESSAGE_AAAA), asked);
	play_end(p);
}

static void reverse_name(const struct resolver_message *m, char name[64])
{
	const uint8_t *b = m->addresses[0].bytes;

	snprintf(name, 64, "%u.%u.%u.%u.in-addr.arpa", b[3], b[2], b[1], b[0]);
}

/* An address has a name once it is open, not while PID 1 is still asked to open it. */
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
	client_send(fd, 1, "a.back.test", MESSAGE_A, true);
	for (int i = 0; i < 50 && !m; i++) {
		play_take(p, 100);
		m = play_find(p, RESOLVER_PIN, "a.back.test");
	}
	assert_non_null(m);
	reverse_name(m, name);
	assert_int_equal(ask_for(p, name, MESSAGE_PTR, true).rcode, RCODE_NXDOMAIN);
	p->hold = false;
	play_acknowledge(p, m);
	client_take(p, fd, 1, "a.back.test", MESSAGE_A, 5000, &r);
	assert_int_equal(r.count, 1);
	r = ask_for(p, name, MESSAGE_PTR, true);
	assert_int_equal(r.rcode, RCODE_NOERROR);
	assert_int_equal(r.count, 1);
	close(fd);
	play_end(p);
}

static bool answers_by_tcp(int fd)
{
	uint8_t packet[300];
	size_t len = message_write_query(
		7, "refused.test", MESSAGE_A, false, packet + 2, sizeof(packet) - 2);
	struct timeval patience = {.tv_sec = 5};

	setsockopt(fd, SOL_SOCKET, SO_RCVTIMEO, &patience, sizeof(patience));
	packet[0] = 0;
	packet[1] = (uint8_t)len;
	return send(fd, packet, len + 2, MSG_NOSIGNAL) == (ssize_t)len + 2 &&
	       recv(fd, packet, sizeof(packet), 0) > 0;
}

/* As many connections as there may be, and one more: the one idle longest gives way to it. */
static void test_the_connection_idle_longest_gives_way(void **state)
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

/* Datagrams too short for an id are no guesses at one, however many come. */
static void test_rubbish_changes_no_port(void **state)
{
	struct play *p = play_new();
	const struct resolver_message *m;

	(void)state;
	allow(p, "rubbish.test");
	play_start(p, true);
	assert_int_equal(play_booted(p), 1);
	assert_int_equal(seen("rubbish.test", MESSAGE_A), 1);
	drain(p, 1500);
	m = play_find(p, RESOLVER_FOREIGN, "");
	assert_non_null(m);
	assert_int_equal(m->reason, REASON_NONE);
	play_end(p);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_who_answers_is_asked_first),
		cmocka_unit_test(test_an_old_answer_is_given_soon),
		cmocka_unit_test(test_a_silent_family_is_left_alone),
		cmocka_unit_test(test_an_address_has_no_name_before_it_is_open),
		cmocka_unit_test(test_the_connection_idle_longest_gives_way),
		cmocka_unit_test(test_rubbish_changes_no_port),
	};

	return cmocka_run_group_tests(tests, dns_begin, dns_end);
}
