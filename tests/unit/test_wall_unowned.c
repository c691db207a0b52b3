/* Packets that no socket owns; and the probe, which forges, too. */
#include "wall_sources_fixture.h"

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
		T(a_packet_without_owner_begins_nothing),
		T(nor_on_loopback),
		T(the_probe_forges_too),
	};

	return cmocka_run_group_tests(tests, world, world_down);
}
