/* The wall and DNS: upstreams, port 53, the engine's resolver. */
#include "wall_pins_fixture.h"

static void upstream(const char *address, uint16_t port)
{
	config.upstreams[config.upstreams_count++] = (struct endpoint){addr(address), port};
}

static void only_the_resolver_reaches_the_upstreams(void **state)
{
	(void)state;
	upstream("9.9.9.9", 53);
	upstream("172.30.0.53", 53);
	upstream("2620:fe::fe", 53);
	build();
	assert_int_equal(udp(RESOLVER, "9.9.9.9", 53), 0);
	assert_true(reached("9.9.9.9"));
	assert_int_equal(tcp(RESOLVER, "9.9.9.9", 53), 0);
	assert_int_equal(udp(RESOLVER, "2620:fe::fe", 53), 0);
	assert_true(reached("2620:fe::fe"));
	assert_int_equal(tcp(RESOLVER, "2620:fe::fe", 53), 0);
	/* Nothing else, not even what is pinned for the payload. */
	pin("20.1.2.3", 443, false, 0);
	assert_int_equal(tcp(RESOLVER, "20.1.2.3", 443), ECONNREFUSED);
	assert_int_equal(tcp(RESOLVER, "9.9.9.9", 443), ECONNREFUSED);
	assert_int_equal(udp(RESOLVER, "9.9.9.8", 53), EPERM);
	assert_int_equal(udp(RESOLVER, "2620:fe::ff", 53), EPERM);
	/* And nobody else: root's queries come to our resolver if there is no other. */
	reached(NULL);
	udp(0, "9.9.9.9", 53);
	assert_int_equal(tcp(0, "9.9.9.9", 53), ECONNREFUSED);
	udp(0, "2620:fe::fe", 53);
	assert_false(reached("9.9.9.9"));
	assert_false(reached("2620:fe::fe"));
}

/* An upstream on a port other than 53 isn't redirected, so the wall must refuse it. */
static void an_upstream_on_another_port(void **state)
{
	(void)state;
	upstream("9.9.9.9", 8443);
	build();
	pin("9.9.9.9", 8443, false, 0);
	assert_int_equal(tcp(RESOLVER, "9.9.9.9", 8443), 0);
	assert_int_equal(tcp(PAYLOAD, "9.9.9.9", 8443), ECONNREFUSED);
	assert_int_equal(udp(PAYLOAD, "9.9.9.9", 8443), EPERM);
}

static void comes_to_our_resolver(uid_t uid, const char *server)
{
	int family = strchr(server, ':') ? AF_INET6 : AF_INET;
	int u = listener(family, SOCK_DGRAM, OUR_PORT);
	int t = listener(family, SOCK_STREAM, OUR_PORT);
	struct pollfd p = {.fd = u, .events = POLLIN};
	char text[16];

	assert_int_equal(udp(uid, server, 53), 0);
	assert_int_equal(poll(&p, 1, ATTEMPT_MS), 1);
	assert_int_equal(recv(u, text, sizeof(text), 0), 6);
	assert_int_equal(tcp(uid, server, 53), 0);
	p.fd = t;
	assert_int_equal(poll(&p, 1, ATTEMPT_MS), 1);
	close(u);
	close(t);
	assert_false(reached(server));
}

static void port_53_comes_to_our_resolver(void **state)
{
	static const char *const servers[] = {
		"8.8.8.8", "127.0.0.11", "172.30.0.1", "2001:4860::8", "10.1.1.1"};

	(void)state;
	upstream("9.9.9.9", 53);
	build();
	pin("8.8.8.8", 53, false, 0);
	for (size_t i = 0; i < sizeof(servers) / sizeof(servers[0]); i++) {
		comes_to_our_resolver(PAYLOAD, servers[i]);
		/* Root in `docker exec` uses ours, too. */
		comes_to_our_resolver(0, servers[i]);
	}
	assert_int_equal(tcp(PAYLOAD, "8.8.8.8", 853), ECONNREFUSED);
}

/* A socket bound to the device would put its redirected query on the wire, with a loopback
 * address as its destination. */
static void a_bound_socket_takes_no_question_out(void **state)
{
	struct attempt t = {.uid = PAYLOAD, .type = SOCK_DGRAM, .device = "d-in"};

	(void)state;
	build();
	attempt(&t, "8.8.8.8", 53);
	attempt(&t, "2001:4860::8", 53);
	attempt(&t, "127.0.0.1", 53);
	attempt(&t, "::1", 53);
	attempt(&t, "127.0.0.1", OUR_PORT);
	attempt(&t, "::1", OUR_PORT);
	attempt(&t, "::1", 80);
	usleep(20 * 1000);
	{
		unsigned char frame[2048];
		ssize_t len;

		while ((len = recv(world_capture, frame, sizeof(frame), 0)) > 0)
			assert_null(memmem(frame, (size_t)len, "secret", 6));
	}
}

/* The resolver's UDP "connection" stays in conntrack for 30 s after its socket was closed. A
 * payload that takes over the source port must not benefit from it. */
static void the_resolvers_flows_cannot_be_reused(void **state)
{
	struct attempt t = {.uid = RESOLVER, .type = SOCK_DGRAM, .from = 40001};

	(void)state;
	upstream("9.9.9.9", 53);
	build();
	assert_int_equal(attempt(&t, "9.9.9.9", 53), 0);
	t.uid = PAYLOAD;
	reached(NULL);
	attempt(&t, "9.9.9.9", 53);
	usleep(20 * 1000);
	assert_false(reached("9.9.9.9"));
}

static void the_embedded_resolver(void **state)
{
	int s;

	(void)state;
	config.embedded_dns = true;
	upstream("127.0.0.11", 53);
	build();
	s = listener(AF_INET, SOCK_STREAM, 34567); /* like the engine's: a random port */
	assert_int_equal(tcp(RESOLVER, "127.0.0.11", 34567), 0);
	assert_int_equal(tcp(PAYLOAD, "127.0.0.11", 34567), ECONNREFUSED);
	assert_int_equal(udp(PAYLOAD, "127.0.0.11", 34567), EPERM);
	assert_int_equal(tcp(0, "127.0.0.11", 34567), ECONNREFUSED);
	/* Other loopback is open, and so is a name for the same listener. */
	assert_int_equal(tcp(PAYLOAD, "127.0.0.1", 34567), 0);
	assert_int_equal(tcp(PAYLOAD, "127.0.0.12", 34567), 0);
	/* Root's queries to the engine's address are answered by ours. */
	comes_to_our_resolver(0, "127.0.0.11");
	/* Older engines forward from in here as root, only to port 53. */
	assert_int_equal(udp(0, "8.8.4.4", 53), 0);
	assert_true(reached("8.8.4.4"));
	assert_int_equal(tcp(0, "8.8.4.4", 53), 0);
	assert_int_equal(udp(0, "8.8.4.4", 443), EPERM);
	assert_int_equal(udp(RESOLVER, "8.8.4.4", 53), EPERM);
	close(s);
}

/* The engine's resolver may be there although it isn't used: --upstream was given. */
static void the_embedded_resolver_unasked(void **state)
{
	int s;

	(void)state;
	upstream("9.9.9.9", 53);
	build();
	s = listener(AF_INET, SOCK_STREAM, 34567);
	assert_int_equal(tcp(PAYLOAD, "127.0.0.11", 34567), ECONNREFUSED);
	assert_int_equal(tcp(RESOLVER, "127.0.0.11", 34567), ECONNREFUSED);
	assert_int_equal(tcp(PAYLOAD, "127.0.0.1", 34567), 0);
	close(s);
}

int main(void)
{
#define W(test) cmocka_unit_test_setup_teardown(test, begin, end)
	const struct CMUnitTest tests[] = {
		W(only_the_resolver_reaches_the_upstreams),
		W(an_upstream_on_another_port),
		W(port_53_comes_to_our_resolver),
		W(a_bound_socket_takes_no_question_out),
		W(the_resolvers_flows_cannot_be_reused),
		W(the_embedded_resolver),
		W(the_embedded_resolver_unasked),
	};

	return cmocka_run_group_tests(tests, world_up, world_down);
}
