/* The second fence is read back; a second start, a bound, audit, no capability. */
#include "routes_fixture.h"

static void every_change_is_found(void **state)
{
	static const char *const tampering[] = {
		"ip rule del pref 10 to 10.0.0.0/8",
		"ip rule del pref 8 to 169.254.0.0/16",
		"ip rule del pref 10 to 10.0.0.0/8 && ip rule add pref 10 to 10.0.0.0/9 "
		"prohibit",
		"ip rule del pref 10 to 10.0.0.0/8 && ip rule add pref 10 to 10.0.0.0/8 nop",
		"ip rule del pref 10 to 10.0.0.0/8 && "
		"ip rule add pref 40000 to 10.0.0.0/8 prohibit",
		"ip rule del pref 10 to 10.0.0.0/8 && "
		"ip rule add pref 10 to 10.0.0.0/8 prohibit fwmark 1",
		"ip rule del pref 10 to 10.0.0.0/8 && "
		"ip rule add pref 10 to 10.0.0.0/8 prohibit iif lo",
		"ip rule del pref 10 to 10.0.0.0/8 && "
		"ip rule add not pref 10 to 10.0.0.0/8 prohibit",
		"ip rule del pref 10 to 10.0.0.0/8 && "
		"ip rule add pref 10 to 10.0.0.0/8 prohibit uidrange 7-7",
		"ip rule del pref 10 to 10.0.0.0/8 && "
		"ip rule add pref 10 to 10.0.0.0/8 prohibit ipproto udp",
		"ip rule add pref 6 to 10.0.0.0/9 lookup main",
		"ip rule add pref 9 lookup main",
		"ip -6 rule del pref 10 to fc00::/7",
		"ip -6 rule add pref 9 to fd12::/16 lookup main",
		"ip rule del pref 2 && ip rule add pref 2 lookup main uidrange 0-1000",
		"ip rule del pref 2",
		"ip rule del pref 3",
		"ip rule del pref 3 && ip rule add pref 3 uidrange 65310-65312 goto 10",
		"ip rule del pref 3 && ip rule add pref 3 uidrange 1000-65312 goto 5",
		"ip -6 rule del pref 4",
		"ip rule del pref 5",
		"ip rule del pref 6",
		"ip rule del pref 11",
		"ip rule add pref 1 lookup main",
		"ip rule add pref 1 lookup 121",
		"ip rule add pref 2 lookup main",
		"ip rule add pref 0 to 10.0.0.0/8 lookup main",
		"ip -6 rule add pref 0 to fd00::/8 lookup main",
		"ip -6 rule add pref 1 ipproto tcp lookup main",
		"ip -6 rule del pref 7 to 64:ff9b::/96",
		"ip -6 rule del pref 7 to 64:ff9b::a9fe:0/112",
		"ip -6 rule del pref 10 to 64:ff9b::a00:0/104",
		"ip -6 rule add pref 7 to 64:ff9b::a9fe:a9fe goto 9",
		"ip rule del pref 8 to 100.100.100.200",
		"ip route replace default via 172.17.0.1 table 122",
		"ip route add 10.0.0.0/8 via 172.17.0.1 table 121",
	};

	(void)state;
	for (size_t i = 0; i < sizeof(tampering) / sizeof(tampering[0]); i++) {
		struct failure f = {0};

		assert_int_equal(unshare(CLONE_NEWNET), 0);
		run("ip link set lo up");
		bridge();
		routes_close(routes);
		config.upstreams_count = 0;
		fence();
		run(tampering[i]);
		if (routes_verify(routes, &config, &f) == 0)
			fail_msg("not found: %s", tampering[i]);
		assert_true(f.operation[0] && f.subject[0] && f.reason[0]);
	}
}

/* Rules after ours, as CNI plugins of several networks add them, aren't ours. */
static void rules_behind_the_fence_are_others(void **state)
{
	(void)state;
	bridge();
	run("ip rule add pref 100 from 172.17.0.2 lookup 100 && "
	    "ip route add default via 172.17.0.9 table 100");
	fence();
	assert_way("10.1.1.1", "prohibited");
}

/* A pod's namespace outlives its containers: the fence of the first start is there. */
static void a_second_start_in_the_same_namespace(void **state)
{
	struct address beyond = {4, {10, 3, 3, 3}};
	struct failure f = {0};

	(void)state;
	bridge();
	upstream("10.0.0.53");
	fence();
	assert_int_equal(routes_allow(routes, &beyond, &f), 0);
	routes_close(routes);
	fence();
	assert_way("10.0.0.53", "via 172.17.0.1");
	assert_way("10.3.3.3", "prohibited");
	assert_way("172.17.0.9", "prohibited");
	assert_int_equal(routes_allow(routes, &beyond, &f), 0);
	assert_way("10.3.3.3", "via 172.17.0.1");
}

static void ipv6_switched_off(void **state)
{
	char *six;

	(void)state;
	run("for i in all default lo; do echo 1 >/proc/sys/net/ipv6/conf/$i/disable_ipv6; "
	    "done; "
	    "ip link add d-eth0 type veth peer name d-peer && ip link set d-peer up && "
	    "ip addr add 172.17.0.2/16 dev d-eth0 && ip link set d-eth0 up && "
	    "ip route add default via 172.17.0.1");
	allow("[fd12:3::/32]:22+private");
	fence();
	assert_way("10.1.1.1", "prohibited");
	six = output_of("ip -6 route get 2600::7 2>&1");
	assert_true(strstr(six, "unreachable") || strstr(six, "prohibit") ||
		    strstr(six, "Permission") || strstr(six, "denied"));
	free(six);
}

/* The number of rules for pins is bounded. */
static void rules_have_a_bound(void **state)
{
	struct address a = {4, {10, 3, 0, 0}};
	struct failure f = {0};
	int done = 0;
	size_t more;

	(void)state;
	bridge();
	fence();
	for (more = 0; done == 0 && more <= LIMIT_FENCE_HOSTS; more++) {
		a.bytes[2] = (uint8_t)(more >> 8);
		a.bytes[3] = (uint8_t)more;
		done = routes_allow(routes, &a, &f);
	}
	assert_int_equal(done, -1);
	assert_non_null(strstr(f.reason, "too many"));
	assert_in_range(more, LIMIT_FENCE_HOSTS / 2, LIMIT_FENCE_HOSTS + 1);
	/* And the existing ones are in effect. */
	assert_int_equal(routes_verify(routes, &config, &f), 0);
}

#define ALL "ip route show table all; ip -6 route show table all; ip rule; ip -6 rule"

static void audit_leaves_the_routes_alone(void **state)
{
	const struct address private = {4, {10, 3, 3, 3}};
	struct failure f;
	char *before, *after;

	(void)state;
	bridge();
	before = output_of(ALL);
	fence(); /* what an earlier start left is removed, too */
	routes_close(routes);
	config.audit = true;
	fence();
	assert_int_equal(routes_allow(routes, &private, &f), 0);
	after = output_of(ALL);
	assert_string_equal(before, after);
	free(before);
	free(after);
}

static void without_the_capability(void **state)
{
	int status;
	pid_t pid;

	(void)state;
	bridge();
	pid = fork();
	if (pid == 0) {
		struct failure f = {0};
		struct routes *r;

		if (policy_compile(&policy) < 0 || setuid(1000) < 0 ||
			routes_open(&r, &f) < 0 || routes_build(r, &config, &f) == 0)
			_exit(1);
		_exit(strstr(f.hint, "--cap-add=NET_ADMIN") ? 0 : 2);
	}
	waitpid(pid, &status, 0);
	assert_int_equal(status, 0);
}

int main(void)
{
#define T(test) cmocka_unit_test_setup_teardown(test, begin, end)
	const struct CMUnitTest tests[] = {
		T(every_change_is_found),
		T(rules_behind_the_fence_are_others),
		T(a_second_start_in_the_same_namespace),
		T(ipv6_switched_off),
		T(rules_have_a_bound),
		T(audit_leaves_the_routes_alone),
		T(without_the_capability),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
