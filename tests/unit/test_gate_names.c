/*
 * The gate's name cache: names.c alone, with this test as the resolver and a variable as the
 * clock.
 */
#include <arpa/inet.h>
#include <errno.h>
#include <poll.h>
#include <sched.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <unistd.h>

#include <cmocka.h>

#include "init/lib/dns_message.h"
#include "init/gate/connection.h"

static struct gate g;
static struct policy policy;
static struct gate_config config;
static int resolver;

/* A query as received. */
struct asked {
	struct dns_query query;
	struct sockaddr_in from;
};

static int begin(void **state)
{
	struct sockaddr_in a = {
		.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
	socklen_t len = sizeof(a);

	(void)state;
	resolver = socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0);
	assert_int_equal(bind(resolver, (void *)&a, sizeof(a)), 0);
	assert_int_equal(getsockname(resolver, (void *)&a, &len), 0);
	config = (struct gate_config){.policy = &policy, .resolver_port = ntohs(a.sin_port)};
	g = (struct gate){.config = &config,
		.epoll = epoll_create1(EPOLL_CLOEXEC),
		.now = 1000000,
		.free = NONE,
		.deadlines = INDEX_LIST_EMPTY,
		.again_first = NONE,
		.again_last = NONE,
		.pipes_free = NONE,
		.room = 8};
	g.connections = calloc(g.room, sizeof(*g.connections));
	g.buffers = calloc(LIMIT_GATE_BUFFERS, sizeof(*g.buffers));
	for (int32_t i = LIMIT_GATE_BUFFERS; i-- > 0;) {
		g.buffers_free[g.buffers_left++] = i;
		g.waits_for[i] = NONE;
	}
	assert_int_equal(names_init(&g), 0);
	return 0;
}

static int end(void **state)
{
	(void)state;
	for (size_t i = 0; i < g.used; i++)
		table_release_buffer(&g, &g.connections[i]);
	/* The descriptor belongs to names.c. */
	free(g.names);
	free(g.buffers);
	free(g.connections);
	close(g.epoll);
	close(resolver);
	return 0;
}

static struct connection *somebody(const char *orig_dst)
{
	struct connection *c = table_new(&g);

	assert_true(address_parse(orig_dst, strlen(orig_dst), &c->orig_dst));
	assert_true(table_acquire_buffer(&g, c));
	return c;
}

static const struct inspect_buffer *inspect_buffer(const struct connection *c)
{
	return table_buffer(&g, c);
}

static bool came(struct asked *a)
{
	struct pollfd p = {.fd = resolver, .events = POLLIN};
	socklen_t len = sizeof(a->from);
	uint8_t in[1232];
	ssize_t n;

	/* On loopback it is there when send() returns. */
	if (poll(&p, 1, 0) != 1)
		return false;
	n = recvfrom(resolver, in, sizeof(in), 0, (void *)&a->from, &len);
	assert_int_equal(dns_read_query(in, (size_t)n, &a->query), RCODE_NOERROR);
	return true;
}

static unsigned questions(struct asked out[2])
{
	struct asked a;
	unsigned count = 0;

	while (came(&a)) {
		assert_true(a.query.type == DNS_A || a.query.type == DNS_AAAA);
		out[a.query.type == DNS_AAAA] = a;
		count++;
	}
	return count;
}

/* Responds with this many addresses, 45.0.0.1 or 2600::1 and so on. */
static void answer(const struct asked *a, unsigned count, uint32_t ttl)
{
	struct dns_reply r = {.type = a->query.type, .count = count, .ttl = ttl, .ede = -1};
	size_t size = r.type == DNS_A ? 4 : 16, len;
	uint8_t out[1232], addresses[256] = {0};

	for (unsigned i = 0; i < count; i++) {
		memcpy(addresses + i * size, size == 4 ? "\x2d" : "\x26", 1);
		addresses[i * size + size - 1] = (uint8_t)(i + 1);
	}
	r.addresses = addresses;
	len = dns_write_reply(&a->query.asked, &r, out, sizeof(out));
	assert_int_equal(
		sendto(resolver, out, len, 0, (const void *)&a->from, sizeof(a->from)), len);
	names_ready(&g);
}

static void expect_candidates(const struct connection *c, const char *const *list)
{
	char text[ADDRESS_TEXT];
	unsigned i;

	assert_true(inspect_buffer(c)->resolved);
	for (i = 0; list[i]; i++) {
		assert_true(i < inspect_buffer(c)->candidates_count);
		assert_string_equal(
			address_text(&inspect_buffer(c)->candidates[i], text), list[i]);
	}
	assert_int_equal(inspect_buffer(c)->candidates_count, i);
}
#define CANDIDATES(c, ...) expect_candidates(c, (const char *const[]){__VA_ARGS__, NULL})

static void the_clients_own_family_comes_first(void **state)
{
	struct connection *four = somebody("20.9.9.9"), *six = somebody("2001:99::9");
	struct asked a[2];

	(void)state;
	assert_true(names_resolve(&g, four, "a.test") && names_resolve(&g, six, "a.test"));
	assert_int_equal(questions(a), 2); /* once for both */
	answer(&a[0], 2, 60);
	answer(&a[1], 2, 60);
	CANDIDATES(four, "45.0.0.1", "2600::1", "45.0.0.2", "2600::2");
	CANDIDATES(six, "2600::1", "45.0.0.1", "2600::2", "45.0.0.2");
}

static void what_was_aimed_at_comes_first_where_it_is_the_names(void **state)
{
	struct connection *c = somebody("2600::2");
	struct asked a[2];

	(void)state;
	assert_true(names_resolve(&g, c, "a.test"));
	assert_int_equal(questions(a), 2);
	answer(&a[0], 1, 60);
	assert_false(inspect_buffer(c)->resolved);
	answer(&a[1], 3, 60);
	CANDIDATES(c, "2600::2", "2600::1", "45.0.0.1", "2600::3");
}

/* RFC 8305 §3: wait a moment for the other family, but no longer. */
static void one_family_is_enough_after_a_moment(void **state)
{
	struct connection *known = somebody("45.0.0.1"), *other = somebody("20.9.9.9");
	struct asked a[2];

	(void)state;
	assert_true(names_resolve(&g, known, "a.test") && names_resolve(&g, other, "a.test"));
	assert_int_equal(questions(a), 2);
	answer(&a[0], 1, 60);
	g.now += LIMIT_GATE_FAMILY_MS - 1;
	assert_int_equal(names_tick(&g), g.now + 1);
	assert_false(inspect_buffer(known)->resolved);
	g.now++;
	names_tick(&g);
	CANDIDATES(known, "45.0.0.1");
	assert_false(inspect_buffer(other)->resolved);
	answer(&a[1], 1, 60);
	CANDIDATES(other, "45.0.0.1", "2600::1");
}

static void expect_kept(const char *name, uint32_t ttl4, uint32_t ttl6, int64_t ms)
{
	struct connection *c = somebody("20.9.9.9");
	struct asked a[2];

	assert_true(names_resolve(&g, c, name));
	assert_int_equal(questions(a), 2);
	answer(&a[0], 1, ttl4);
	answer(&a[1], 1, ttl6);
	assert_true(inspect_buffer(c)->resolved);
	g.now += ms - 1;
	table_release_buffer(&g, c);
	assert_true(table_acquire_buffer(&g, c));
	assert_true(names_resolve(&g, c, name));
	assert_true(inspect_buffer(c)->resolved);
	assert_int_equal(questions(a), 0);
	g.now++;
	table_release_buffer(&g, c);
	assert_true(table_acquire_buffer(&g, c));
	assert_true(names_resolve(&g, c, name));
	assert_false(inspect_buffer(c)->resolved);
	assert_int_equal(questions(a), 2);
}

/* As long as the TTL says, the shorter of the two, and never longer than the limit. */
static void addresses_are_kept_for_a_while(void **state)
{
	(void)state;
	expect_kept("a.test", 20, 7, 7000);
	expect_kept("b.test", 9, 20, 9000);
	expect_kept("c.test", 86400, 86400, LIMIT_GATE_NAMES_MS);
}

static void what_does_not_work_is_looked_up_again(void **state)
{
	struct connection *c = somebody("20.9.9.9");
	struct asked a[2];

	(void)state;
	assert_true(names_resolve(&g, c, "a.test"));
	assert_int_equal(questions(a), 2);
	answer(&a[0], 1, 60);
	answer(&a[1], 1, 60);
	names_invalidate(&g, "a.test");
	table_release_buffer(&g, c);
	assert_true(table_acquire_buffer(&g, c));
	assert_true(names_resolve(&g, c, "a.test"));
	assert_false(inspect_buffer(c)->resolved);
	assert_int_equal(questions(a), 2);
}

static void no_address_is_not_kept(void **state)
{
	struct connection *c = somebody("20.9.9.9");
	struct asked a[2];

	(void)state;
	assert_true(names_resolve(&g, c, "a.test"));
	assert_int_equal(questions(a), 2);
	answer(&a[0], 0, 60);
	answer(&a[1], 0, 60);
	assert_true(inspect_buffer(c)->resolved);
	assert_int_equal(inspect_buffer(c)->candidates_count, 0);
	table_release_buffer(&g, c);
	assert_true(table_acquire_buffer(&g, c));
	assert_true(names_resolve(&g, c, "a.test"));
	assert_int_equal(questions(a), 2);
}

/* The resolver was down, or its socket full: queried again, until nobody waits any more. */
static void a_lost_query_is_sent_again(void **state)
{
	struct connection *c = somebody("20.9.9.9");
	struct asked a[2], again[2];

	(void)state;
	assert_true(names_resolve(&g, c, "a.test"));
	assert_int_equal(questions(a), 2);
	answer(&a[1], 1, 60);
	g.now += 499;
	names_tick(&g);
	assert_int_equal(questions(again), 0);
	g.now++;
	names_tick(&g);
	assert_int_equal(questions(again), 1); /* only the missing one */
	assert_int_equal(again[0].query.asked.id, a[0].query.asked.id);
	table_release_buffer(&g, c);
	g.now += LIMIT_GATE_PATIENCE_MS;
	assert_int_equal(names_tick(&g), INT64_MAX);
	assert_int_equal(questions(again), 0);
}

/* A response to the previous query, and one to a query that was never sent. */
static void other_ids_are_nobodys_answers(void **state)
{
	struct connection *c = somebody("20.9.9.9");
	struct asked a[2], wrong;

	(void)state;
	assert_true(names_resolve(&g, c, "a.test"));
	assert_int_equal(questions(a), 2);
	for (unsigned bit = 1; bit < 16; bit++) { /* the lowest bit tells A from AAAA */
		wrong = a[0];
		wrong.query.asked.id = (uint16_t)(wrong.query.asked.id ^ 1u << bit);
		answer(&wrong, 3, 60);
	}
	wrong = a[1];
	wrong.query.asked.id = a[0].query.asked.id;
	answer(&wrong, 3, 60);
	answer(&a[0], 1, 60);
	answer(&a[1], 0, 60);
	CANDIDATES(c, "45.0.0.1");
}

int main(void)
{
#define T(test) cmocka_unit_test_setup_teardown(test, begin, end)
	const struct CMUnitTest tests[] = {
		T(the_clients_own_family_comes_first),
		T(what_was_aimed_at_comes_first_where_it_is_the_names),
		T(one_family_is_enough_after_a_moment),
		T(addresses_are_kept_for_a_while),
		T(what_does_not_work_is_looked_up_again),
		T(no_address_is_not_kept),
		T(a_lost_query_is_sent_again),
		T(other_ids_are_nobodys_answers),
	};
#undef T
	return cmocka_run_group_tests(tests, NULL, NULL);
}
