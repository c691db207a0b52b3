/* What the kernel remembers of the payload's packets is no way out. */
#include "wall_sources_fixture.h"

#define LAST_PORT 60999

/* Like the engine's own resolver: a port to which its NAT redirects 127.0.0.11:53. */
#define ENGINE_PORT 34567

/* The engine's NAT, in its own table. */
static void engine_up(void)
{
	run("nft 'table ip engine { chain o { type nat hook output priority -100;"
	    "ip daddr 127.0.0.11 udp dport 53 dnat to 127.0.0.11:%d;"
	    "ip daddr 127.0.0.11 tcp dport 53 dnat to 127.0.0.11:%d; }; }'",
		ENGINE_PORT, ENGINE_PORT);
}

static int bound(const char *address, uint16_t port, int type)
{
	struct sockaddr_storage a;
	socklen_t len = to_sockaddr(address, port, &a);
	int s = socket(a.ss_family, type | SOCK_CLOEXEC | SOCK_NONBLOCK, 0), on = 1;

	setsockopt(s, SOL_SOCKET, SO_REUSEADDR, &on, sizeof(on));
	assert_int_equal(bind(s, (void *)&a, len), 0);
	if (type == SOCK_STREAM)
		assert_int_equal(listen(s, 8), 0);
	return s;
}

/* Where the resolver's query goes, from that port, after something else was sent. */
static void the_engine_is_asked_and_nobody_else(int type, const char *ours)
{
	struct attempt ask = {.uid = RESOLVER, .type = type, .from = WORKERS_PORT};
	int engine = bound("127.0.0.11", ENGINE_PORT, type);
	int thief = bound("127.0.0.11", 53, type);
	int us = ours ? bound(ours, OUR_PORT, type) : -1;

	attempt(&ask, "127.0.0.11", 53);
	assert_true(got(engine, type));
	assert_false(got(thief, type));
	if (us >= 0)
		assert_false(got(us, type));
	close(engine);
	close(thief);
	close(us);
}

/* A packet from 127.0.0.11:53 would make the query a reply to it, which NAT ignores. */
static void nobody_becomes_the_engines_resolver(void **state)
{
	struct attempt t = {.uid = PAYLOAD, .source = "127.0.0.11", .from = 53};

	(void)state;
	build();
	engine_up();
	for (t.type = SOCK_STREAM; t.type <= SOCK_DGRAM; t.type++) {
		attempt(&t, "127.0.0.1", WORKERS_PORT);
		the_engine_is_asked_and_nobody_else(t.type, NULL);
	}
}

/* A query of the payload from a worker's port would cause the worker's own to be redirected. */
static void no_query_returns_to_the_resolver(void **state)
{
	struct attempt t = {.uid = PAYLOAD, .from = WORKERS_PORT};
	struct attempt ask = {.uid = RESOLVER, .from = WORKERS_PORT};

	(void)state;
	build();
	engine_up();
	for (t.type = SOCK_STREAM; t.type <= SOCK_DGRAM; t.type++) {
		int refusal = t.type == SOCK_DGRAM ? EPERM : ECONNREFUSED;

		t.source = "127.0.0.1";
		assert_int_equal(attempt(&t, "127.0.0.11", 53), refusal);
		the_engine_is_asked_and_nobody_else(t.type, "127.0.0.1");
		t.source = NULL;
		assert_int_equal(attempt(&t, UPSTREAM4, 53), refusal);
		assert_int_equal(attempt(&t, UPSTREAM6, 53), refusal);
		ask.type = t.type;
		captured(NULL, false);
		attempt(&ask, UPSTREAM4, 53);
		assert_true(reached(UPSTREAM4));
		attempt(&ask, UPSTREAM6, 53);
		assert_true(reached(UPSTREAM6));
	}
}

/* The same for the gate's connections, where NAT has redirected the payload's. */
static void no_connection_returns_to_the_gate(void **state)
{
	struct attempt t = {.uid = PAYLOAD, .type = SOCK_STREAM, .from = WORKERS_PORT};
	int gate4 = listener(AF_INET, SOCK_STREAM, GATE_PORT);
	int gate6 = listener(AF_INET6, SOCK_STREAM, GATE_PORT);

	(void)state;
	build();
	pin("20.1.2.3", 443);
	pin("2600::7", 443);
	assert_int_equal(attempt(&t, "20.1.2.3", 443), ECONNREFUSED);
	assert_int_equal(attempt(&t, "2600::7", 443), ECONNREFUSED);
	t.uid = GATE;
	assert_int_equal(attempt(&t, "20.1.2.3", 443), 0);
	assert_true(reached("20.1.2.3"));
	assert_int_equal(attempt(&t, "2600::7", 443), 0);
	assert_true(reached("2600::7"));
	close(gate4);
	close(gate6);
}

/* From ports below that range, all queries are answered. */
static void questions_from_other_ports_are_ours(void **state)
{
	struct attempt t = {.uid = PAYLOAD, .from = LAST_PORT};

	(void)state;
	build();
	for (t.type = SOCK_STREAM; t.type <= SOCK_DGRAM; t.type++) {
		int us4 = listener(AF_INET, t.type, OUR_PORT);
		int us6 = listener(AF_INET6, t.type, OUR_PORT);

		assert_int_equal(attempt(&t, UPSTREAM4, 53), 0);
		assert_true(got(us4, t.type));
		assert_int_equal(attempt(&t, UPSTREAM6, 53), 0);
		assert_true(got(us6, t.type));
		close(us4);
		close(us6);
	}
}

/* An upstream that is an address of ours, by mistake: nobody else can use it. */
static void nobody_answers_as_an_upstream_on_loopback(void **state)
{
	static const struct forged as[] = {{"127.0.0.53", 53, "127.0.0.1"}, {"::1", 53, "::1"},
		{"172.30.0.2", 5353, "172.30.0.2"}};

	(void)state;
	config.upstreams_count = 0;
	upstream("127.0.0.53", 53);
	upstream("::1", 53);
	upstream("172.30.0.2", 5353);
	build();
	for (size_t i = 0; i < sizeof(as) / sizeof(as[0]); i++) {
		struct forged other = as[i];

		assert_false(arrives(PAYLOAD, &as[i]));
		assert_false(connects(PAYLOAD, &as[i]));
		other.port++;
		assert_true(arrives(PAYLOAD, &other));
		assert_true(connects(PAYLOAD, &other));
	}
}

/* Even if somebody sent a packet first, a query isn't sent as a reply to it. */
static void the_resolver_only_begins(void **state)
{
	struct attempt t = {.uid = 0, .type = SOCK_DGRAM, .source = "127.0.0.11", .from = 53};
	struct attempt ask = {.uid = RESOLVER, .type = SOCK_DGRAM, .from = WORKERS_PORT};
	int thief;

	(void)state;
	build();
	attempt(&t, "127.0.0.1", WORKERS_PORT);
	thief = bound("127.0.0.11", 53, SOCK_DGRAM);
	assert_int_equal(attempt(&ask, "127.0.0.11", 53), EPERM);
	assert_false(got(thief, SOCK_DGRAM));
	close(thief);
	t.source = UPSTREAM6;
	attempt(&t, "2001:db8:9::2", WORKERS_PORT);
	captured(NULL, false);
	assert_int_equal(attempt(&ask, UPSTREAM6, 53), EPERM);
	assert_false(reached(UPSTREAM6));
	ask.from++;
	assert_int_equal(attempt(&ask, UPSTREAM6, 53), 0);
	assert_true(reached(UPSTREAM6));
}

int main(void)
{
#define T(test) cmocka_unit_test_setup_teardown(test, begin, end)
	const struct CMUnitTest tests[] = {
		T(nobody_becomes_the_engines_resolver),
		T(no_query_returns_to_the_resolver),
		T(no_connection_returns_to_the_gate),
		T(questions_from_other_ports_are_ours),
		T(nobody_answers_as_an_upstream_on_loopback),
		T(the_resolver_only_begins),
	};

	return cmocka_run_group_tests(tests, world, world_down);
}
