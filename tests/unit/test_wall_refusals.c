/* The wall counts refusals; audit; and the probe that doubts it. */
#include "wall_pins_fixture.h"

static void see(void *context, const struct wall_refusal *r)
{
	struct seen *s = context;

	if (s->count < 64)
		s->item[s->count++] = *r;
}

static uint64_t packets(const struct seen *s, const char *to, uint8_t protocol, uint16_t port)
{
	struct address a = addr(to);

	for (size_t i = 0; i < s->count; i++)
		if (address_compare(&s->item[i].address, &a) == 0 &&
			s->item[i].protocol == protocol && s->item[i].port == port)
			return s->item[i].packets;
	return 0;
}

static void ping(const char *to)
{
	static const unsigned char echo[8] = {8}, echo6[8] = {128};
	struct sockaddr_storage a;
	socklen_t len = to_sockaddr(to, 0, &a);
	bool six = a.ss_family == AF_INET6;
	int s = socket(a.ss_family, SOCK_DGRAM, six ? IPPROTO_ICMPV6 : IPPROTO_ICMP);

	assert_true(s >= 0);
	(void)!sendto(s, six ? echo6 : echo, 8, 0, (void *)&a, len); /* IPv6 tells no error */
	close(s);
}

static void refusals_are_counted(void **state)
{
	struct seen s = {0};

	(void)state;
	build();
	pin("20.1.2.3", 443, false, 0);
	assert_ok(wall_refusals(wall, see, &s, f));
	assert_int_equal(s.count, 0);
	tcp(PAYLOAD, "20.1.2.3", 443);
	tcp(PAYLOAD, "20.1.2.3", 22);
	tcp(PAYLOAD, "10.1.1.1", 22);
	udp(PAYLOAD, "20.1.2.3", 4000);
	udp(PAYLOAD, "20.1.2.3", 4000);
	udp(PAYLOAD, "20.1.2.3", 4000);
	tcp(PAYLOAD, "2600::9", 22);
	udp(PAYLOAD, "2600::9", 4000);
	tcp(PAYLOAD, "127.0.0.11", 5555);
	ping("20.3.3.3");
	ping("2600::a");
	assert_false(reached("2600::a"));
	assert_ok(wall_refusals(wall, see, &s, f));
	assert_int_equal(packets(&s, "20.1.2.3", IPPROTO_TCP, 22), 1);
	assert_int_equal(packets(&s, "10.1.1.1", IPPROTO_TCP, 22), 1);
	assert_int_equal(packets(&s, "20.1.2.3", IPPROTO_UDP, 4000), 3);
	assert_int_equal(packets(&s, "2600::9", IPPROTO_TCP, 22), 1);
	assert_int_equal(packets(&s, "2600::9", IPPROTO_UDP, 4000), 1);
	assert_int_equal(packets(&s, "127.0.0.11", IPPROTO_TCP, 5555), 1);
	assert_int_equal(packets(&s, "20.3.3.3", 0, 0), 1);
	assert_int_equal(packets(&s, "2600::a", 0, 0), 1);
	assert_int_equal(packets(&s, "20.1.2.3", IPPROTO_TCP, 443), 0);
	/* Nothing that the kernel sends by itself: multicast reports, resets. */
	assert_int_equal(s.count, 8);
}

static void count_only(void *context, const struct wall_refusal *r)
{
	(void)r;
	++*(size_t *)context;
}

static void a_scan_fills_a_bounded_set_and_is_still_refused(void **state)
{
	struct sockaddr_storage a;
	int s = socket(AF_INET, SOCK_DGRAM, 0);
	size_t count = 0;

	(void)state;
	build();
	for (uint16_t port = 1000; port < 4000; port++) {
		socklen_t len = to_sockaddr("20.1.2.3", port, &a);

		assert_int_equal(sendto(s, "secret", 6, 0, (void *)&a, len), -1);
	}
	close(s);
	assert_ok(wall_refusals(wall, count_only, &count, f));
	assert_in_range(count, 512, 1024);
	assert_false(reached("20.1.2.3"));
}

static void audit_lets_through_and_records(void **state)
{
	static const char *const deny[] = {"20.7.0.0/16", NULL};
	struct seen s = {0};

	(void)state;
	begin_with(NULL, deny);
	config.audit = true;
	build();
	assert_int_equal(tcp(PAYLOAD, "20.1.2.3", 22), 0);
	assert_int_equal(tcp(PAYLOAD, "20.7.2.3", 22), 0);
	assert_int_equal(tcp(PAYLOAD, "10.1.2.3", 22), 0);
	assert_int_equal(tcp(PAYLOAD, "2600::9", 22), 0);
	assert_int_equal(udp(PAYLOAD, "20.1.2.3", 443), 0);
	assert_true(reached("20.1.2.3"));
	assert_int_equal(tcp(PAYLOAD, "127.0.0.11", 5555), ECONNREFUSED);
	assert_ok(wall_refusals(wall, see, &s, f));
	assert_true(packets(&s, "20.1.2.3", IPPROTO_TCP, 22) > 0);
	assert_true(packets(&s, "20.7.2.3", IPPROTO_TCP, 22) > 0);
	assert_true(packets(&s, "10.1.2.3", IPPROTO_TCP, 22) > 0);
	assert_true(packets(&s, "2600::9", IPPROTO_TCP, 22) > 0);
	assert_int_equal(packets(&s, "20.1.2.3", IPPROTO_UDP, 443), 1);
}

static void the_probe_finds_an_open_wall(void **state)
{
	struct seen s = {0};
	struct failure bad = {0};

	(void)state;
	config.gateways[config.gateways_count++] = addr("172.30.0.1");
	config.gateways[config.gateways_count++] = addr("2001:db8:9::1");
	build();
	assert_ok(wall_probe(&config, f));
	assert_false(reached("198.51.100.1"));
	/* Its own attempts aren't counted as refusals; the payload's are. */
	assert_ok(wall_refusals(wall, see, &s, f));
	assert_int_equal(s.count, 0);
	tcp(PAYLOAD, "198.51.100.1", 9);
	assert_ok(wall_refusals(wall, see, &s, f));
	assert_int_equal(packets(&s, "198.51.100.1", IPPROTO_TCP, 9), 1);
	run("nft insert rule inet codex_init egress6 ip6 daddr 2001:db8::1 accept");
	assert_int_equal(wall_probe(&config, &bad), -1);
	assert_non_null(strstr(bad.subject, "2001:db8::1"));
	build();
	run("nft insert rule inet codex_init egress4 ip daddr 169.254.169.254 udp dport 80 "
	    "accept");
	assert_int_equal(wall_probe(&config, &bad), -1);
	build();
	run("nft insert rule inet codex_init egress4 ip daddr 172.30.0.1 accept");
	assert_int_equal(wall_probe(&config, &bad), -1);
	assert_non_null(strstr(bad.subject, "172.30.0.1"));
	build();
	/* Not let through, but not refused at once either. */
	run("nft insert rule inet codex_init egress4 ip daddr 198.51.100.1 tcp dport 9 drop");
	assert_int_equal(wall_probe(&config, &bad), -1);
	assert_non_null(strstr(bad.reason, "at once"));
	run("nft delete table inet codex_init");
	assert_int_equal(wall_probe(&config, &bad), -1);
}

/* A rule may be about the gateway: what it opens isn't a hole. */
static void the_probe_knows_what_a_rule_opens(void **state)
{
	static const char *const allow[] = {"172.30.0.1:9+private", NULL};
	struct failure bad = {0};
	int door;

	(void)state;
	enter(world_outside);
	door = listener(AF_INET, SOCK_STREAM, 9);
	enter(world_inside);
	begin_with(allow, NULL);
	config.gateways[config.gateways_count++] = addr("172.30.0.1");
	build();
	assert_ok(wall_probe(&config, f));
	assert_int_equal(tcp(PAYLOAD, "172.30.0.1", 9), 0);
	/* What no rule is about is one. */
	begin_with(NULL, NULL);
	build();
	assert_ok(wall_probe(&config, f));
	run("nft insert rule inet codex_init egress4 ip daddr 172.30.0.1 tcp dport 9 accept");
	assert_int_equal(wall_probe(&config, &bad), -1);
	assert_non_null(strstr(bad.subject, "the gateway"));
	close(door);
}

int main(void)
{
#define W(test) cmocka_unit_test_setup_teardown(test, begin, end)
	const struct CMUnitTest tests[] = {
		W(refusals_are_counted),
		W(a_scan_fills_a_bounded_set_and_is_still_refused),
		W(audit_lets_through_and_records),
		W(the_probe_finds_an_open_wall),
		W(the_probe_knows_what_a_rule_opens),
	};

	return cmocka_run_group_tests(tests, world_up, world_down);
}
