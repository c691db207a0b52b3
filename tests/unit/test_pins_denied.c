/* Pins: what a denial closes, and what stays open. */
#include "pins_fixture.h"

static void deny(struct fixture *x, const char *rule)
{
	struct policy_change change;
	struct rule_error e;
	struct failure f;

	x->policy.overlay = &x->overlay;
	if (policy_say(&x->policy, rule, RULE_DENY, NULL, NULL, &change, &e) < 0)
		fail_msg("%s: at %zu: %s", rule, e.position, e.reason);
	if (pins_follow(&x->pins, &x->config, &change, &f) < 0)
		fail_msg("%s: %s: %s", f.operation, f.subject, f.reason);
}

static void what_is_denied_is_closed(void **state)
{
	struct fixture *x = *state;
	struct resolver_message good = PIN("good.example", "9.9.9.9", "9.9.9.8", "2600::1"),
				wild = PIN("a.wild.example", "9.9.9.9", "2600::1");
	uint32_t accepted;

	x->policy.overlay = &x->overlay;
	assert_int_equal(give(x, &good, &accepted), 0);
	assert_int_equal(give(x, &wild, &accepted), 0);
	deny(x, "good.example:443");
	assert_int_equal(listed("revoked4", "9.9.9.9 . 443"), 1);
	assert_int_equal(listed("revoked4", "9.9.9.8 . 443"), 1);
	assert_int_equal(listed("revoked6", "2600::1 . 443"), 1);
	assert_int_equal(listed("revoked4", "9.9.9.9 . 80"), 0);
	assert_int_equal(listed("revoked4", "9.9.9.9 . 8443"), 0);
	/* It still gets its pins, but not those. */
	assert_int_equal(give(x, &good, &accepted), 0);
	assert_int_equal(accepted, 7);
	deny(x, "good.example");
	assert_int_equal(listed("revoked4", "9.9.9.9 . 80"), 1);
	assert_int_equal(listed("revoked4", "9.9.9.9 . 443"), 1);
	/* A request that was sent before the rule was added violates nothing, and opens
	 * nothing. */
	assert_int_equal(give(x, &good, &accepted), 0);
	assert_int_equal(accepted, 0);
	/* Without such a rule it would. */
	good = PIN("evil.example", "9.9.9.7");
	x->policy.overlay = NULL;
	assert_int_equal(give(x, &good, &accepted), -1);
}

static void what_another_name_opens_stays_open(void **state)
{
	struct fixture *x = *state;
	struct resolver_message one = PIN("one.wild.example", "9.9.9.9", "9.9.9.8"),
				two = PIN("two.wild.example", "9.9.9.9"),
				three = PIN("three.wild.example", "9.9.9.8");
	uint32_t accepted;

	x->policy.overlay = &x->overlay;
	assert_int_equal(give(x, &one, &accepted), 0);
	assert_int_equal(give(x, &two, &accepted), 0);
	deny(x, "one.wild.example");
	assert_int_equal(listed("revoked4", "9.9.9.9 . 8443"), 0);
	assert_int_equal(listed("revoked4", "9.9.9.8 . 8443"), 1);
	/* And another name gets the address later. */
	assert_int_equal(give(x, &three, &accepted), 0);
	assert_int_equal(accepted, 1);
	assert_int_equal(listed("revoked4", "9.9.9.8 . 8443"), 0);
	deny(x, "*.wild.example");
	assert_int_equal(listed("revoked4", "9.9.9.8 . 8443"), 1);
	assert_int_equal(listed("revoked4", "9.9.9.9 . 8443"), 1);
}

/* The sets of networks are for networks, and are unaffected by what is opened or closed by
 * name. */
static void networks_are_closed_as_such(void **state)
{
	struct fixture *x = *state;
	struct resolver_message m = PIN("good.example", "9.9.9.9");
	uint32_t accepted;

	x->policy.overlay = &x->overlay;
	assert_int_equal(give(x, &m, &accepted), 0);
	deny(x, "9.9.9.9:443");
	assert_int_equal(listed("denied_ports4", "9.9.9.9 . 443"), 1);
	deny(x, "good.example");
	assert_int_equal(listed("revoked4", "9.9.9.9 . 80"), 1);
	deny(x, "9.9.0.0/16");
	deny(x, "[2600::/16]");
	assert_int_equal(listed("denied4", "9.9.0.0/16"), 1);
	assert_int_equal(listed("denied6", "2600::/16"), 1);
	/* An address in one of them can't be pinned for a name. */
	m = PIN("a.wild.example", "9.9.9.9", "9.10.0.1");
	assert_int_equal(give(x, &m, &accepted), 0);
	assert_int_equal(accepted, 2);
}

/* A rule for a network opens its addresses: denying a name doesn't close a port there. */
static void what_a_network_opens_stays_open(void **state)
{
	struct fixture *x = *state;
	struct resolver_message m = PIN("good.example", "9.9.9.9", "9.10.0.1");
	uint32_t accepted;

	allow(&x->policy, "9.9.0.0/16:443");
	assert_int_equal(policy_compile(&x->policy), 0);
	x->policy.overlay = &x->overlay;
	assert_int_equal(give(x, &m, &accepted), 0);
	assert_int_equal(accepted, 3);
	deny(x, "good.example");
	assert_int_equal(listed("revoked4", "9.10.0.1 . 443"), 1);
	assert_int_equal(listed("revoked4", "9.9.9.9 . 80"), 1);
	assert_int_equal(listed("revoked4", "9.9.9.9 . 443"), 0);
	deny(x, "9.9.0.0/16:443");
	assert_int_equal(listed("denied_ports4", "9.9.0.0/16 . 443"), 1);
}

/* More than PID 1 remembers: the latest are known, and it is reported that others aren't. */
static void what_is_forgotten_is_reported(void **state)
{
	struct fixture *x = *state;
	struct policy_change change;
	struct rule_error e;
	struct failure f;
	struct resolver_message m = PIN("one.wild.example", "9.9.9.9");
	uint32_t accepted, given = 0;

	x->policy.overlay = &x->overlay;
	assert_int_equal(give(x, &m, &accepted), 0);
	deny(x, "nobody.example");
	while (given < LIMIT_PIN_INDEX) {
		m = PIN("two.wild.example", "9.9.9.9");
		m.count = LIMIT_ANSWER_ADDRESSES;
		for (uint32_t i = 0; i < m.count; i++, given++) {
			m.addresses[i] = m.addresses[0];
			m.addresses[i].bytes[1] = (uint8_t)(10 + (given >> 12));
			m.addresses[i].bytes[2] = (uint8_t)(given >> 8);
			m.addresses[i].bytes[3] = (uint8_t)given;
		}
		assert_int_equal(give(x, &m, &accepted), 0);
	}
	assert_int_equal(
		policy_say(&x->policy, "*.wild.example", RULE_DENY, NULL, NULL, &change, &e),
		0);
	assert_int_equal(pins_follow(&x->pins, &x->config, &change, &f), -1);
	assert_int_equal(listed("revoked4", "9.9.9.9 . 8443"), 0);
	assert_int_equal(listed("revoked4", "9.13.63.255 . 8443"), 1);
}

/* Somebody waits for the reply, nobody for the event. */
static void the_answer_comes_before_the_event(void **state)
{
	struct fixture *x = *state;
	struct resolver_message m = PIN("good.example", "9.9.9.9");
	long before = events_size(x);
	uint32_t accepted;

	assert_int_equal(give(x, &m, &accepted), 0);
	assert_int_equal(accepted, 1);
	assert_int_equal(x->events_size, before);
	assert_true(events_size(x) > before);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(what_is_denied_is_closed),
		TEST(what_another_name_opens_stays_open),
		TEST(networks_are_closed_as_such),
		TEST(what_a_network_opens_stays_open),
		TEST(what_is_forgotten_is_reported),
		TEST(the_answer_comes_before_the_event),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
