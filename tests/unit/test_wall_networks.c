/* The wall and networks: special, private, allowed, denied; flows that are ended. */
#include "wall_pins_fixture.h"

static void special_ranges_and_gateways_are_refused(void **state)
{
	static const char *const never[] = {"169.254.169.254", "100.100.100.200", "169.254.1.1",
		"0.250.250.253", "64:ff9b::a9fe:a9fe", "64:ff9b::6464:64c8", "64:ff9b::7f00:1",
		"192.0.2.1", "203.0.113.9", "168.63.129.16", "0.1.2.3", "2001:db8:77::1",
		"fd00:ec2::254", "64:ff9b:1::808:808", "2002:a00:1::1"};
	static const char *const local_dns[] = {"10.1.2.3", "172.16.0.1", "172.30.0.7",
		"192.168.1.1", "100.64.0.1", "fd12::1", "198.18.0.1", "0.250.250.254",
		"169.254.1.2", "64:ff9b::a01:203"};

	(void)state;
	config.gateways[config.gateways_count++] = addr("20.0.0.1");
	config.gateways[config.gateways_count++] = addr("2600::1");
	build();
	for (size_t i = 0; i < sizeof(never) / sizeof(never[0]); i++) {
		/* Not even a private pin opens that. */
		pin(never[i], 80, true, 0);
		pin(never[i], 80, false, 0);
		if (tcp(PAYLOAD, never[i], 80) == 0 || reached(never[i]))
			fail_msg("%s was reached", never[i]);
	}
	for (size_t i = 0; i < sizeof(local_dns) / sizeof(local_dns[0]); i++) {
		pin(local_dns[i], 80, false, 0);
		assert_int_equal(tcp(PAYLOAD, local_dns[i], 80), ECONNREFUSED);
		if (reached(local_dns[i]))
			fail_msg("%s was reached", local_dns[i]);
	}
	pin("20.0.0.1", 80, false, 0);
	pin("2600::1", 80, false, 0);
	pin("64:ff9b::1400:1", 80, false, 0);
	assert_int_equal(tcp(PAYLOAD, "20.0.0.1", 80), ECONNREFUSED);
	assert_int_equal(tcp(PAYLOAD, "2600::1", 80), ECONNREFUSED);
	assert_int_equal(tcp(PAYLOAD, "64:ff9b::1400:1", 80), ECONNREFUSED);
	assert_int_equal(udp(PAYLOAD, "20.0.0.1", 80), EPERM);
}

static void a_private_pin_opens_private_space(void **state)
{
	(void)state;
	config.gateways[config.gateways_count++] = addr("172.30.0.1");
	build();
	pin("10.1.2.3", 5432, true, 0);
	pin("64:ff9b::a01:203", 5432, true, 0);
	pin("198.18.0.5", 443, true, 0);
	pin("0.250.250.254", 443, true, 0);
	pin("169.254.1.2", 443, true, 0);
	assert_int_equal(tcp(PAYLOAD, "64:ff9b::a01:203", 5432), 0);
	assert_int_equal(tcp(PAYLOAD, "64:ff9b::a01:204", 5432), ECONNREFUSED);
	assert_int_equal(tcp(PAYLOAD, "198.18.0.5", 443), 0);
	assert_int_not_equal(tcp(PAYLOAD, "0.250.250.254", 443), ECONNREFUSED);
	assert_int_not_equal(tcp(PAYLOAD, "169.254.1.2", 443), ECONNREFUSED);
	pin("fd12::1", 5432, true, 0);
	pin("172.30.0.1", 5432, true, 0);
	assert_int_equal(tcp(PAYLOAD, "10.1.2.3", 5432), 0);
	assert_int_equal(tcp(PAYLOAD, "fd12::1", 5432), 0);
	assert_int_equal(tcp(PAYLOAD, "172.30.0.1", 5432), 0);
	assert_int_equal(tcp(PAYLOAD, "10.1.2.3", 443), ECONNREFUSED);
	assert_int_equal(tcp(PAYLOAD, "10.1.2.4", 5432), ECONNREFUSED);
	assert_int_equal(tcp(PAYLOAD, "172.30.0.1", 80), ECONNREFUSED);
}

static void network_rules(void **state)
{
	static const char *const allow[] = {"20.1.0.0/16:443,8443", "20.1.2.0/24:443",
		"[2600:1::/32]:443", "10.9.0.0/16:5432+private", "[fd12::/16]:22+private",
		"20.7.0.0/16:443", "20.8.0.0/16:443", "100.64.0.0/10:80+private", NULL};
	static const char *const deny[] = {
		"20.7.0.0/16", "20.8.0.0/16:443", "10.9.9.0/24", "[2600:1:9::/48]", NULL};

	(void)state;
	begin_with(allow, deny);
	build();
	assert_int_equal(tcp(PAYLOAD, "20.1.200.3", 443), 0);
	assert_int_equal(tcp(PAYLOAD, "20.1.2.3", 443), 0);
	assert_int_equal(tcp(PAYLOAD, "20.1.2.3", 8443), 0);
	assert_int_equal(tcp(PAYLOAD, "20.1.2.3", 80), ECONNREFUSED);
	assert_int_equal(udp(PAYLOAD, "20.1.2.3", 443), EPERM);
	assert_int_equal(tcp(PAYLOAD, "20.2.0.0", 443), ECONNREFUSED);
	assert_int_equal(tcp(PAYLOAD, "20.0.255.255", 443), ECONNREFUSED);
	assert_int_equal(tcp(PAYLOAD, "2600:1::7", 443), 0);
	assert_int_equal(tcp(PAYLOAD, "2600:2::7", 443), ECONNREFUSED);
	assert_int_equal(tcp(PAYLOAD, "2600:1:9::7", 443), ECONNREFUSED);
	assert_int_equal(tcp(PAYLOAD, "10.9.1.1", 5432), 0);
	assert_int_equal(tcp(PAYLOAD, "10.9.1.1", 443), ECONNREFUSED);
	assert_int_equal(tcp(PAYLOAD, "10.9.9.1", 5432), ECONNREFUSED);
	assert_int_equal(tcp(PAYLOAD, "fd12::5", 22), 0);
	/* The same with NAT64. */
	assert_int_equal(tcp(PAYLOAD, "64:ff9b::1401:203", 443), 0);
	assert_int_equal(tcp(PAYLOAD, "64:ff9b::1402:0", 443), ECONNREFUSED);
	assert_int_equal(tcp(PAYLOAD, "64:ff9b::1407:101", 443), ECONNREFUSED);
	assert_int_equal(tcp(PAYLOAD, "64:ff9b::a09:101", 5432), 0);
	assert_int_equal(tcp(PAYLOAD, "64:ff9b::a09:901", 5432), ECONNREFUSED);
	/* What a deny rule covers, pinned or not. */
	pin("20.7.1.1", 443, false, 0);
	pin("20.8.1.1", 443, false, 0);
	pin("20.8.1.1", 80, false, 0);
	pin("10.9.9.1", 5432, true, 0);
	assert_int_equal(tcp(PAYLOAD, "20.7.1.1", 443), ECONNREFUSED);
	assert_int_equal(tcp(PAYLOAD, "20.8.1.1", 443), ECONNREFUSED);
	assert_int_equal(tcp(PAYLOAD, "20.8.1.1", 80), 0);
	assert_int_equal(tcp(PAYLOAD, "10.9.9.1", 5432), ECONNREFUSED);
	/* +private is for private addresses; a metadata service among them isn't one. */
	assert_int_equal(tcp(PAYLOAD, "100.64.1.1", 80), 0);
	assert_int_equal(tcp(PAYLOAD, "100.100.100.200", 80), ECONNREFUSED);
}

static void a_denied_flow_ends(void **state)
{
	static const char *const deny[] = {"20.1.0.0/16", NULL};
	struct sockaddr_storage a;
	socklen_t len = to_sockaddr("20.1.2.3", 443, &a);
	int s = socket(AF_INET, SOCK_STREAM, 0);

	(void)state;
	build();
	pin("20.1.2.3", 443, false, 0);
	assert_int_equal(connect(s, (void *)&a, len), 0);
	begin_with(NULL, deny);
	build();
	(void)!send(s, "x", 1, MSG_NOSIGNAL);
	usleep(20 * 1000);
	assert_false(reached("20.1.2.3"));
	close(s);
}

/* The rules are denied, and these addresses closed. */
static void shut(const char *const *deny, const struct endpoint *list, size_t count)
{
	struct policy_change change = {0};
	struct rule_error e;
	bool networks = false;

	for (; deny && *deny; deny++) {
		assert_int_equal(
			policy_say(&policy, *deny, RULE_DENY, NULL, NULL, &change, &e), 0);
		networks |= change.networks;
	}
	assert_ok(wall_follow(wall, &policy, networks, list, count, f));
	reached(NULL);
}

/* What is denied later: neither pins nor rules open it, and its connections end. */
static void a_revoked_flow_ends(void **state)
{
	static const char *const allow[] = {"20.9.0.0/16:443,80", NULL},
				 *const deny[] = {"20.9.1.0/24", "20.9.2.0/24:80", NULL};
	const struct endpoint list[] = {{addr("20.1.2.3"), 443}, {addr("2600::7"), 443}};
	static struct policy_overlay overlay;
	struct sockaddr_storage a;
	socklen_t len = to_sockaddr("20.1.2.3", 443, &a);
	int s = socket(AF_INET, SOCK_STREAM, 0);

	(void)state;
	begin_with(allow, NULL);
	memset(&overlay, 0, sizeof(overlay));
	policy.overlay = &overlay;
	build();
	pin("20.1.2.3", 443, false, 0);
	pin("20.1.2.3", 22, false, 0);
	pin("2600::7", 443, false, 0);
	assert_int_equal(connect(s, (void *)&a, len), 0);
	assert_int_equal(tcp(PAYLOAD, "20.9.1.1", 443), 0);
	shut(deny, list, 2);
	(void)!send(s, "x", 1, MSG_NOSIGNAL);
	usleep(20 * 1000);
	assert_false(reached("20.1.2.3"));
	assert_int_equal(send(s, "y", 1, MSG_NOSIGNAL), -1);
	assert_true(errno == ECONNRESET || errno == EPIPE);
	assert_int_equal(tcp(PAYLOAD, "20.1.2.3", 443), ECONNREFUSED);
	assert_int_equal(tcp(PAYLOAD, "2600::7", 443), ECONNREFUSED);
	assert_int_equal(tcp(PAYLOAD, "20.9.1.1", 443), ECONNREFUSED);
	assert_int_equal(tcp(PAYLOAD, "20.9.2.1", 80), ECONNREFUSED);
	assert_int_equal(tcp(PAYLOAD, "20.1.2.3", 22), 0);
	assert_int_equal(tcp(PAYLOAD, "20.9.2.1", 443), 0);
	/* The wall is what such a policy compiles to. */
	assert_ok(wall_verify(wall, &config, f));
	/* Each call has the complete list; the rules stay. */
	shut(NULL, list + 1, 1);
	assert_int_equal(tcp(PAYLOAD, "20.1.2.3", 443), 0);
	assert_int_equal(tcp(PAYLOAD, "2600::7", 443), ECONNREFUSED);
	assert_int_equal(tcp(PAYLOAD, "20.9.1.1", 443), ECONNREFUSED);
	assert_ok(wall_verify(wall, &config, f));
	policy.overlay = NULL;
	close(s);
}

/* A wall with networks that are denied from the start, within and next to those that are
 * added. */
static void more_networks_are_denied(void **state)
{
	static const char *const before[] = {"20.9.1.0/24", "20.7.0.0/16:443", "[2600:1::/32]",
		NULL},
				 *const allow[] = {"20.0.0.0/8:443,80", NULL},
				 *const deny[] = {"20.9.0.0/16", "20.9.1.1", "20.7.1.1:443",
					 "20.8.0.0/16", "20.7.0.0/16:80", "[2600::/16]", NULL};
	static struct policy_overlay overlay;

	(void)state;
	begin_with(allow, before);
	memset(&overlay, 0, sizeof(overlay));
	policy.overlay = &overlay;
	build();
	assert_int_equal(tcp(PAYLOAD, "20.9.2.1", 443), 0);
	assert_int_equal(tcp(PAYLOAD, "20.9.1.2", 443), ECONNREFUSED);
	for (size_t i = 0; deny[i]; i++) {
		shut((const char *const[]){deny[i], NULL}, NULL, 0);
		assert_ok(wall_verify(wall, &config, f));
		assert_int_equal(tcp(PAYLOAD, "20.9.1.2", 443), ECONNREFUSED);
		assert_int_equal(tcp(PAYLOAD, "20.9.2.1", 443), ECONNREFUSED);
		assert_int_equal(tcp(PAYLOAD, "20.7.1.1", 443), ECONNREFUSED);
	}
	assert_int_equal(tcp(PAYLOAD, "20.8.1.1", 443), ECONNREFUSED);
	assert_int_equal(tcp(PAYLOAD, "20.7.1.1", 80), ECONNREFUSED);
	assert_int_equal(tcp(PAYLOAD, "20.6.1.1", 80), 0);
	policy.overlay = NULL;
}

static void say(const char *rule, bool allow, struct policy_change *change)
{
	struct rule_error e;

	assert_int_equal(policy_say(&policy, rule, allow ? RULE_ALLOW : RULE_DENY, NULL, NULL,
				 change, &e),
		0);
	assert_ok(wall_follow(wall, &policy, change->networks, NULL, 0, f));
	assert_ok(wall_verify(wall, &config, f));
	reached(NULL);
}

static void take_back(const char *rule)
{
	struct policy_change change;
	struct rule_error e;

	assert_int_equal(policy_undo(&policy, rule, NULL, NULL, &change, &e), 0);
	assert_true(change.networks);
	assert_ok(wall_follow(wall, &policy, true, NULL, 0, f));
	assert_ok(wall_verify(wall, &config, f));
	reached(NULL);
}

/* A network that is allowed later is open; when that is taken back its flows end, but for those
 * that something else allows. */
static void networks_are_allowed_and_undone(void **state)
{
	static const char *const allow[] = {"20.9.1.0/24:22", NULL};
	static struct policy_overlay overlay;
	struct sockaddr_storage a, b, c;
	socklen_t len = to_sockaddr("20.9.2.3", 22, &a);
	int gone = socket(AF_INET, SOCK_STREAM, 0), pinned = socket(AF_INET, SOCK_STREAM, 0),
	    kept = socket(AF_INET, SOCK_STREAM, 0);
	struct policy_change change;

	(void)state;
	to_sockaddr("20.9.2.4", 22, &b);
	to_sockaddr("20.9.1.1", 22, &c);
	begin_with(allow, NULL);
	memset(&overlay, 0, sizeof(overlay));
	policy.overlay = &overlay;
	build();
	assert_int_equal(tcp(PAYLOAD, "20.9.2.3", 22), ECONNREFUSED);
	say("20.9.0.0/16:22", true, &change);
	assert_int_equal(connect(gone, (void *)&a, len), 0);
	assert_int_equal(connect(pinned, (void *)&b, len), 0);
	assert_int_equal(connect(kept, (void *)&c, len), 0);
	assert_int_equal(tcp(PAYLOAD, "20.9.2.3", 80), ECONNREFUSED);
	assert_int_equal(tcp(PAYLOAD, "20.10.2.3", 22), ECONNREFUSED);
	pin("20.9.2.4", 22, false, 0);
	take_back("20.9.0.0/16:22");
	(void)!send(gone, "x", 1, MSG_NOSIGNAL);
	usleep(20 * 1000);
	assert_false(reached("20.9.2.3"));
	assert_int_equal(send(gone, "y", 1, MSG_NOSIGNAL), -1);
	assert_true(errno == ECONNRESET || errno == EPIPE);
	assert_int_equal(tcp(PAYLOAD, "20.9.2.3", 22), ECONNREFUSED);
	for (int i = 0; i < 2; i++) {
		assert_int_equal(send(kept, "x", 1, MSG_NOSIGNAL), 1);
		assert_int_equal(send(pinned, "x", 1, MSG_NOSIGNAL), 1);
		usleep(20 * 1000);
	}
	assert_int_equal(tcp(PAYLOAD, "20.9.1.1", 22), 0);
	/* And again. */
	say("20.9.0.0/16:22", true, &change);
	assert_int_equal(tcp(PAYLOAD, "20.9.2.3", 22), 0);
	say("20.9.0.0/16:22", false, &change);
	assert_int_equal(tcp(PAYLOAD, "20.9.2.3", 22), ECONNREFUSED);
	assert_int_equal(tcp(PAYLOAD, "20.9.1.1", 22), ECONNREFUSED);
	/* A deny that is taken back shuts nothing any more. */
	take_back("20.9.0.0/16:22");
	assert_int_equal(tcp(PAYLOAD, "20.9.1.1", 22), 0);
	assert_int_equal(tcp(PAYLOAD, "20.9.2.3", 22), ECONNREFUSED);
	policy.overlay = NULL;
	close(gone);
	close(pinned);
	close(kept);
}

int main(void)
{
#define W(test) cmocka_unit_test_setup_teardown(test, begin, end)
	const struct CMUnitTest tests[] = {
		W(special_ranges_and_gateways_are_refused),
		W(a_private_pin_opens_private_space),
		W(network_rules),
		W(a_denied_flow_ends),
		W(a_revoked_flow_ends),
		W(more_networks_are_denied),
		W(networks_are_allowed_and_undone),
	};

	return cmocka_run_group_tests(tests, world_up, world_down);
}
