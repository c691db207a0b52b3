/*
 * The wall, tested by real sockets of real uids and by what a packet socket outside saw: for
 * every rule a packet that passes and one that doesn't, IPv4 and IPv6. Runs as root.
 */
#include "wall_fixture.h"
#include "../../init/nft/wall_private.h"

static struct wall *wall;
static struct policy policy;
static struct wall_config config;

static void build(void)
{
	assert_ok(wall_build(wall, &config, f));
	assert_ok(wall_verify(wall, &config, f));
	reached(NULL);
}

static void pin(const char *address, uint16_t port, bool private, uint32_t seconds)
{
	struct pin p = {addr(address), port, private, seconds};

	assert_ok(wall_pin(wall, &p, 1, f));
}

static void upstream(const char *address, uint16_t port)
{
	config.upstreams[config.upstreams_count++] = (struct endpoint){addr(address), port};
}

/* Every test begins with its own config and no table. */
static int begin(void **state)
{
	(void)state;
	policy_init(&policy);
	memset(&config, 0, sizeof(config));
	config.policy = &policy;
	config.resolver_uid = RESOLVER;
	config.resolver_port = OUR_PORT;
	assert_int_equal(policy_compile(&policy), 0);
	assert_ok(wall_open(&wall, f));
	return 0;
}

static void begin_with(const char *const *allow, const char *const *deny)
{
	policy_free(&policy);
	policy_init(&policy);
	for (; allow && *allow; allow++)
		rule_add(&policy, *allow, RULE_ALLOW);
	for (; deny && *deny; deny++)
		rule_add(&policy, *deny, RULE_DENY);
	assert_int_equal(policy_compile(&policy), 0);
}

static int end(void **state)
{
	(void)state;
	wall_close(wall);
	policy_free(&policy);
	run("nft flush ruleset");
	return 0;
}

static void the_world_is_open_without_a_wall(void **state)
{
	(void)state;
	assert_int_equal(tcp(PAYLOAD, "20.1.2.3", 443), 0);
	assert_int_equal(tcp(PAYLOAD, "2600::7", 443), 0);
	assert_int_equal(tcp(PAYLOAD, "10.1.2.3", 443), 0);
	assert_int_equal(udp(PAYLOAD, "20.1.2.3", 53), 0);
	assert_true(reached("20.1.2.3"));
}

static void a_pin_opens_its_address_and_port_alone(void **state)
{
	(void)state;
	build();
	pin("20.1.2.3", 443, false, 0);
	pin("2600::7", 443, false, 60);
	assert_int_equal(tcp(PAYLOAD, "20.1.2.3", 443), 0);
	assert_int_equal(tcp(PAYLOAD, "2600::7", 443), 0);
	assert_int_equal(tcp(0, "20.1.2.3", 443), 0);
	assert_int_equal(tcp(PAYLOAD, "20.1.2.3", 80), ECONNREFUSED);
	assert_int_equal(tcp(PAYLOAD, "2600::7", 80), ECONNREFUSED);
	assert_int_equal(udp(PAYLOAD, "20.1.2.3", 443), EPERM);
	assert_int_equal(udp(PAYLOAD, "2600::7", 443), EPERM);
	reached(NULL);
	assert_int_equal(tcp(PAYLOAD, "20.1.2.4", 443), ECONNREFUSED);
	assert_int_equal(tcp(PAYLOAD, "2600::8", 443), ECONNREFUSED);
	assert_int_equal(udp(PAYLOAD, "20.1.2.4", 443), EPERM);
	assert_int_equal(tcp(0, "20.1.2.4", 443), ECONNREFUSED);
	assert_false(reached("20.1.2.4"));
	assert_int_equal(tcp(PAYLOAD, "2600::8", 443), ECONNREFUSED);
	assert_false(reached("2600::8"));
}

static void a_pin_runs_out_and_is_renewed(void **state)
{
	(void)state;
	build();
	pin("20.1.2.3", 443, false, 1);
	pin("20.1.2.4", 443, false, 1);
	pin("20.1.2.5", 443, false, 1);
	pin("20.1.2.4", 443, false, 60);
	pin("20.1.2.5", 443, false, 0);
	assert_int_equal(tcp(PAYLOAD, "20.1.2.3", 443), 0);
	usleep(1300 * 1000);
	assert_int_equal(tcp(PAYLOAD, "20.1.2.3", 443), ECONNREFUSED);
	assert_int_equal(tcp(PAYLOAD, "20.1.2.4", 443), 0);
	assert_int_equal(tcp(PAYLOAD, "20.1.2.5", 443), 0);
	pin("20.1.2.3", 443, false, 60);
	assert_int_equal(tcp(PAYLOAD, "20.1.2.3", 443), 0);
}

/* Pinning again restarts the full time, by either method that a kernel may need. */
static void a_pin_is_renewed_with_the_life_it_had(void **state)
{
	bool renews = wall->renews;

	(void)state;
	for (int way = 0; way < (renews ? 2 : 1); way++) {
		wall->renews = way;
		build();
		pin("20.1.2.3", 443, false, 2);
		pin("20.1.2.4", 443, false, 2);
		usleep(1200 * 1000);
		pin("20.1.2.4", 443, false, 2);
		usleep(1100 * 1000);
		assert_int_equal(tcp(PAYLOAD, "20.1.2.3", 443), ECONNREFUSED);
		assert_int_equal(tcp(PAYLOAD, "20.1.2.4", 443), 0);
	}
	wall->renews = renews;
}

static unsigned used_count;

static void count_used(void *context, const struct endpoint *e)
{
	const struct endpoint *wanted = context;

	used_count +=
		address_compare(&wanted->address, &e->address) == 0 && wanted->port == e->port;
}

static bool used(const char *address, uint16_t port)
{
	struct endpoint e = {addr(address), port};

	used_count = 0;
	assert_ok(wall_used(wall, count_used, &e, f));
	assert_in_range(used_count, 0, 1);
	return used_count;
}

/* Where approved connections go, and nothing else: not what is refused, nor open but unused,
 * nor without an answer. */
static void what_is_in_use_is_noted(void **state)
{
	(void)state;
	build();
	pin("20.1.2.3", 8443, false, 60);
	pin("20.1.2.4", 8443, false, 60);
	pin("20.1.2.5", 5000, false, 60);
	pin("2600::7", 8443, false, 60);
	assert_int_equal(tcp(PAYLOAD, "20.1.2.3", 8443), 0);
	assert_int_equal(tcp(PAYLOAD, "2600::7", 8443), 0);
	assert_int_equal(tcp(PAYLOAD, "20.1.2.5", 5000), ECONNREFUSED);
	assert_true(reached("20.1.2.5"));
	assert_int_equal(tcp(PAYLOAD, "20.1.2.9", 8443), ECONNREFUSED);
	assert_true(used("20.1.2.3", 8443));
	assert_true(used("2600::7", 8443));
	assert_false(used("20.1.2.3", 443));
	assert_false(used("20.1.2.4", 8443));
	assert_false(used("20.1.2.5", 5000));
	assert_false(used("20.1.2.9", 8443));
}

/* An expired pin, or a full set, is no reason to end an existing connection. */
static void what_cannot_be_recorded_continues(void **state)
{
	(void)state;
	build();
	pin("20.1.2.3", 8443, false, 60);
	run("{ echo -n 'add element inet codex_init used4 {'; for i in $(seq 0 %d); do "
	    "echo -n \"9.1.$((i / 256)).$((i %% 256)) . 1, \"; done; "
	    "echo '9.2.0.0 . 1 }'; } | nft -f -",
		WALL_USED_MAX - 2);
	assert_int_equal(tcp(PAYLOAD, "20.1.2.3", 8443), 0);
	assert_false(used("20.1.2.3", 8443));
	assert_true(used("9.1.0.7", 1));
}

/* Two names with one address in one transaction. */
static void the_same_pin_twice_in_one_transaction(void **state)
{
	const struct pin pins[] = {{{4, {20, 1, 2, 3}}, 443, PIN_PUBLIC, 60},
		{{4, {20, 1, 2, 4}}, 443, PIN_PUBLIC, 60},
		{{4, {20, 1, 2, 3}}, 443, PIN_PUBLIC, 90},
		{addr("2600::8"), 443, PIN_PUBLIC, 60}, {addr("2600::8"), 443, PIN_PUBLIC, 60}};
	bool renews = wall->renews;

	(void)state;
	for (int way = 0; way < (renews ? 2 : 1); way++) {
		wall->renews = way;
		build();
		for (int times = 0; times < 2; times++)
			assert_ok(wall_pin(wall, pins, 5, f));
		assert_int_equal(tcp(PAYLOAD, "20.1.2.3", 443), 0);
		assert_int_equal(tcp(PAYLOAD, "20.1.2.4", 443), 0);
		assert_int_equal(tcp(PAYLOAD, "2600::8", 443), 0);
	}
	wall->renews = renews;
}

struct listed {
	struct pin pin[600];
	size_t count;
};

static void list(void *context, const struct pin *p)
{
	struct listed *l = context;

	assert_true(l->count < sizeof(l->pin) / sizeof(l->pin[0]));
	l->pin[l->count++] = *p;
}

static const struct pin *listed(const struct listed *l, const char *address, uint16_t port)
{
	struct address a = addr(address);

	for (size_t i = 0; i < l->count; i++)
		if (l->pin[i].port == port && address_compare(&l->pin[i].address, &a) == 0)
			return &l->pin[i];
	return NULL;
}

static void pins_are_listed(void **state)
{
	struct listed l = {0};
	const struct pin *p;

	(void)state;
	build();
	assert_ok(wall_pins(wall, list, &l, f));
	assert_int_equal(l.count, 0);
	pin("20.1.2.3", 443, false, 500);
	pin("20.1.2.3", 80, false, 0);
	pin("10.1.2.3", 5432, true, 500);
	pin("2600::7", 65535, false, 1);
	assert_ok(wall_pins(wall, list, &l, f));
	assert_int_equal(l.count, 4);
	p = listed(&l, "20.1.2.3", 443);
	assert_non_null(p);
	assert_int_equal(p->kind, PIN_PUBLIC);
	assert_in_range(p->seconds, 400, 500);
	p = listed(&l, "20.1.2.3", 80);
	assert_true(p && p->seconds == 0);
	p = listed(&l, "10.1.2.3", 5432);
	assert_true(p && p->kind == PIN_PRIVATE && p->seconds > 0);
	p = listed(&l, "2600::7", 65535);
	assert_true(p && p->seconds == 1);
	assert_null(listed(&l, "20.1.2.4", 443));
	usleep(1300 * 1000);
	l.count = 0;
	assert_ok(wall_pins(wall, list, &l, f));
	assert_null(listed(&l, "2600::7", 65535));
	/* More than fits in one message from the kernel. */
	for (size_t i = 0; i < 500; i++) {
		struct pin more = {
			{4, {20, 9, (uint8_t)(i >> 8), (uint8_t)i}}, 443, PIN_PUBLIC, 60};

		assert_ok(wall_pin(wall, &more, 1, f));
	}
	l.count = 0;
	assert_ok(wall_pins(wall, list, &l, f));
	assert_int_equal(l.count, 503);
	assert_non_null(listed(&l, "20.9.1.243", 443));
}

static void many_pins_in_one_transaction(void **state)
{
	struct pin pins[256];

	(void)state;
	build();
	for (size_t i = 0; i < 256; i++)
		pins[i] = (struct pin){{4, {20, 9, 9, (uint8_t)i}}, 443, PIN_PUBLIC, 60};
	assert_ok(wall_pin(wall, pins, 256, f));
	assert_ok(wall_pin(wall, pins, 256, f));
	assert_ok(wall_pin(wall, pins, 0, f));
	assert_int_equal(tcp(PAYLOAD, "20.9.9.0", 443), 0);
	assert_int_equal(tcp(PAYLOAD, "20.9.9.255", 443), 0);
	assert_int_equal(tcp(PAYLOAD, "20.9.8.255", 443), ECONNREFUSED);
}

/* The same connection before and after: the pin expires, not the connection. */
static void a_flow_outlives_its_pin(void **state)
{
	struct sockaddr_storage a;
	socklen_t len = to_sockaddr("20.1.2.3", 443, &a);
	int s = socket(AF_INET, SOCK_STREAM, 0);

	(void)state;
	build();
	pin("20.1.2.3", 443, false, 1);
	assert_int_equal(connect(s, (void *)&a, len), 0);
	usleep(1300 * 1000);
	assert_int_equal(tcp(PAYLOAD, "20.1.2.3", 443), ECONNREFUSED);
	reached(NULL);
	assert_int_equal(send(s, "x", 1, 0), 1);
	usleep(20 * 1000);
	assert_true(reached("20.1.2.3"));
	close(s);
}

/* ct established alone doesn't suffice: this connection was never approved. */
static void a_flow_from_before_the_wall_ends(void **state)
{
	struct sockaddr_storage a;
	socklen_t len = to_sockaddr("20.1.2.3", 443, &a);
	int s = socket(AF_INET, SOCK_STREAM, 0);

	(void)state;
	run("nft 'add table inet d_track; add chain inet d_track o { type filter hook output "
	    "priority 0; }; add rule inet d_track o ct state established accept'");
	assert_int_equal(connect(s, (void *)&a, len), 0);
	build();
	assert_true(send(s, "x", 1, MSG_NOSIGNAL) == 1 || errno == EPERM);
	usleep(20 * 1000);
	assert_false(reached("20.1.2.3"));
	close(s);
}

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

static void loopback_and_own_addresses_work(void **state)
{
	int s4, s6;

	(void)state;
	build();
	s4 = listener(AF_INET, SOCK_STREAM, 8080);
	s6 = listener(AF_INET6, SOCK_STREAM, 8080);
	assert_int_equal(tcp(PAYLOAD, "127.0.0.1", 8080), 0);
	assert_int_equal(tcp(PAYLOAD, "::1", 8080), 0);
	assert_int_equal(tcp(PAYLOAD, "172.30.0.2", 8080), 0);
	assert_int_equal(tcp(PAYLOAD, "2001:db8:9::2", 8080), 0);
	assert_int_equal(tcp(PAYLOAD, "127.0.0.1", 8081), ECONNREFUSED);
	close(s4);
	close(s6);
}

static void nothing_comes_in(void **state)
{
	int s4 = listener(AF_INET, SOCK_STREAM, 8080);
	int s6 = listener(AF_INET6, SOCK_STREAM, 8080);

	(void)state;
	enter(world_outside);
	assert_int_equal(tcp(PAYLOAD, "172.30.0.2", 8080), 0);
	assert_int_equal(tcp(PAYLOAD, "2001:db8:9::2", 8080), 0);
	enter(world_inside);
	build();
	enter(world_outside);
	attempt_ms = 400;
	assert_int_equal(tcp(PAYLOAD, "172.30.0.2", 8080), NO_ANSWER);
	assert_int_equal(tcp(PAYLOAD, "2001:db8:9::2", 8080), NO_ANSWER);
	attempt_ms = ATTEMPT_MS;
	enter(world_inside);
	close(s4);
	close(s6);
}

/* Errors about our own packets (RFC 792, RFC 4443): unreachable, too large for the path. */
static void errors_about_our_own_packets_come_in(void **state)
{
	static const char *const to[] = {"20.7.7.7", "2600::7:7"};

	(void)state;
	build();
	/* One that arrives while the SYN is being sent is ignored; then the next counts,
	 * after a second (RFC 6298). */
	attempt_ms = 5000;
	enter(world_outside);
	run("ip route add prohibit 20.7.7.7 && ip -6 route add prohibit 2600::7:7");
	enter(world_inside);
	for (size_t i = 0; i < 2; i++) {
		int error;

		pin(to[i], 443, false, 60);
		error = tcp(PAYLOAD, to[i], 443);
		assert_true(reached(to[i]));
		if (error != EHOSTUNREACH && error != EACCES)
			fail_msg("%s: %s", to[i],
				error == NO_ANSWER ? "nothing" : strerror(error));
	}
	enter(world_outside);
	run("ip route del prohibit 20.7.7.7 && ip -6 route del prohibit 2600::7:7");
	enter(world_inside);
	attempt_ms = ATTEMPT_MS;
}

/* IPv6 fails without it; the neighbour cache is emptied so that it is really needed. */
static void neighbours_are_still_found(void **state)
{
	(void)state;
	build();
	pin("2600::7", 443, false, 0);
	run("ip -6 neigh flush all && ip neigh flush all");
	enter(world_outside);
	run("ip -6 neigh flush all && ip neigh flush all");
	enter(world_inside);
	assert_int_equal(tcp(PAYLOAD, "2600::7", 443), 0);
}

struct seen {
	size_t count;
	struct wall_refusal item[64];
};

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
		W(the_world_is_open_without_a_wall),
		W(a_pin_opens_its_address_and_port_alone),
		W(a_pin_runs_out_and_is_renewed),
		W(a_pin_is_renewed_with_the_life_it_had),
		W(what_is_in_use_is_noted),
		W(what_cannot_be_recorded_continues),
		W(the_same_pin_twice_in_one_transaction),
		W(pins_are_listed),
		W(many_pins_in_one_transaction),
		W(a_flow_outlives_its_pin),
		W(a_flow_from_before_the_wall_ends),
		W(special_ranges_and_gateways_are_refused),
		W(a_private_pin_opens_private_space),
		W(network_rules),
		W(a_denied_flow_ends),
		W(a_revoked_flow_ends),
		W(more_networks_are_denied),
		W(networks_are_allowed_and_undone),
		W(only_the_resolver_reaches_the_upstreams),
		W(an_upstream_on_another_port),
		W(port_53_comes_to_our_resolver),
		W(a_bound_socket_takes_no_question_out),
		W(the_resolvers_flows_cannot_be_reused),
		W(the_embedded_resolver),
		W(the_embedded_resolver_unasked),
		W(loopback_and_own_addresses_work),
		W(nothing_comes_in),
		W(errors_about_our_own_packets_come_in),
		W(neighbours_are_still_found),
		W(refusals_are_counted),
		W(a_scan_fills_a_bounded_set_and_is_still_refused),
		W(audit_lets_through_and_records),
		W(the_probe_finds_an_open_wall),
		W(the_probe_knows_what_a_rule_opens),
	};

	return cmocka_run_group_tests(tests, world_up, world_down);
}
