/* Pins: what the resolver may ask for, and what breaks the protocol. */
#include "pins_fixture.h"

static void an_allowed_name_is_pinned(void **state)
{
	struct resolver_message m = PIN("good.example", "9.9.9.9", "2600::1");
	uint32_t accepted;

	assert_int_equal(give(*state, &m, &accepted), 0);
	assert_int_equal(accepted, 3);
	assert_int_equal(listed("pins4", "9.9.9.9 . 443"), 1);
	assert_int_equal(listed("pins4", "9.9.9.9 . 80"), 1);
	assert_int_equal(listed("pins4", "9.9.9.9 . 8443"), 0);
	assert_int_equal(listed("pins6", "2600::1 . 443"), 1);
}

static void a_wildcard_gets_its_own_port_only(void **state)
{
	struct resolver_message m = PIN("a.wild.example", "9.9.9.10");
	uint32_t accepted;

	assert_int_equal(give(*state, &m, &accepted), 0);
	assert_int_equal(accepted, 1);
	assert_int_equal(listed("pins4", "9.9.9.10 . 8443"), 1);
	assert_int_equal(listed("pins4", "9.9.9.10 . 443"), 0);
}

static void a_name_that_is_not_allowed_breaks_the_protocol(void **state)
{
	struct resolver_message m = PIN("evil.example", "9.9.9.9");
	uint32_t accepted;

	assert_int_equal(give(*state, &m, &accepted), -1);
	m = PIN("wild.example", "9.9.9.9");
	assert_int_equal(give(*state, &m, &accepted), -1);
	assert_int_equal(listed("pins4", "9.9.9.9"), 0);
}

static void addresses_that_are_not_public_are_left_out(void **state)
{
	struct resolver_message m = PIN("good.example", "10.0.0.1", "9.9.9.9", "127.0.0.1",
		"169.254.169.254", "::1", "::ffff:9.9.9.9", "fd00::1", "64:ff9b::a00:1");
	uint32_t accepted;

	assert_int_equal(give(*state, &m, &accepted), 0);
	assert_int_equal(accepted, 1u << 1);
	assert_int_equal(listed("pins4", "10.0.0.1"), 0);
	assert_int_equal(listed("private4", "10.0.0.1"), 0);
}

static void fields_out_of_range_break_the_protocol(void **state)
{
	struct fixture *x = *state;
	struct resolver_message good = PIN("good.example", "9.9.9.9"), m;
	uint32_t accepted;

	m = good;
	m.type = 0;
	assert_int_equal(give(x, &m, &accepted), -1);
	m.type = 64;
	assert_int_equal(give(x, &m, &accepted), -1);
	m = good;
	m.count = LIMIT_ANSWER_ADDRESSES + 1;
	assert_int_equal(give(x, &m, &accepted), -1);
	m = good;
	m.reason = REASON_LAST + 1;
	assert_int_equal(give(x, &m, &accepted), -1);
	m = good;
	m.addresses[0].family = 5;
	assert_int_equal(give(x, &m, &accepted), -1);
	m = good;
	memset(m.name, 'a', sizeof(m.name));
	assert_int_equal(give(x, &m, &accepted), -1);
	/* Only a target has a port, and it must have one. */
	m = good;
	m.port = 443;
	assert_int_equal(give(x, &m, &accepted), -1);
	m = (struct resolver_message){.type = RESOLVER_REFUSED,
		.reason = REASON_TARGET,
		.count = 1,
		.name = "a.example"};
	assert_int_equal(give(x, &m, &accepted), -1);
	m.port = 65536;
	assert_int_equal(give(x, &m, &accepted), -1);
	m.port = 27017;
	assert_int_equal(give(x, &m, &accepted), 0);
	m.reason = REASON_NONE;
	assert_int_equal(give(x, &m, &accepted), -1);
	m.reason = REASON_TARGET;
	m.type = RESOLVER_DROPPED;
	assert_int_equal(give(x, &m, &accepted), -1);
	m = good;
	m.name[0] = '\n';
	assert_int_equal(give(x, &m, &accepted), -1);
	assert_int_equal(listed("pins4", "9.9.9.9"), 0);
	assert_int_equal(give(x, &good, &accepted), 0);
}

/* A name goes into events, which are read on a terminal and by tools line by line: whatever
 * the message is about, anything but a terminated name is rejected. */
static void no_report_carries_a_name_that_is_none(void **state)
{
	static const uint32_t types[] = {RESOLVER_REFUSED, RESOLVER_UNRESOLVED,
		RESOLVER_DROPPED, RESOLVER_UNSOLICITED, RESOLVER_BOOTED};
	static const char *const names[] = {"evil.example\n{}", "evil\r.example",
		"\033[2J.example", "e\177il.example", "\x9b.example"};
	struct fixture *x = *state;
	long before = events_size(x);
	uint32_t accepted;

	for (size_t t = 0; t < sizeof(types) / sizeof(types[0]); t++) {
		struct resolver_message m = {
			.type = types[t], .reason = REASON_NXDOMAIN, .count = 1};

		m.addresses[0] = (struct resolver_address){.family = 4, .bytes = {9, 9, 9, 9}};
		for (size_t n = 0; n < sizeof(names) / sizeof(names[0]); n++) {
			snprintf(m.name, sizeof(m.name), "%s", names[n]);
			assert_int_equal(give(x, &m, &accepted), -1);
		}
		memset(m.name, 'a', sizeof(m.name));
		assert_int_equal(give(x, &m, &accepted), -1);
		assert_int_equal(events_size(x), before);
		assert_false(x->pins.booted);
		assert_int_equal(events_refused(x->pins.events), 0);
	}
	for (size_t t = 0; t < sizeof(types) / sizeof(types[0]); t++) {
		struct resolver_message m = {
			.type = types[t], .reason = REASON_NXDOMAIN, .count = 1};

		snprintf(m.name, sizeof(m.name), "evil.example");
		before = events_size(x);
		assert_int_equal(give(x, &m, &accepted), 0);
		assert_int_equal(events_size(x) > before, types[t] != RESOLVER_BOOTED);
	}
}

/* The count is of addresses in some messages, and of something else in others. */
static void only_addresses_are_bounded(void **state)
{
	static const struct {
		uint32_t type;
		int done;
	} kinds[] = {{RESOLVER_PIN, -1}, {RESOLVER_UNRESOLVED, -1}, {RESOLVER_DROPPED, -1},
		{RESOLVER_REFUSED, 0}, {RESOLVER_UNSOLICITED, 0}, {RESOLVER_BOOTED, 0}};
	struct fixture *x = *state;
	uint32_t accepted;

	for (size_t i = 0; i < sizeof(kinds) / sizeof(kinds[0]); i++) {
		struct resolver_message m = PIN("good.example", "9.9.9.9");

		m.type = kinds[i].type;
		m.count = LIMIT_ANSWER_ADDRESSES + 1;
		assert_int_equal(give(x, &m, &accepted), kinds[i].done);
		m.count = 1;
		m.reason = REASON_LAST + 1;
		assert_int_equal(give(x, &m, &accepted), -1);
		m.reason = REASON_LAST;
		assert_int_equal(give(x, &m, &accepted), 0);
	}
}

static void a_refused_name_is_counted(void **state)
{
	struct fixture *x = *state;
	struct resolver_message m = {.type = RESOLVER_REFUSED, .count = 3};
	uint32_t accepted;

	snprintf(m.name, sizeof(m.name), "evil.example");
	assert_int_equal(give(x, &m, &accepted), 0);
	assert_int_equal(events_refused(x->pins.events), 3);
}

static void booted_is_noted(void **state)
{
	struct fixture *x = *state;
	struct resolver_message m = {.type = RESOLVER_BOOTED, .count = 2};
	uint32_t accepted;

	assert_false(x->pins.booted);
	assert_int_equal(give(x, &m, &accepted), 0);
	assert_true(x->pins.booted);
	assert_int_equal(x->pins.boot_pinned, 2);
}

static void an_empty_pin_opens_nothing(void **state)
{
	struct resolver_message m = {.type = RESOLVER_PIN};
	uint32_t accepted;

	snprintf(m.name, sizeof(m.name), "good.example");
	assert_int_equal(give(*state, &m, &accepted), 0);
	assert_int_equal(accepted, 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(an_allowed_name_is_pinned),
		TEST(a_wildcard_gets_its_own_port_only),
		TEST(a_name_that_is_not_allowed_breaks_the_protocol),
		TEST(addresses_that_are_not_public_are_left_out),
		TEST(fields_out_of_range_break_the_protocol),
		TEST(no_report_carries_a_name_that_is_none),
		TEST(only_addresses_are_bounded),
		TEST(a_refused_name_is_counted),
		TEST(booted_is_noted),
		TEST(an_empty_pin_opens_nothing),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
