/*
 * The payload's source addresses: every packet of its sockets has a source that it may use,
 * on lo as on the wire, and nothing that it does interferes with the workers' queries.
 * Tested as in test_wall.c, and with sockets that would receive forged packets. Runs as
 * root.
 */
#include "wall_fixture.h"

#include <linux/netfilter/nfnetlink.h>
#include <linux/netfilter/nfnetlink_conntrack.h>
#include <linux/netlink.h>

#define GATE      UID_GATE
#define GATE_PORT 5443
/* In the workers' range (init/lib/worker.h), and the last one below it. */
#define WORKERS_PORT 61234
#define LAST_PORT    60999
/* Like the engine's own resolver: a port to which its NAT redirects 127.0.0.11:53. */
#define ENGINE_PORT 34567
#define UPSTREAM4   "9.9.9.9"
#define UPSTREAM6   "2620:fe::fe"

static struct wall *wall;
static struct policy policy;
static struct wall_config config;

static void upstream(const char *address, uint16_t port)
{
	config.upstreams[config.upstreams_count++] = (struct endpoint){addr(address), port};
}

static void pin(const char *address, uint16_t port)
{
	struct pin p = {addr(address), port, PIN_PUBLIC, 60};

	assert_ok(wall_pin(wall, &p, 1, f));
}

static void build(void)
{
	assert_ok(wall_build(wall, &config, f));
	assert_ok(wall_verify(wall, &config, f));
	pin("20.1.2.3", 22);
	pin("2600::7", 22);
	captured(NULL, false);
}

/* conntrack -F: entries of one test would affect the next. */
static void forget_connections(void)
{
	struct {
		struct nlmsghdr header;
		struct nfgenmsg family;
	} m = {{sizeof(m), NFNL_SUBSYS_CTNETLINK << 8 | IPCTNL_MSG_CT_DELETE,
		       NLM_F_REQUEST | NLM_F_ACK, 1, 0},
		{AF_UNSPEC, NFNETLINK_V0, 0}};
	struct {
		struct nlmsghdr header;
		struct nlmsgerr error;
	} answer;
	int s = socket(AF_NETLINK, SOCK_RAW | SOCK_CLOEXEC, NETLINK_NETFILTER);

	assert_int_equal(send(s, &m, sizeof(m), 0), sizeof(m));
	assert_true(recv(s, &answer, sizeof(answer), 0) > 0);
	assert_int_equal(answer.error.error, 0);
	close(s);
}

static int begin(void **state)
{
	(void)state;
	policy_init(&policy);
	memset(&config, 0, sizeof(config));
	config.policy = &policy;
	config.resolver_uid = RESOLVER;
	config.resolver_port = OUR_PORT;
	config.gate_uid = GATE;
	config.gate_port = GATE_PORT;
	config.embedded_dns = true;
	upstream("127.0.0.11", 53);
	upstream(UPSTREAM4, 53);
	upstream(UPSTREAM6, 53);
	assert_int_equal(policy_compile(&policy), 0);
	assert_ok(wall_open(&wall, f));
	forget_connections();
	return 0;
}

static int end(void **state)
{
	(void)state;
	wall_close(wall);
	policy_free(&policy);
	run("nft flush ruleset");
	return 0;
}

static int world(void **state)
{
	world_up(state);
	attempt_ms = 400; /* what is dropped is never answered */
	/* As engines set it. */
	run("echo 0 >/proc/sys/net/ipv4/ip_unprivileged_port_start");
	return 0;
}

/* ---- Whose source a packet may have -------------------------------------------------- */

static const struct forged {
	const char *source;
	uint16_t port;
	const char *to;
} forged[] = {
	{"127.0.0.11", 53, "127.0.0.1"},
	{"127.0.0.11", 0, "127.0.0.1"},
	{"127.0.0.11", 53, "172.30.0.2"},
	{UPSTREAM6, 53, "::1"},
	{UPSTREAM6, 53, "2001:db8:9::2"},
	{"2001:db8:9::1", 0, "::1"}, /* the gateway's */
	{"2001:db8:dead::1", 0, "::1"},
	{"2001:db8:dead::1", 0, "2001:db8:9::2"},
	{"fd00::1", 7000, "::1"},
	{"2600::7", 443, "::1"},
};
#define FORGED (sizeof(forged) / sizeof(forged[0]))

/* Sends a datagram with that source to our socket; whether it arrives. */
static bool arrives(uid_t uid, const struct forged *x)
{
	struct attempt t = {
		.uid = uid, .type = SOCK_DGRAM, .source = x->source, .from = x->port};
	int s = listener(strchr(x->to, ':') ? AF_INET6 : AF_INET, SOCK_DGRAM, 7777);
	char text[8];
	bool got;

	attempt(&t, x->to, 7777);
	got = recv(s, text, sizeof(text), MSG_DONTWAIT) == 6;
	close(s);
	return got;
}

/* The same by TCP; a foreign source gets no answer, so the listener can't tell for IPv6. */
static bool connects(uid_t uid, const struct forged *x)
{
	struct attempt t = {
		.uid = uid, .type = SOCK_STREAM, .source = x->source, .from = x->port};
	int s = listener(strchr(x->to, ':') ? AF_INET6 : AF_INET, SOCK_STREAM, 7777);
	bool done = attempt(&t, x->to, 7777) == 0;

	close(s);
	return done;
}

static void without_a_wall_every_source_is_anybodys(void **state)
{
	struct attempt t = {.uid = PAYLOAD, .type = SOCK_STREAM, .source = "2001:db8:dead::1"};

	(void)state;
	for (size_t i = 0; i < FORGED; i++)
		if (!arrives(PAYLOAD, &forged[i]))
			fail_msg("%s did not arrive", forged[i].source);
	assert_true(connects(PAYLOAD, &forged[0]));
	captured(NULL, false);
	attempt(&t, "2600::7", 22);
	assert_true(captured("2001:db8:dead::1", true));
}

static void nothing_is_forged(void)
{
	static const char *const sources[] = {
		"2001:db8:dead::1", UPSTREAM6, "2001:db8:9::1", "fd00::1", "::1"};

	for (size_t i = 0; i < FORGED; i++) {
		if (arrives(PAYLOAD, &forged[i]) || connects(PAYLOAD, &forged[i]))
			fail_msg("%s port %u arrived at %s", forged[i].source, forged[i].port,
				forged[i].to);
		assert_false(captured(forged[i].source, true));
	}
	for (size_t i = 0; i < sizeof(sources) / sizeof(sources[0]); i++) {
		struct attempt t = {.uid = PAYLOAD, .source = sources[i]};

		for (t.type = SOCK_STREAM; t.type <= SOCK_DGRAM; t.type++) {
			attempt(&t, "2600::7", 22);
			attempt(&t, "2600::7", 443);
			attempt(&t, UPSTREAM6, 53);
			attempt(&t, "2600::9", 25);
			if (captured(sources[i], true))
				fail_msg("%s left", sources[i]);
		}
	}
}

static void no_source_but_ones_own_leaves(void **state)
{
	(void)state;
	build();
	nothing_is_forged();
	/* A datagram is refused by the call itself. */
	{
		struct attempt t = {
			.uid = PAYLOAD, .type = SOCK_DGRAM, .source = "127.0.0.11", .from = 53};

		assert_int_equal(attempt(&t, "127.0.0.1", WORKERS_PORT), EPERM);
		t.source = UPSTREAM6;
		assert_int_equal(attempt(&t, "::1", WORKERS_PORT), EPERM);
	}
}

/* Audit mode lets through what strict would refuse, except for what would falsify the audit. */
static void not_in_audit_mode_either(void **state)
{
	(void)state;
	config.audit = true;
	build();
	nothing_is_forged();
}

static void nor_with_pins_alone(void **state)
{
	(void)state;
	config.gate_port = 0;
	build();
	nothing_is_forged();
}

/* The workers and root in `docker exec` may: the gate replies with the address that its
 * client connected to, and 127.0.0.11 is the engine's. */
static void the_gate_and_the_engine_answer_by_other_names(void **state)
{
	const struct forged gate = {"2600::7", 443, "::1"};

	(void)state;
	build();
	assert_true(arrives(GATE, &gate));
	assert_true(arrives(0, &forged[0]));
}

static void all_of_ones_own_addresses_work(void)
{
	static const struct forged own[] = {{"127.0.0.1", 0, "127.0.0.1"},
		{"127.0.0.1", 53, "127.0.0.1"}, {"127.0.0.2", 0, "127.0.0.1"},
		{"127.0.0.12", 4000, "172.30.0.2"}, {"172.30.0.2", 0, "127.0.0.1"},
		{"172.30.0.2", 53, "172.30.0.2"}, {"172.30.9.9", 0, "127.0.0.1"},
		{"::1", 0, "::1"}, {"::1", 53, "::1"}, {"::1", 0, "2001:db8:9::2"},
		{"2001:db8:9::2", 0, "::1"}, {"2001:db8:9::2", 53, "2001:db8:9::2"},
		{"2001:db8:9:9::9", 0, "::1"}, {NULL, 0, "127.0.0.1"}, {NULL, 0, "::1"},
		{NULL, 0, "2001:db8:9:9::9"}, {"127.0.0.1", WORKERS_PORT, "127.0.0.1"},
		{"::1", 65535, "::1"}};

	for (size_t i = 0; i < sizeof(own) / sizeof(own[0]); i++)
		if (!arrives(PAYLOAD, &own[i]) || !connects(PAYLOAD, &own[i]))
			fail_msg("%s to %s is refused", own[i].source, own[i].to);
}

/* Also those added after the wall, as by `docker network connect`. */
static void ones_own_sources_are_open(void **state)
{
	static const char *const wire[] = {
		"172.30.0.2", "172.30.9.9", "2001:db8:9::2", "2001:db8:9:9::9"};

	(void)state;
	build();
	run("ip addr add 172.30.9.9/32 dev d-in && ip addr add 2001:db8:9:9::9/128 dev d-in "
	    "nodad");
	all_of_ones_own_addresses_work();
	for (size_t i = 0; i < sizeof(wire) / sizeof(wire[0]); i++) {
		struct attempt t = {.uid = PAYLOAD, .type = SOCK_STREAM, .source = wire[i]};

		attempt(&t, strchr(wire[i], ':') ? "2600::7" : "20.1.2.3", 22);
		if (!captured(wire[i], true))
			fail_msg("%s is refused", wire[i]);
	}
	run("ip addr del 172.30.9.9/32 dev d-in && ip addr del 2001:db8:9:9::9/128 dev d-in");
	assert_false(arrives(PAYLOAD, &(struct forged){"2001:db8:9:9::9", 0, "::1"}));
}

/* A kernel without nft_fib: IPv6 only on loopback. */
static void without_fib_ipv6_stays_inside(void **state)
{
	(void)state;
	config.no_fib = true;
	build();
	nothing_is_forged();
	assert_true(arrives(PAYLOAD, &(struct forged){"::1", 0, "::1"}));
	assert_true(connects(PAYLOAD, &(struct forged){NULL, 0, "::1"}));
	assert_true(arrives(PAYLOAD, &(struct forged){"127.0.0.2", 0, "127.0.0.1"}));
	assert_int_equal(tcp(PAYLOAD, "20.1.2.3", 22), 0);
	assert_int_not_equal(tcp(PAYLOAD, "2600::7", 22), 0);
	assert_false(reached("2600::7"));
	/* The gate isn't the payload. */
	pin("2600::7", 443);
	assert_int_equal(tcp(GATE, "2600::7", 443), 0);
}

/* ---- What the kernel remembers of the payload's packets ------------------------------ */

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

static bool got(int s, int type)
{
	struct pollfd p = {.fd = s, .events = POLLIN};
	char text[8];
	int c;

	if (poll(&p, 1, 100) != 1)
		return false;
	if (type == SOCK_DGRAM)
		return recv(s, text, sizeof(text), 0) == 6;
	c = accept(s, NULL, NULL);
	close(c);
	return c >= 0;
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

/* ---- Packets of nobody's ------------------------------------------------------------- */

/* A closed socket with octets left to send, which nobody acknowledges. */
static void leave_unsent(const char *to, uint16_t port)
{
	struct sockaddr_storage a;
	socklen_t len = to_sockaddr(to, port, &a);
	int s = socket(a.ss_family, SOCK_STREAM, 0);

	assert_int_equal(connect(s, (void *)&a, len), 0);
	enter(world_outside);
	run("nft 'table inet deaf { chain i { type filter hook input priority 0;"
	    "tcp dport %u drop; }; }'",
		port);
	enter(world_inside);
	assert_int_equal(send(s, "secret", 6, 0), 6);
	close(s);
}

/* Its packets leave as part of what was approved, and create no connection: they can't use
 * the pin. */
static void a_packet_without_owner_begins_nothing(void **state)
{
	static const char *const to[] = {"20.1.2.3", "2600::7"};

	(void)state;
	for (size_t i = 0; i < 2; i++) {
		build();
		leave_unsent(to[i], 22);
		captured(NULL, false);
		usleep(500 * 1000);
		assert_true(reached(to[i]));
		forget_connections();
		captured(NULL, false);
		usleep(1000 * 1000);
		assert_false(reached(to[i]));
		enter(world_outside);
		run("nft delete table inet deaf");
		enter(world_inside);
	}
}

/* Nor on loopback, where it would be in conntrack from then on. */
static void nor_on_loopback(void **state)
{
	static const char *const to[] = {"127.0.0.1", "::1"};
	static char text[1 << 18];

	(void)state;
	for (size_t i = 0; i < 2; i++) {
		int l = listener(i ? AF_INET6 : AF_INET, SOCK_STREAM, 7777), s;
		struct sockaddr_storage a;
		socklen_t len = to_sockaddr(to[i], 7777, &a);

		build();
		s = socket(a.ss_family, SOCK_STREAM | SOCK_NONBLOCK, 0);
		(void)!connect(s, (void *)&a, len);
		usleep(20 * 1000);
		run("nft 'table inet deaf { chain i { type filter hook input priority 0;"
		    "tcp dport 7777 counter drop; }; }'");
		assert_true(send(s, text, sizeof(text), 0) > 0);
		close(s);
		usleep(500 * 1000);
		run("! nft list table inet deaf | grep 'packets 0 '");
		/* If there is more than one segment, a retransmitted first one looks like
		 * any other. */
		forget_connections();
		run("nft delete table inet deaf; nft 'table inet deaf { chain i {"
		    "type filter hook input priority 0; tcp dport 7777 counter drop; }; }'");
		usleep(1500 * 1000);
		run("nft list table inet deaf | grep -q 'packets 0 '");
		run("nft delete table inet deaf");
		close(l);
	}
}

/* ---- The probe ----------------------------------------------------------------------- */

static void the_probe_forges_too(void **state)
{
	static const char *const open[] = {
		"insert rule inet codex_init sources4 ip saddr 127.0.0.11 accept",
		"insert rule inet codex_init sources4 ip saddr 127.0.0.11 udp sport 53 accept",
		"insert rule inet codex_init sources6 ip6 daddr ::1 accept",
		"insert rule inet codex_init sources4 udp sport 61000-65535 accept",
		"insert rule inet codex_init sources4 tcp sport 61000-65535 accept",
		"insert rule inet codex_init sources6 udp sport 61000-65535 accept",
		"insert rule inet codex_init sources4 udp sport 61000 accept",
		"insert rule inet codex_init sources4 udp sport 65535 accept",
		"insert rule inet codex_init sources6 udp sport 65535 accept",
		"insert rule inet codex_init output accept",
	};
	int us[] = {listener(AF_INET, SOCK_DGRAM, OUR_PORT),
		listener(AF_INET6, SOCK_DGRAM, OUR_PORT),
		listener(AF_INET, SOCK_STREAM, OUR_PORT),
		listener(AF_INET6, SOCK_STREAM, OUR_PORT)};
	struct failure bad;

	(void)state;
	build();
	assert_ok(wall_probe(&config, f));
	for (size_t i = 0; i < sizeof(open) / sizeof(open[0]); i++) {
		build();
		run("nft '%s'", open[i]);
		memset(&bad, 0, sizeof(bad));
		if (wall_probe(&config, &bad) == 0)
			fail_msg("not noticed: %s", open[i]);
		assert_true(bad.operation[0] && bad.subject[0] && bad.reason[0]);
	}
	config.no_fib = true;
	build();
	assert_ok(wall_probe(&config, f));
	/* What audit mode lets through isn't probed, but this is. */
	config.no_fib = false;
	config.audit = true;
	build();
	assert_ok(wall_probe(&config, f));
	run("nft '%s'", open[0]);
	assert_int_equal(wall_probe(&config, &bad), -1);
	for (size_t i = 0; i < sizeof(us) / sizeof(us[0]); i++)
		close(us[i]);
}

int main(void)
{
#define T(test) cmocka_unit_test_setup_teardown(test, begin, end)
	const struct CMUnitTest tests[] = {
		T(without_a_wall_every_source_is_anybodys),
		T(no_source_but_ones_own_leaves),
		T(not_in_audit_mode_either),
		T(nor_with_pins_alone),
		T(the_gate_and_the_engine_answer_by_other_names),
		T(ones_own_sources_are_open),
		T(without_fib_ipv6_stays_inside),
		T(nobody_becomes_the_engines_resolver),
		T(no_query_returns_to_the_resolver),
		T(no_connection_returns_to_the_gate),
		T(questions_from_other_ports_are_ours),
		T(nobody_answers_as_an_upstream_on_loopback),
		T(the_resolver_only_begins),
		T(a_packet_without_owner_begins_nothing),
		T(nor_on_loopback),
		T(the_probe_forges_too),
	};

	return cmocka_run_group_tests(tests, world, world_down);
}
