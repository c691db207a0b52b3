/* The wall and its pins: what they open, how they are renewed, what outlives them. */
#include "wall_pins_fixture.h"

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
	};

	return cmocka_run_group_tests(tests, world_up, world_down);
}
