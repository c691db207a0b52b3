/*
 * The gate's part of the wall, tested as in test_wall_pins.c: whatever the payload sends to web
 * ports arrives at the gate and not on the wire, unless a rule for an address decides; and
 * only the gate can connect to a pin there. Runs as root.
 */
#include "wall_fixture.h"

#define GATE      UID_GATE
#define GATE_PORT 5443
/* <linux/netfilter_ipv4.h>: a redirected connection's destination. */
#define ORIGINAL_DST 80

static int gate4, gate6;

static void build(const char *const *allow, const char *const *deny)
{
	for (; allow && *allow; allow++)
		rule_add(&policy, *allow, RULE_ALLOW);
	for (; deny && *deny; deny++)
		rule_add(&policy, *deny, RULE_DENY);
	assert_int_equal(policy_compile(&policy), 0);
	assert_ok(wall_build(wall, &config, f));
	assert_ok(wall_verify(wall, &config, f));
	reached(NULL);
}

static void pin(const char *address, uint16_t port, bool private)
{
	struct pin p = {addr(address), port, private, 60};

	assert_ok(wall_pin(wall, &p, 1, f));
}

static int begin(void **state)
{
	(void)state;
	wall_config_new();
	config.gate_uid = GATE;
	config.gate_port = GATE_PORT;
	assert_ok(wall_open(&wall, f));
	gate4 = listener(AF_INET, SOCK_STREAM, GATE_PORT);
	gate6 = listener(AF_INET6, SOCK_STREAM, GATE_PORT);
	return 0;
}

static int end(void **state)
{
	(void)state;
	close(gate4);
	close(gate6);
	return wall_end();
}

/* Whether the last connection arrived at the gate, for this address and port. */
static bool gate_got(const char *address, uint16_t port)
{
	struct sockaddr_storage wanted, got = {0};
	bool six = strchr(address, ':') != NULL;
	socklen_t len = to_sockaddr(address, port, &wanted), got_len = len;
	struct pollfd p = {.fd = six ? gate6 : gate4, .events = POLLIN};
	int s = poll(&p, 1, 0) == 1 ? accept(p.fd, NULL, NULL) : -1;
	int done;

	if (s < 0)
		return false;
	done = getsockopt(s, six ? IPPROTO_IPV6 : IPPROTO_IP, ORIGINAL_DST, &got, &got_len);
	close(s);
	if (done < 0)
		return false;
	if (six)
		return memcmp(&((struct sockaddr_in6 *)&got)->sin6_addr,
			       &((struct sockaddr_in6 *)&wanted)->sin6_addr, 16) == 0 &&
		       ((struct sockaddr_in6 *)&got)->sin6_port == htons(port);
	return memcmp(&got, &wanted, 8) == 0;
}

static void the_web_goes_to_the_gate_and_not_out(void **state)
{
	static const char *const to[] = {"20.1.2.3", "2600::7"};

	(void)state;
	build(NULL, NULL);
	pin("20.1.2.3", 443, false);
	for (size_t i = 0; i < 2; i++) {
		assert_int_equal(tcp(PAYLOAD, to[i], 443), 0);
		assert_true(gate_got(to[i], 443));
		assert_int_equal(tcp(PAYLOAD, to[i], 80), 0);
		assert_true(gate_got(to[i], 80));
		/* Root in `docker exec` is treated the same. */
		assert_int_equal(tcp(0, to[i], 443), 0);
		assert_true(gate_got(to[i], 443));
		assert_false(reached(to[i]));
	}
}

static void other_ports_go_straight_to_their_pins(void **state)
{
	(void)state;
	build(NULL, NULL);
	pin("20.1.2.3", 22, false);
	assert_int_equal(tcp(PAYLOAD, "20.1.2.3", 22), 0);
	assert_true(reached("20.1.2.3"));
	assert_int_equal(tcp(PAYLOAD, "20.1.2.3", 8443), ECONNREFUSED);
	/* What a CONNECT requests from the gate, too. */
	assert_int_equal(tcp(GATE, "20.1.2.3", 22), 0);
	assert_true(reached("20.1.2.3"));
	assert_int_equal(tcp(GATE, "20.1.2.3", 8443), ECONNREFUSED);
	assert_false(gate_got("20.1.2.3", 22));
}

static void udp_on_the_webs_ports_is_refused(void **state)
{
	(void)state;
	build(NULL, NULL);
	pin("20.1.2.3", 443, false);
	assert_int_equal(udp(PAYLOAD, "20.1.2.3", 443), EPERM);
	assert_int_equal(udp(PAYLOAD, "2600::7", 80), EPERM);
}

static void only_the_gate_gets_to_a_pin(void **state)
{
	(void)state;
	build(NULL, NULL);
	pin("20.1.2.3", 443, false);
	pin("2600::7", 80, false);
	assert_int_equal(tcp(GATE, "20.1.2.3", 443), 0);
	assert_int_equal(tcp(GATE, "2600::7", 80), 0);
	assert_true(reached("2600::7"));
	/* And nothing else. */
	assert_int_equal(tcp(GATE, "20.1.2.4", 443), ECONNREFUSED);
	assert_int_equal(tcp(GATE, "20.1.2.3", 80), ECONNREFUSED);
	assert_int_equal(tcp(GATE, "2600::8", 443), ECONNREFUSED);
	assert_int_equal(udp(GATE, "20.1.2.3", 443), EPERM);
	assert_false(gate_got("20.1.2.4", 443));
	/* The resolver can't reach the web, nor the gate. */
	assert_int_equal(tcp(RESOLVER, "20.1.2.3", 443), ECONNREFUSED);
	assert_false(gate_got("20.1.2.3", 443));
}

/* A network was allowed as such, so there is no name to check. */
static void an_address_rule_bypasses_the_gate(void **state)
{
	static const char *const allow[] = {
		"20.1.0.0/16:443", "[2600:1::/32]:443", "10.9.0.0/16:80+private", NULL};

	(void)state;
	build(allow, NULL);
	assert_int_equal(tcp(PAYLOAD, "20.1.9.9", 443), 0);
	assert_true(reached("20.1.9.9"));
	assert_int_equal(tcp(PAYLOAD, "2600:1::5", 443), 0);
	assert_true(reached("2600:1::5"));
	assert_int_equal(tcp(PAYLOAD, "10.9.1.1", 80), 0);
	assert_true(reached("10.9.1.1"));
	assert_false(gate_got("20.1.9.9", 443));
	/* Only on its own port. */
	assert_int_equal(tcp(PAYLOAD, "20.1.9.9", 80), 0);
	assert_true(gate_got("20.1.9.9", 80));
	assert_false(reached("20.1.9.9"));
}

/* Addresses that no allowed name can have are refused without asking for a name. */
static void what_is_never_open_is_refused_at_once(void **state)
{
	static const char *const allow[] = {"20.0.0.0/8:443", NULL};
	static const char *const deny[] = {"20.6.0.0/16", "20.7.0.0/16:443", NULL};
	static const char *const to[] = {"169.254.169.254", "10.1.2.3", "192.168.1.1",
		"224.0.0.1", "fd00::1", "20.6.1.1", "20.7.1.1", "240.0.0.1"};

	(void)state;
	config.gateways[config.gateways_count++] = addr("45.9.9.1");
	build(allow, deny);
	for (size_t i = 0; i < sizeof(to) / sizeof(to[0]); i++) {
		assert_int_not_equal(tcp(PAYLOAD, to[i], 443), 0);
		assert_int_not_equal(tcp(PAYLOAD, to[i], 443), NO_ANSWER);
		assert_false(reached(to[i]));
	}
	assert_int_equal(tcp(PAYLOAD, "45.9.9.1", 443), ECONNREFUSED);
	assert_false(gate_got("10.1.2.3", 443));
}

static void a_private_pin_is_the_gates_too(void **state)
{
	(void)state;
	build(NULL, NULL);
	pin("10.1.2.3", 443, true);
	assert_int_equal(tcp(PAYLOAD, "10.1.2.3", 443), 0);
	assert_true(gate_got("10.1.2.3", 443));
	assert_false(reached("10.1.2.3"));
	assert_int_equal(tcp(GATE, "10.1.2.3", 443), 0);
	assert_true(reached("10.1.2.3"));
}

/* The kernel still knows a connection whose socket the gate has just closed. */
static void a_port_that_the_gate_used_does_not_bypass_it(void **state)
{
	struct attempt gate = {.uid = GATE, .type = SOCK_STREAM, .from = 40100};
	struct attempt payload = {.uid = PAYLOAD, .type = SOCK_STREAM, .from = 40100};

	(void)state;
	build(NULL, NULL);
	pin("20.1.2.3", 443, false);
	assert_int_equal(attempt(&gate, "20.1.2.3", 443), 0);
	assert_true(reached("20.1.2.3"));
	/*
	 * The gate's own connection is closed by now, in some state. What the payload sends
	 * from its port may arrive at the gate, or be refused, but isn't answered from
	 * outside.
	 */
	for (int i = 0; i < 2; i++) {
		int error = attempt(&payload, "20.1.2.3", 443);

		if (error == 0)
			assert_true(gate_got("20.1.2.3", 443));
		assert_false(reached("20.1.2.3"));
	}
}

static void loopback_servers_stay_the_payloads(void **state)
{
	int own = listener(AF_INET, SOCK_STREAM, 443);

	(void)state;
	build(NULL, NULL);
	assert_int_equal(tcp(PAYLOAD, "127.0.0.1", 443), 0);
	assert_int_equal(tcp(PAYLOAD, "172.30.0.2", 443), 0); /* its own address */
	assert_false(gate_got("127.0.0.1", 443));
	close(own);
}

static void a_socket_bound_to_the_device_goes_nowhere_else(void **state)
{
	struct attempt t = {.uid = PAYLOAD, .type = SOCK_STREAM, .device = "d-in"};

	(void)state;
	build(NULL, NULL);
	pin("20.1.2.3", 443, false);
	attempt(&t, "20.1.2.3", 443);
	attempt(&t, "2600::7", 443);
	assert_false(reached("20.1.2.3"));
	assert_false(reached("2600::7"));
	assert_false(reached("127.0.0.1"));
	assert_false(reached("::1"));
}

static void in_audit_mode_the_gate_goes_anywhere(void **state)
{
	(void)state;
	config.audit = true;
	build(NULL, NULL);
	assert_int_equal(tcp(GATE, "20.1.2.9", 443), 0);
	assert_true(reached("20.1.2.9"));
	assert_int_equal(tcp(PAYLOAD, "20.1.2.9", 443), 0);
	assert_true(gate_got("20.1.2.9", 443));
}

int main(void)
{
#define T(f) cmocka_unit_test_setup_teardown(f, begin, end)
	const struct CMUnitTest tests[] = {
		T(the_web_goes_to_the_gate_and_not_out),
		T(other_ports_go_straight_to_their_pins),
		T(udp_on_the_webs_ports_is_refused),
		T(only_the_gate_gets_to_a_pin),
		T(an_address_rule_bypasses_the_gate),
		T(what_is_never_open_is_refused_at_once),
		T(a_private_pin_is_the_gates_too),
		T(a_port_that_the_gate_used_does_not_bypass_it),
		T(loopback_servers_stay_the_payloads),
		T(a_socket_bound_to_the_device_goes_nowhere_else),
		T(in_audit_mode_the_gate_goes_anywhere),
	};
#undef T
	return cmocka_run_group_tests(tests, world_up, world_down);
}
