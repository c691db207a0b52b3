/*
 * Policy routing to the gate, with the wall: what arrives at the gate's socket unchanged,
 * what arrives through NAT, and what goes elsewhere. Checked as in test_wall_pins.c. Runs as
 * root.
 */
#include "wall_fixture.h"

#include <netinet/in.h>
#include <poll.h>

#include "../../init/route/divert.h"

#define GATE      UID_GATE
#define GATE_PORT 5443
/* <linux/netfilter_ipv4.h>: a connection's destination before NAT. */
#define ORIGINAL_DST 80
/* Rules that lead to the gate, per family. */
#define WAY 5

static struct wall *wall;
static struct routes *routes;
static struct policy policy;
static struct wall_config config;
static int gate4, gate6;

static void build(void)
{
	assert_int_equal(policy_compile(&policy), 0);
	assert_ok(routes_open(&routes, f));
	config.gateways_count = routes_gateways(routes, config.gateways);
	assert_ok(wall_build(wall, &config, f));
	assert_ok(wall_verify(wall, &config, f));
	assert_ok(routes_build(routes, &config, f));
	divert_build(routes, &config);
	assert_ok(routes_verify(routes, &config, f));
	reached(NULL);
}

static void pin(const char *address, uint16_t port)
{
	struct pin p = {addr(address), port, PIN_PUBLIC, 60};

	assert_ok(wall_pin(wall, &p, 1, f));
}

static int begin(void **state)
{
	int on = 1;

	(void)state;
	policy_init(&policy);
	config = (struct wall_config){.policy = &policy,
		.resolver_uid = RESOLVER,
		.resolver_port = OUR_PORT,
		.gate_uid = GATE,
		.gate_port = GATE_PORT,
		.diverts = true};
	assert_ok(wall_open(&wall, f));
	gate4 = listener(AF_INET, SOCK_STREAM, GATE_PORT);
	gate6 = listener(AF_INET6, SOCK_STREAM, GATE_PORT);
	assert_int_equal(setsockopt(gate4, IPPROTO_IP, IP_TRANSPARENT, &on, sizeof(on)), 0);
	assert_int_equal(setsockopt(gate6, IPPROTO_IPV6, IPV6_TRANSPARENT, &on, sizeof(on)), 0);
	return 0;
}

static int end(void **state)
{
	(void)state;
	divert_end(routes);
	routes_close(routes);
	routes = NULL;
	close(gate4);
	close(gate6);
	wall_close(wall);
	policy_free(&policy);
	run("nft flush ruleset; for f in -4 -6; do for t in 121 122; do ip $f route flush "
	    "table $t;"
	    " done; while ip $f rule del proto 121 2>/dev/null; do :; done; done");
	return 0;
}

/* How the last connection reached the gate. */
enum { NOT_AT_ALL, BY_ROUTING, BY_NAT };

static bool same_place(const struct sockaddr_storage *a, const struct sockaddr_storage *b)
{
	const struct sockaddr_in6 *x = (const void *)a, *y = (const void *)b;

	if (a->ss_family == AF_INET6)
		return x->sin6_port == y->sin6_port &&
		       memcmp(&x->sin6_addr, &y->sin6_addr, 16) == 0;
	return memcmp(a, b, 8) == 0;
}

/* Accepts it; *out, if not NULL, becomes its socket. */
static int came(const char *address, uint16_t port, int *out)
{
	struct sockaddr_storage wanted, here = {0}, before = {0};
	bool six = strchr(address, ':') != NULL;
	socklen_t here_len = sizeof(here), before_len;
	struct pollfd p = {.fd = six ? gate6 : gate4, .events = POLLIN};
	int s = poll(&p, 1, 0) == 1 ? accept(p.fd, NULL, NULL) : -1, how = NOT_AT_ALL;

	before_len = to_sockaddr(address, port, &wanted);
	if (s < 0)
		return NOT_AT_ALL;
	assert_int_equal(getsockname(s, (void *)&here, &here_len), 0);
	if (same_place(&here, &wanted))
		how = BY_ROUTING;
	else if (getsockopt(s, six ? IPPROTO_IPV6 : IPPROTO_IP, ORIGINAL_DST, &before,
			 &before_len) == 0 &&
		 same_place(&before, &wanted))
		how = BY_NAT;
	if (out)
		*out = s;
	else
		close(s);
	return how;
}

/* The number of our rules that lead to the gate. */
static unsigned rules(void)
{
	FILE *p = popen("(ip rule; ip -6 rule) | grep 'proto 121' |"
			" grep -c 'lookup 121\\|suppress'",
		"r");
	unsigned count = 99;

	assert_non_null(p);
	assert_int_equal(fscanf(p, "%u", &count), 1);
	pclose(p);
	return count;
}

static void the_web_comes_as_it_was_sent(void **state)
{
	static const char *const to[] = {"20.1.2.3", "2600::7"};

	(void)state;
	build();
	for (size_t i = 0; i < 2; i++) {
		assert_int_equal(tcp(PAYLOAD, to[i], 443), 0);
		assert_int_equal(came(to[i], 443, NULL), BY_ROUTING);
		assert_int_equal(tcp(PAYLOAD, to[i], 80), 0);
		assert_int_equal(came(to[i], 80, NULL), BY_ROUTING);
		assert_false(reached(to[i]));
	}
}

static void nothing_else_is_diverted(void **state)
{
	(void)state;
	build();
	assert_int_equal(tcp(PAYLOAD, "20.1.2.3", 8443), ECONNREFUSED);
	assert_int_equal(udp(PAYLOAD, "20.1.2.3", 443), EPERM);
	assert_int_equal(udp(PAYLOAD, "2600::7", 80), EPERM);
	assert_int_equal(came("20.1.2.3", 8443, NULL), NOT_AT_ALL);
	/* The container's root isn't the payload: it gets NAT. */
	assert_int_equal(tcp(0, "20.1.2.3", 443), 0);
	assert_int_equal(came("20.1.2.3", 443, NULL), BY_NAT);
	assert_false(reached("20.1.2.3"));
}

static void the_gate_itself_gets_out(void **state)
{
	(void)state;
	build();
	pin("20.1.2.3", 443);
	pin("2600::7", 80);
	assert_int_equal(tcp(GATE, "20.1.2.3", 443), 0);
	assert_int_equal(tcp(GATE, "2600::7", 80), 0);
	assert_true(reached("20.1.2.3"));
	assert_int_equal(came("20.1.2.3", 443, NULL), NOT_AT_ALL);
	assert_int_equal(tcp(GATE, "20.1.2.4", 443), ECONNREFUSED);
}

/* RFC 3704: only the address decides about the return path. */
static void strict_reverse_paths_are_kept(void **state)
{
	(void)state;
	run("echo 1 >/proc/sys/net/ipv4/conf/all/rp_filter");
	build();
	pin("20.1.2.3", 443);
	assert_int_equal(tcp(GATE, "20.1.2.3", 443), 0);
	assert_int_equal(tcp(PAYLOAD, "20.1.2.3", 443), 0);
	assert_int_equal(came("20.1.2.3", 443, NULL), BY_ROUTING);
	run("echo 0 >/proc/sys/net/ipv4/conf/all/rp_filter");
}

static void networks_of_rules_are_the_walls(void **state)
{
	(void)state;
	rule_add(&policy, "20.5.0.0/16:443", RULE_ALLOW);
	rule_add(&policy, "20.6.0.0/16", RULE_DENY);
	rule_add(&policy, "[2600:5::/32]:80", RULE_ALLOW);
	build();
	assert_int_equal(tcp(PAYLOAD, "20.5.1.1", 443), 0);
	assert_true(reached("20.5.1.1"));
	assert_int_equal(tcp(PAYLOAD, "2600:5::1", 80), 0);
	assert_true(reached("2600:5::1"));
	assert_int_equal(tcp(PAYLOAD, "20.6.1.1", 443), ECONNREFUSED);
	assert_int_equal(came("20.6.1.1", 443, NULL), NOT_AT_ALL);
	/* On its other web port a network needs a name, and gets NAT. */
	assert_int_equal(tcp(PAYLOAD, "20.5.1.1", 80), 0);
	assert_int_equal(came("20.5.1.1", 80, NULL), BY_NAT);
}

static void a_rule_about_every_address_is_the_walls(void **state)
{
	(void)state;
	rule_add(&policy, "0.0.0.0/0:443", RULE_ALLOW);
	rule_add(&policy, "[::/0]:443", RULE_ALLOW);
	build();
	assert_int_equal(tcp(PAYLOAD, "20.5.1.1", 443), 0);
	assert_true(reached("20.5.1.1"));
	assert_int_equal(tcp(PAYLOAD, "2600::7", 443), 0);
	assert_true(reached("2600::7"));
	assert_int_equal(came("20.5.1.1", 443, NULL), NOT_AT_ALL);
	assert_int_equal(tcp(PAYLOAD, "20.5.1.1", 80), 0);
	assert_int_equal(came("20.5.1.1", 80, NULL), BY_NAT);
	assert_int_equal(tcp(PAYLOAD, "2600::7", 80), 0);
	assert_int_equal(came("2600::7", 80, NULL), BY_NAT);
}

/* Networks for which the main table has more than its default route. */
static void connected_networks_are_the_walls(void **state)
{
	(void)state;
	build();
	assert_int_equal(tcp(PAYLOAD, "172.30.0.1", 443), ECONNREFUSED);
	assert_int_equal(came("172.30.0.1", 443, NULL), NOT_AT_ALL);
	assert_false(reached("172.30.0.1"));
}

/* Whether one of our sockets is still waiting for its last acknowledgement (LAST_ACK). */
static bool unheard(const char *table)
{
	char line[512];
	bool found = false;
	FILE *t = fopen(table, "r");

	assert_non_null(t);
	while (fgets(line, sizeof(line), t))
		found |= strstr(line, ":01BB ") && strstr(line, " 09 ");
	fclose(t);
	return found;
}

/* Before any retransmission (200 ms, TCP_RTO_MIN): on lo it is there when send() returns. */
#define AT_ONCE_MS 100

/*
 * What the kernel sends on behalf of a client that is gone (RFC 9293 §3.10.7: a reset, an
 * acknowledgement of the gate's FIN) doesn't have the payload's uid, and must reach the gate
 * nevertheless.
 */
static void the_gate_hears_of_the_end(const char *address, const char *table)
{
	struct pollfd p = {.fd = -1, .events = POLLERR | POLLHUP};
	int error = 0;
	socklen_t len = sizeof(error);

	assert_int_equal(tcp(PAYLOAD, address, 443), 0);
	assert_int_equal(came(address, 443, &p.fd), BY_ROUTING);
	assert_int_equal(send(p.fd, "x", 1, MSG_NOSIGNAL), 1);
	assert_int_equal(poll(&p, 1, AT_ONCE_MS), 1);
	getsockopt(p.fd, SOL_SOCKET, SO_ERROR, &error, &len);
	assert_true(error == ECONNRESET || error == EPIPE);
	close(p.fd);

	assert_int_equal(tcp(PAYLOAD, address, 443), 0);
	assert_int_equal(came(address, 443, NULL), BY_ROUTING);
	usleep(AT_ONCE_MS * 1000);
	assert_false(unheard(table));
	assert_false(reached(address));
}

static void a_clients_end_is_noticed(void **state)
{
	(void)state;
	build();
	the_gate_hears_of_the_end("20.1.2.3", "/proc/net/tcp");
	the_gate_hears_of_the_end("2600::7", "/proc/net/tcp6");
}

/* Connects from an address of the container, as `curl --interface ADDRESS`. */
static int from(const char *own, const char *to, uint16_t port)
{
	struct sockaddr_storage a, b;
	socklen_t a_len = to_sockaddr(own, 0, &a), b_len = to_sockaddr(to, port, &b);
	int status;
	pid_t pid = fork();

	if (pid == 0) {
		int s;

		if (setgroups(0, NULL) < 0 || setresgid(PAYLOAD, PAYLOAD, PAYLOAD) < 0 ||
			setresuid(PAYLOAD, PAYLOAD, PAYLOAD) < 0)
			_exit(100);
		s = socket(a.ss_family, SOCK_STREAM, 0);
		_exit(bind(s, (void *)&a, a_len) < 0        ? 101
			: connect(s, (void *)&b, b_len) < 0 ? errno
							    : 0);
	}
	waitpid(pid, &status, 0);
	return WEXITSTATUS(status);
}

static void a_client_may_choose_its_address(void **state)
{
	(void)state;
	build();
	assert_int_equal(from("172.30.0.2", "20.1.2.3", 443), 0);
	assert_int_equal(came("20.1.2.3", 443, NULL), BY_ROUTING);
	assert_int_equal(from("2001:db8:9::2", "2600::7", 443), 0);
	assert_int_equal(came("2600::7", 443, NULL), BY_ROUTING);
}

/* The payload's own servers can use the web's ports. */
static void loopback_servers_stay_the_payloads(void **state)
{
	static const char *const own[] = {"127.0.0.1", "172.30.0.2", "::1", "2001:db8:9::2"};
	int diverted, server4, server6, on = 1;

	(void)state;
	build();
	setsockopt(gate4, SOL_SOCKET, SO_REUSEADDR, &on, sizeof(on));
	assert_int_equal(tcp(PAYLOAD, "20.1.2.3", 443), 0);
	assert_int_equal(came("20.1.2.3", 443, &diverted), BY_ROUTING);
	server4 = listener(AF_INET, SOCK_STREAM, 443);
	server6 = listener(AF_INET6, SOCK_STREAM, 443);
	for (size_t i = 0; i < sizeof(own) / sizeof(own[0]); i++) {
		struct pollfd p = {.fd = i < 2 ? server4 : server6, .events = POLLIN};

		assert_int_equal(tcp(PAYLOAD, own[i], 443), 0);
		assert_int_equal(came(own[i], 443, NULL), NOT_AT_ALL);
		assert_int_equal(poll(&p, 1, 0), 1);
		close(accept(p.fd, NULL, NULL));
	}
	/* And can't reach the outside. */
	assert_int_equal(tcp(PAYLOAD, "20.1.2.3", 443), 0);
	assert_int_equal(came("20.1.2.3", 443, NULL), BY_ROUTING);
	close(diverted);
	close(server4);
	close(server6);
}

static void without_the_rules_nat_does_it(void **state)
{
	(void)state;
	build();
	assert_int_equal(rules(), 2 * WAY);
	/* Building twice adds nothing twice. */
	divert_build(routes, &config);
	assert_int_equal(rules(), 2 * WAY);
	divert_end(routes);
	assert_int_equal(rules(), 0);
	assert_int_equal(tcp(PAYLOAD, "20.1.2.3", 443), 0);
	assert_int_equal(came("20.1.2.3", 443, NULL), BY_NAT);
	assert_false(reached("20.1.2.3"));
	/* A run without a gate after one that had one. */
	divert_build(routes, &config);
	config.diverts = false;
	divert_build(routes, &config);
	assert_int_equal(rules(), 0);
}

/* Without a route out, nothing is diverted: unreachable stays unreachable. */
static void a_family_without_a_way_out_has_none_to_the_gate(void **state)
{
	(void)state;
	run("ip -6 route del default");
	build();
	assert_int_equal(rules(), WAY);
	assert_int_equal(tcp(PAYLOAD, "2600::7", 443), ENETUNREACH);
	assert_int_equal(tcp(PAYLOAD, "20.1.2.3", 443), 0);
	assert_int_equal(came("20.1.2.3", 443, NULL), BY_ROUTING);
	run("ip -6 route add default via 2001:db8:9::1");
}

/* Without ::1 there is no source address, so that family gets NAT as before. */
static void a_family_that_cannot_be_diverted_goes_by_nat(void **state)
{
	(void)state;
	run("ip addr del ::1/128 dev lo");
	build();
	assert_int_equal(rules(), WAY);
	assert_int_equal(tcp(PAYLOAD, "20.1.2.3", 443), 0);
	assert_int_equal(came("20.1.2.3", 443, NULL), BY_ROUTING);
	run("ip addr add ::1/128 dev lo");
	assert_int_equal(tcp(PAYLOAD, "2600::7", 443), 0);
	assert_int_equal(came("2600::7", 443, NULL), BY_NAT);
}

static void without_a_gate_it_is_refused(void **state)
{
	(void)state;
	build();
	close(gate4);
	divert_end(routes);
	assert_int_equal(tcp(PAYLOAD, "20.1.2.3", 443), ECONNREFUSED);
	assert_false(reached("20.1.2.3"));
}

int main(void)
{
#define T(f) cmocka_unit_test_setup_teardown(f, begin, end)
	const struct CMUnitTest tests[] = {
		T(the_web_comes_as_it_was_sent),
		T(nothing_else_is_diverted),
		T(the_gate_itself_gets_out),
		T(strict_reverse_paths_are_kept),
		T(networks_of_rules_are_the_walls),
		T(a_rule_about_every_address_is_the_walls),
		T(connected_networks_are_the_walls),
		T(a_clients_end_is_noticed),
		T(a_client_may_choose_its_address),
		T(loopback_servers_stay_the_payloads),
		T(without_the_rules_nat_does_it),
		T(a_family_without_a_way_out_has_none_to_the_gate),
		T(a_family_that_cannot_be_diverted_goes_by_nat),
		T(without_a_gate_it_is_refused),
	};
#undef T
	return cmocka_run_group_tests(tests, world_up, world_down);
}
