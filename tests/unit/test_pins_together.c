/* Pins: requests that come together go into the wall together. */
#include "pins_fixture.h"

/* First as many as fit, then one transaction, then a reply to each. */
static void requests_that_come_together(void **state)
{
	struct fixture *x = *state;
	char text[32];

	for (unsigned i = 0; i < PINS_REQUESTS; i++) {
		snprintf(text, sizeof(text), "9.9.8.%u", i);
		struct resolver_message m =
			PIN(i % 2 ? "a.wild.example" : "good.example", text, "10.0.0.1");

		m.sequence = 100 + i;
		assert_int_equal(pins_message(&x->pins, &m), 0);
		assert_int_equal(listed("pins4", text), 0);
	}
	assert_int_equal(flush(x), PINS_REQUESTS);
	for (unsigned i = 0; i < PINS_REQUESTS; i++) {
		assert_int_equal(x->answers[i].sequence, 100 + i);
		assert_int_equal(x->answers[i].accepted, 1);
		snprintf(text, sizeof(text), "9.9.8.%u . %u", i, i % 2 ? 8443 : 443);
		assert_int_equal(listed("pins4", text), 1);
	}
	assert_int_equal(flush(x), 0);
}

/* As many as possible, each of the largest kind; and one more. */
static void requests_of_the_largest_kind(void **state)
{
	struct fixture *x = *state;
	struct resolver_message m = {.type = RESOLVER_PIN, .count = LIMIT_ANSWER_ADDRESSES};

	allow(&x->policy, "many.example:1,2,3,4,5,6,7,8,9,10,11,12,13,14,15,16");
	assert_int_equal(policy_compile(&x->policy), 0);
	snprintf(m.name, sizeof(m.name), "many.example");
	for (int more = 0; more < 2; more++) {
		for (unsigned taken = 0; taken < PINS_REQUESTS; taken++) {
			for (uint8_t i = 0; i < LIMIT_ANSWER_ADDRESSES; i++)
				m.addresses[i] = (struct resolver_address){.family = 4,
					.ttl = 60,
					.bytes = {9, 9, (uint8_t)taken, i}};
			assert_int_equal(pins_message(&x->pins, &m), 0);
		}
		if (more) {
			assert_int_equal(pins_message(&x->pins, &m), -1);
			assert_int_equal(flush(x), 0);
			continue;
		}
		assert_int_equal(flush(x), PINS_REQUESTS);
		for (unsigned i = 0; i < PINS_REQUESTS; i++)
			assert_int_equal(x->answers[i].accepted, 0xffff);
	}
	assert_int_equal(listed("pins4", "9.9.63.15 . 16"), 1);
}

/* What a worker requested before it violated the protocol isn't opened. */
static void a_broken_protocol_forgets_what_waits(void **state)
{
	struct fixture *x = *state;
	struct resolver_message good = PIN("good.example", "9.9.9.9");
	struct resolver_message evil = PIN("evil.example", "9.9.9.8");

	assert_int_equal(pins_message(&x->pins, &good), 0);
	assert_int_equal(pins_message(&x->pins, &evil), -1);
	assert_int_equal(flush(x), 0);
	assert_int_equal(listed("pins4", "9.9.9"), 0);
}

/* A set that accepts nothing: the others' pins are open, and only those are reported. */
static void a_failing_request_does_not_affect_others(void **state)
{
	struct fixture *x = *state;
	struct resolver_message local_dns = PIN("inside.example", "10.9.9.9");
	struct resolver_message good = PIN("good.example", "9.9.9.9");

	/* The set for private addresses is missing: a transaction that names it fails
	 * completely. */
	assert_int_equal(system("nft flush table inet codex_init && "
				"nft delete set inet codex_init private4"),
		0);
	assert_int_equal(pins_message(&x->pins, &local_dns), 0);
	assert_int_equal(pins_message(&x->pins, &good), 0);
	assert_int_equal(flush(x), 2);
	assert_int_equal(x->answers[0].accepted, 0);
	assert_int_equal(x->answers[1].accepted, 1);
	assert_int_equal(listed("pins4", "9.9.9.9 . 443"), 1);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(requests_that_come_together),
		TEST(requests_of_the_largest_kind),
		TEST(a_broken_protocol_forgets_what_waits),
		TEST(a_failing_request_does_not_affect_others),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
